"""Webhook endpoints, the delivery log and the pull feed (contract P-8, 5.7, 5.8)."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from tests.surfaces.powerbox.conftest import PowerBox

from energygrid.messaging.events import EVENT_TYPES, record
from energygrid.surfaces.powerbox.webhook_log import EventType

URL = "https://93.184.215.14/hook"
"""A public address, so that no name is asked; nothing is sent to it."""
SCOPE = "webhooks.manage"


@pytest.fixture
def hook(powerbox: PowerBox) -> dict[str, Any]:
    answer = powerbox.call("POST", "/powerbox/webhooks", SCOPE, json={"url": URL, "eventTypes": ["bind.paired"]})
    assert answer.status_code == 201
    return answer.json()


def test_the_documented_types_are_those_that_are_recorded() -> None:
    assert set(get_args(EventType)) == set(EVENT_TYPES)


def test_the_secret_is_shown_once(powerbox: PowerBox, hook: dict[str, Any]) -> None:
    assert hook["secret"].startswith("whsec_")
    for path in ("/powerbox/webhooks", f"/powerbox/webhooks/{hook['id']}"):
        assert "secret" not in powerbox.call("GET", path, SCOPE).text.replace("webhooks", "")


def test_changed_and_disabled_and_deleted(powerbox: PowerBox, hook: dict[str, Any]) -> None:
    path = f"/powerbox/webhooks/{hook['id']}"
    changed = powerbox.call("PUT", path, SCOPE, json={"url": URL, "description": "ours", "enabled": False}).json()
    assert (changed["enabled"], changed["disabledReason"], changed["eventTypes"]) == (False, "DISABLED_BY_OWNER", [])
    assert powerbox.call("POST", f"{path}/test", SCOPE).json()["errorCode"] == "WEBHOOK_DISABLED"
    assert powerbox.call("DELETE", path, SCOPE).status_code == 204
    assert powerbox.call("GET", path, SCOPE).json()["errorCode"] == "UNKNOWN_WEBHOOK"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://93.184.215.14/hook", "BAD_URL"),
        ("https://127.0.0.1/hook", "FORBIDDEN_ADDRESS"),
        ("https://2130706433/hook", "FORBIDDEN_ADDRESS"),
        ("https://[::ffff:169.254.169.254]/", "FORBIDDEN_ADDRESS"),
        ("https://user:pw@93.184.215.14/", "BAD_URL"),
        ("https://93.184.215.14:22/", "BAD_URL"),
        ("ftp://93.184.215.14/", "BAD_URL"),
        ("", "BAD_URL"),
    ],
)
def test_addresses_that_may_not_be_called_are_refused(powerbox: PowerBox, url: str, code: str) -> None:
    answer = powerbox.call("POST", "/powerbox/webhooks", SCOPE, json={"url": url})
    assert (answer.status_code, answer.json()["errorCode"]) == (400, code)


def test_an_unknown_event_type_is_refused(powerbox: PowerBox) -> None:
    answer = powerbox.call("POST", "/powerbox/webhooks", SCOPE, json={"url": URL, "eventTypes": ["bind.dreamt"]})
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "INVALID_PAYLOAD")


def test_rotation_shows_the_new_secret_and_how_long_the_old_one_lives(powerbox: PowerBox, hook: dict[str, Any]) -> None:
    answer = powerbox.call("POST", f"/powerbox/webhooks/{hook['id']}/secret", SCOPE).json()
    assert answer["secret"] != hook["secret"]
    assert "previousValidUntil" in answer


def test_deliveries_are_listed_and_replayed(powerbox: PowerBox, hook: dict[str, Any]) -> None:
    now = datetime.now(UTC)
    powerbox.database.write(record, powerbox.tenant.id, "bind.paired", {"meterId": "7"}, now)
    span = {"from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00+02:00", "onlyDead": False}
    path = f"/powerbox/webhooks/{hook['id']}"
    assert powerbox.call("POST", f"{path}/replay", SCOPE, json=span).json() == {"events": 1}
    (listed,) = powerbox.call("GET", f"{path}/deliveries?state=pending", SCOPE).json()["deliveries"]
    one = powerbox.call("GET", f"{path}/deliveries/{listed['eventId']}", SCOPE).json()
    assert (one["type"], one["log"]) == ("bind.paired", [])
    again = powerbox.call("POST", f"{path}/deliveries/{listed['eventId']}/replay", SCOPE)
    assert again.status_code == 202
    unknown = powerbox.call("POST", f"{path}/deliveries/msg_{'0' * 24}/replay", SCOPE)
    assert unknown.json()["errorCode"] == "UNKNOWN_DELIVERY"


def test_the_feed_goes_on_where_it_stopped(powerbox: PowerBox) -> None:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    start = powerbox.call("GET", "/powerbox/events?limit=500", SCOPE).json()["next"]
    for meter in ("1", "2", "3"):
        powerbox.database.write(record, powerbox.tenant.id, "bind.paired", {"meterId": meter}, now)
    first = powerbox.call("GET", f"/powerbox/events?since={start}&limit=2", SCOPE).json()
    assert [e["data"]["meterId"] for e in first["events"]] == ["1", "2"]
    assert first["more"] is True
    assert first["events"][0]["timestamp"] == "2026-03-01T12:00:00.000Z"
    rest = powerbox.call("GET", f"/powerbox/events?since={first['next']}&types=bind.paired", SCOPE).json()
    assert ([e["data"]["meterId"] for e in rest["events"]], rest["more"]) == (["3"], False)
    end = powerbox.call("GET", f"/powerbox/events?since={rest['next']}", SCOPE).json()
    assert (end["events"], end["next"]) == ([], rest["next"])


def test_another_utility_sees_nothing(
    powerbox: PowerBox, hook: dict[str, Any], new_caller: Callable[..., PowerBox]
) -> None:
    powerbox.database.write(record, powerbox.tenant.id, "bind.paired", {"meterId": "7"}, datetime.now(UTC))
    other = new_caller("elsewhere")
    assert other.call("GET", "/powerbox/events", SCOPE).json()["events"] == []
    path = f"/powerbox/webhooks/{hook['id']}"
    for method, at in (("GET", ""), ("DELETE", ""), ("POST", "/secret"), ("POST", "/test"), ("GET", "/deliveries")):
        assert other.call(method, path + at, SCOPE).status_code == 404


def test_the_scope_is_needed(powerbox: PowerBox) -> None:
    assert powerbox.call("GET", "/powerbox/webhooks", "usage.ingest").status_code == 403
