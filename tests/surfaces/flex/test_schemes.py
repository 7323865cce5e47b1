"""Schemes: opting in and out, and verification. contracts/flexibility.md, rows 14 to 17."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID, uuid4

import pytest

from energygrid.access.audit import SYSTEM
from energygrid.errors import Conflict
from energygrid.flexibility.registry import schemes, verification

from .conftest import Flex, make_caller
from .test_assets import MPANS, create
from .test_portfolios import told

RunJobs = Callable[[], None]


def make(flex: Flex, name: str = "Winter") -> str:
    return str(flex.database.write(schemes.create, flex.tenant, name, who=SYSTEM, now=datetime.now(UTC)).uuid)


@pytest.fixture
def scheme(flex: Flex) -> str:
    return make(flex)


def opt(flex: Flex, scheme: str, status: str, *assets: str) -> None:
    """As the known client does."""
    body = {"statuses": [{"assetUUIDs": list(assets), "status": status}]}
    answer = flex.post(f"/api/v1/event-schemes/{scheme}/assets-optin", json=body)
    assert answer.status_code == 201, answer.text


def states(flex: Flex, scheme: str, **query: Any) -> dict[str, str]:
    answer = flex.get(f"/api/v1/event-schemes/{scheme}/assets", params={"pageSize": 1000} | query)
    assert answer.status_code == 200
    return {each["asset"]["assetId"]: each["state"] for each in answer.json()["items"]}


def updates(flex: Flex) -> list[list[tuple[str, str]]]:
    return [
        sorted((each["assetId"], each["status"]) for each in message["assets"])
        for message in told(flex, "EVENT_SCHEME.ASSETS_UPDATED")
    ]


def ready(flex: Flex, scheme: str) -> list[UUID]:
    return flex.database.read(schemes.ready_assets, flex.tenant, UUID(scheme))


def test_schemes_are_a_list_by_name(flex: Flex) -> None:
    for name in ("Winter", "Summer"):
        make(flex, name)
    answer = flex.get("/api/v1/event-schemes")
    assert [each["name"] for each in answer.json()] == ["Summer", "Winter"]
    assert {"uuid", "name"} <= set(answer.json()[0])
    with pytest.raises(Conflict, match="already"):
        make(flex, "Winter")


def test_what_is_opted_in_becomes_ready(flex: Flex, scheme: str, run_jobs: RunJobs) -> None:
    one = create(flex, MPANS[0])["uuid"]
    opt(flex, scheme, "OPT_IN", one)
    assert states(flex, scheme) == {MPANS[0]: "OPT_IN"}
    assert ready(flex, scheme) == []
    run_jobs()
    assert states(flex, scheme) == {MPANS[0]: "READY"}
    assert ready(flex, scheme) == [UUID(one)]
    assert updates(flex) == [[(MPANS[0], "OPT_IN")], [(MPANS[0], "READY")]]
    assert flex.get(f"/api/v1/assets/{one}").json()["schemes"] == [{"uuid": scheme, "state": "READY"}]


def test_an_asset_may_be_opted_in_as_it_is_made(flex: Flex, scheme: str, run_jobs: RunJobs) -> None:
    at = "2026-01-05T09:00:00Z"
    create(flex, MPANS[0], eventSchemeUUID=scheme, eventSchemeOptedInDateTime=at)
    run_jobs()
    assert states(flex, scheme) == {MPANS[0]: "READY"}
    (consent,) = flex.get("/api/v1/consents").json()["items"]
    assert (consent["scope"], consent["schemeUUID"], consent["grantedAt"]) == (
        "SCHEME",
        scheme,
        "2026-01-05T09:00:00.000Z",
    )


def test_a_wrong_mpan_is_rejected_and_a_missing_one_only_where_one_is_required(
    flex: Flex, scheme: str, run_jobs: RunJobs
) -> None:
    opt(flex, scheme, "OPT_IN", create(flex, "1234567890127")["uuid"], create(flex, "meter-1")["uuid"])
    strict = make_caller(flex.http, flex.services, "strict", mpan_required=True)
    theirs = make(strict)
    opt(strict, theirs, "OPT_IN", create(strict, "meter-1")["uuid"])
    run_jobs()
    assert states(flex, scheme) == {"1234567890127": "REJECTED", "meter-1": "READY"}
    assert states(strict, theirs) == {"meter-1": "REJECTED"}
    shown = flex.get(f"/api/v1/event-schemes/{scheme}/assets", params={"state": "REJECTED"}).json()["items"]
    assert [each["reason"].split(":")[0] for each in shown] == ["CHECK_DIGIT"]


def test_one_mpan_in_two_tenants_duplicates_the_later_until_the_earlier_goes(
    flex: Flex, scheme: str, run_jobs: RunJobs
) -> None:
    other = flex.of_tenant("other")
    theirs = make(other)
    first = create(flex, MPANS[0])["uuid"]
    later = create(other, MPANS[0])["uuid"]
    opt(other, theirs, "OPT_IN", later)
    opt(flex, scheme, "OPT_IN", first)
    run_jobs()
    assert (states(flex, scheme), states(other, theirs)) == ({MPANS[0]: "READY"}, {MPANS[0]: "DUPLICATED"})
    assert ready(other, theirs) == []
    flex.call("DELETE", f"/api/v1/assets/{first}")
    run_jobs()
    assert states(other, theirs) == {MPANS[0]: "READY"}
    assert states(flex, scheme) == {MPANS[0]: "OPT_OUT"}


def test_doing_it_again_changes_and_tells_nothing(flex: Flex, scheme: str, run_jobs: RunJobs) -> None:
    one = create(flex, MPANS[0])["uuid"]
    opt(flex, scheme, "OPT_IN", one)
    run_jobs()
    opt(flex, scheme, "OPT_IN", one)
    run_jobs()
    assert states(flex, scheme) == {MPANS[0]: "READY"}
    for _ in range(2):
        opt(flex, scheme, "OPT_OUT", one)
    assert updates(flex) == [[(MPANS[0], "OPT_IN")], [(MPANS[0], "READY")], [(MPANS[0], "OPT_OUT")]]
    assert flex.get("/api/v1/consents").json()["pagination"]["totalItems"] == 1


def test_opting_out_of_all_schemes_leaves_each(flex: Flex, scheme: str, run_jobs: RunJobs) -> None:
    summer = make(flex, "Summer")
    one, other = create(flex, MPANS[0])["uuid"], create(flex, MPANS[1])["uuid"]
    for each in (scheme, summer):
        opt(flex, each, "OPT_IN", one, other)
    run_jobs()
    answer = flex.post("/api/v1/event-schemes/assets/opt-out", json={"assetUUIDs": [one]})
    assert answer.status_code == 201
    for each in (scheme, summer):
        assert states(flex, each) == {MPANS[0]: "OPT_OUT", MPANS[1]: "READY"}
        assert states(flex, each, state="READY") == {MPANS[1]: "READY"}
    standing = flex.get("/api/v1/consents", params={"status": "GRANTED"}).json()["items"]
    assert {each["assetUUID"] for each in standing} == {other}


def test_the_last_of_several_words_counts(flex: Flex, scheme: str) -> None:
    one = create(flex, "meter-1")["uuid"]
    words = [{"assetUUIDs": [one], "status": "OPT_IN"}, {"assetUUIDs": [one], "status": "OPT_OUT"}]
    answer = flex.post(f"/api/v1/event-schemes/{scheme}/assets-optin", json={"statuses": words})
    assert answer.json() == {"optedIn": 0, "optedOut": 1}
    assert states(flex, scheme) == {"meter-1": "OPT_OUT"}


def test_all_are_opted_in_or_none(flex: Flex, scheme: str) -> None:
    one, gone = create(flex, "meter-1")["uuid"], create(flex, "meter-2")["uuid"]
    flex.call("DELETE", f"/api/v1/assets/{gone}")
    for bad, code in ((str(uuid4()), "UNKNOWN_ASSET"), (gone, "ASSET_ARCHIVED")):
        body = {"statuses": [{"assetUUIDs": [one, bad], "status": "OPT_IN"}]}
        answer = flex.post(f"/api/v1/event-schemes/{scheme}/assets-optin", json=body)
        assert answer.json()["code"] == code
    assert states(flex, scheme) == {}


@pytest.mark.parametrize("word", ["READY", "REJECTED"])
def test_a_tenant_may_decide_by_hand(flex: Flex, run_jobs: RunJobs, word: Literal["READY", "REJECTED"]) -> None:
    careful = make_caller(flex.http, flex.services, "careful", verification="manual")
    scheme = make(careful)
    one, other = create(careful, MPANS[0])["uuid"], create(careful, MPANS[1])["uuid"]
    opt(careful, scheme, "OPT_IN", one)
    run_jobs()
    assert states(careful, scheme) == {MPANS[0]: "OPT_IN"}
    now = datetime.now(UTC)

    def decide(asset: str) -> int:
        return careful.database.write(
            verification.decide, careful.tenant, UUID(scheme), [UUID(asset)], word, reason="seen", who=SYSTEM, now=now
        )

    assert (decide(one), decide(one)) == (1, 0)
    assert states(careful, scheme) == {MPANS[0]: word}
    with pytest.raises(Conflict, match="not opted"):
        decide(other)


def test_a_message_lists_a_thousand_assets(flex: Flex, scheme: str, make_assets: Callable[..., list[str]]) -> None:
    opt(flex, scheme, "OPT_IN", *make_assets(1001))
    assert sorted(len(each) for each in updates(flex)) == [1, 1000]


def test_another_tenants_scheme_and_assets_are_404(flex: Flex, scheme: str) -> None:
    other = flex.of_tenant("other")
    one, theirs = create(flex, "meter-1")["uuid"], make(other)
    body = {"statuses": [{"assetUUIDs": [one], "status": "OPT_IN"}]}
    assert other.get(f"/api/v1/event-schemes/{scheme}/assets").status_code == 404
    for where, sent in (
        (f"/api/v1/event-schemes/{scheme}/assets-optin", {"statuses": []}),
        (f"/api/v1/event-schemes/{theirs}/assets-optin", body),
        ("/api/v1/event-schemes/assets/opt-out", {"assetUUIDs": [one]}),
    ):
        assert other.post(where, json=sent).status_code == 404, where
    assert other.get("/api/v1/event-schemes").json()[0]["uuid"] == theirs
