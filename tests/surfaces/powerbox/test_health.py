"""GET /powerbox/healthz: the tutorial's token check (TA-4, C23)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from tests.surfaces.powerbox.conftest import PowerBox


def test_ta4_and_c23_a_valid_token_is_enough(powerbox: PowerBox, new_caller: Callable[..., PowerBox]) -> None:
    answer = powerbox.call("GET", "/powerbox/healthz", "rates.write")
    assert (answer.status_code, answer.json()["status"], answer.json()["env"]) == (200, "ok", "sandbox")
    assert datetime.fromisoformat(answer.json()["time"]).tzinfo is not None
    assert new_caller("prod", "production").call("GET", "/powerbox/healthz").json()["env"] == "production"


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer nonsense", "Basic Y2lzOnNlY3JldA==", "Bearer a.b.c"])
def test_ta4_without_a_valid_token_it_is_401_without_a_body(powerbox: PowerBox, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = powerbox.http.get("/powerbox/healthz", headers=headers)
    assert (answer.status_code, answer.content) == (401, b"")
    assert answer.headers["PowerBox-Error-Code"] == "INVALID_TOKEN"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


def test_an_expired_token_says_so(powerbox: PowerBox) -> None:
    token = powerbox.token(lifetime=timedelta(minutes=1), at=datetime.now(UTC) - timedelta(hours=1))
    answer = powerbox.http.get("/powerbox/healthz", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.headers["PowerBox-Error-Code"]) == (401, "EXPIRED_TOKEN")
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
