"""What every request passes: key, tenant, version, limits. contracts/flexibility.md 1.1."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from energygrid.access.api_keys import keys
from energygrid.access.audit import SYSTEM
from energygrid.errors import Throttled
from energygrid.surfaces.flex.limits import Limit, Limiter

from .conftest import Flex, make_caller

ABSENT = f"/api/v1/assets/{uuid4()}/energy-consumption"


def test_a_request_without_a_key_is_401_and_says_which_headers_are_needed(flex: Flex) -> None:
    answer = flex.http.get("/api/v1/nowhere")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("ApiKey")
    assert answer.json()["statusCode"] == 401
    assert answer.json()["error"] == "Unauthorized"
    assert "x-api-key" in answer.json()["message"]


def test_an_unknown_key_is_401(flex: Flex) -> None:
    answer = flex.get(ABSENT, headers={"x-api-key": flex.key[:-1] + "_"})
    assert (answer.status_code, answer.json()["code"]) == (401, "UNKNOWN_API_KEY")


@pytest.mark.parametrize("tenant", ["", "no uuid", "938065ee-b9b4-45ab-b7c1-eba35004a185"])
def test_a_key_with_another_tenants_uuid_is_403(flex: Flex, tenant: str) -> None:
    answer = flex.get(ABSENT, headers={"tenant": tenant})
    assert (answer.status_code, answer.json()["code"]) == (403, "WRONG_TENANT")


def test_only_version_1_0_exists(flex: Flex) -> None:
    assert flex.get(ABSENT, headers={"x-api-version": "2.0"}).json()["code"] == "UNKNOWN_VERSION"
    headers = flex.headers
    del headers["x-api-version"]
    assert flex.http.get(ABSENT, headers=headers).status_code == 404


def test_a_key_ends_with_its_time_and_when_it_is_disabled(flex: Flex) -> None:
    database, vault, now = flex.database, flex.services.vault, datetime.now(UTC)
    ends = now + timedelta(hours=1)
    key_id, shown = database.write(
        keys.create_key, vault, flex.tenant, name="short", who=SYSTEM, now=now, expires_at=ends
    )
    assert database.read(keys.find_key, vault, shown.get_secret_value(), now) is not None
    assert database.read(keys.find_key, vault, shown.get_secret_value(), ends) is None
    database.write(keys.disable_key, key_id, who=SYSTEM, now=now)
    assert database.read(keys.find_key, vault, shown.get_secret_value(), now) is None
    assert flex.get(ABSENT, headers={"x-api-key": shown.get_secret_value()}).status_code == 401


def test_a_path_that_is_none_is_404_and_a_wrong_method_is_405_with_allow(flex: Flex) -> None:
    assert flex.get("/api/v1/nowhere").json()["code"] == "UNKNOWN_PATH"
    for prefix in ("/api/v1", "/api"):
        answer = flex.call("DELETE", f"{prefix}/energy-consumption")
        assert answer.status_code == 405
        assert answer.headers["allow"] == "POST"


def test_consumption_has_a_bucket_of_its_own(flex: Flex) -> None:
    strict = make_caller(flex.http, flex.services, "strict", consumption_per_second=0.01, requests_per_second=0.01)
    assert strict.post("/api/v1/energy-consumption", json=[]).status_code == 201
    late = strict.post("/api/v1/energy-consumption", json=[])
    assert (late.status_code, late.json()["code"]) == (429, "RATE_LIMITED")
    assert 1 <= int(late.headers["retry-after"]) <= 100
    first = strict.get(ABSENT)
    assert first.status_code == 404
    assert (first.headers["x-ratelimit-limit"], first.headers["x-ratelimit-remaining"]) == ("1", "0")
    assert strict.get(ABSENT).status_code == 429


def test_as_many_as_a_second_allows_may_come_at_once_and_the_next_must_wait() -> None:
    at = [0.0]
    limiter, limit = Limiter(lambda: at[0]), Limit(25, 100)
    remaining = [limiter.admit("k", "general", limit).remaining for _ in range(25)]
    assert remaining == list(range(24, -1, -1))
    with pytest.raises(Throttled, match="25 requests a second"):
        limiter.admit("k", "general", limit)
    limiter.admit("other", "general", limit)
    at[0] = 0.04
    assert limiter.admit("k", "general", limit).remaining == 0


def test_only_so_many_are_under_way_at_once_and_each_that_ends_makes_room() -> None:
    limiter, limit = Limiter(lambda: 0.0), Limit(1000, 2)
    first, _ = limiter.admit("k", "general", limit), limiter.admit("k", "general", limit)
    with pytest.raises(Throttled) as refused:
        limiter.admit("k", "general", limit)
    assert (refused.value.code, refused.value.retry_after) == ("TOO_MANY_AT_ONCE", 1)
    first.give_back()
    limiter.admit("k", "general", limit)
