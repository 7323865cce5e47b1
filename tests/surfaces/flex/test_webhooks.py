"""Webhooks over HTTP: contracts/flexibility.md table 1.2 rows 28 to 32, 1.8 and 5.8."""

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from uuid import UUID, uuid4

import pytest
from tests.messaging.webhooks.conftest import Receiver, receiver

from energygrid.access import tenants
from energygrid.access.audit import SYSTEM
from energygrid.flexibility import messages
from energygrid.messaging.events import FLEX_TYPES, WEBHOOK_BROKEN
from energygrid.surfaces.flex.webhook_wire import EventType, TestedType

from .conftest import Flex

__all__ = ["receiver"]

Run = Callable[[], None]
EVENT = UUID("22222222-2222-4222-8222-222222222222")
ALL = list(FLEX_TYPES)


def subscribe(flex: Flex, url: str, types: list[str] = ALL, name: str = "ours") -> dict[str, Any]:
    answer = flex.post("/api/v1/webhooks/subscribe", json={"name": name, "url": url, "eventTypes": types})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def path(webhook: dict[str, Any], rest: str = "") -> str:
    return f"/api/v1/webhooks/{webhook['uuid']}{rest}"


def tell(flex: Flex, message: messages.Message) -> str:
    return flex.database.write(messages.tell, flex.tenant.id, message, datetime.now(UTC))


def deliver(run_jobs: Run) -> None:
    run_jobs()  # fans out, and may leave before the delivery that this defers
    run_jobs()


def test_the_wire_names_exactly_the_types_there_are() -> None:
    assert get_args(TestedType) == FLEX_TYPES
    assert set(get_args(get_args(EventType)[0])) | {*get_args(get_args(EventType)[1])} == {*FLEX_TYPES, WEBHOOK_BROKEN}


def test_subscribing_shows_the_secret_once(flex: Flex, receiver: Receiver) -> None:
    made = subscribe(flex, receiver.url, ["EVENT.STARTED", "EVENT.ENDED"])
    assert made["secret"].startswith("whsec_")
    assert (made["name"], made["url"], made["status"]) == ("ours", receiver.url, "ACTIVE")
    assert made["eventTypes"] == ["EVENT.ENDED", "EVENT.STARTED"]
    shown = flex.get(path(made))
    assert shown.status_code == 200
    assert shown.json() == {name: made[name] for name in made if name != "secret"}


def test_a_list_has_pages(flex: Flex, receiver: Receiver) -> None:
    for number in range(3):
        subscribe(flex, receiver.url, name=str(number))
    page = flex.get("/api/v1/webhooks?page=2&pageSize=2").json()
    assert [each["name"] for each in page["items"]] == ["2"]
    assert page["pagination"] == {
        "totalItems": 3,
        "itemCount": 1,
        "itemsPerPage": 2,
        "totalPages": 2,
        "currentPage": 2,
        "hasMore": False,
    }
    assert all("secret" not in each for each in page["items"])


def test_unsubscribing_is_200_and_the_webhook_is_gone(flex: Flex, receiver: Receiver) -> None:
    for prefix in ("/api/v1", "/api"):
        made = subscribe(flex, receiver.url)
        assert flex.call("DELETE", f"{prefix}/webhooks/{made['uuid']}/unsubscribe").status_code == 200
        assert flex.get(path(made)).status_code == 404
        assert flex.call("DELETE", f"{prefix}/webhooks/{made['uuid']}/unsubscribe").status_code == 404


def test_a_subscription_that_does_not_hold_is_400(flex: Flex) -> None:
    for body in (
        {"name": "x", "url": "https://hooks.example/", "eventTypes": []},
        {"name": "x", "url": "https://hooks.example/", "eventTypes": ["EVENT.PAUSED"]},
        {"name": "", "url": "https://hooks.example/", "eventTypes": ["EVENT.STARTED"]},
        {"name": "x", "url": "ftp://hooks.example/", "eventTypes": ["EVENT.STARTED"]},
        {"name": "x", "eventTypes": ["EVENT.STARTED"]},
    ):
        answer = flex.post("/api/v1/webhooks/subscribe", json=body)
        assert (answer.status_code, answer.json()["error"]) == (400, "Bad Request"), body


def test_a_private_address_is_refused_when_it_is_registered(flex: Flex) -> None:
    for url in ("https://169.254.169.254/latest", "https://10.0.0.1/", "http://[fd00::1]/", "http://192.168.1.1/"):
        answer = flex.post("/api/v1/webhooks/subscribe", json={"name": "x", "url": url, "eventTypes": ALL})
        assert (answer.status_code, answer.json()["code"]) == (400, "FORBIDDEN_ADDRESS"), url


def test_only_a_sandbox_reaches_its_own_machine(flex: Flex) -> None:
    real = flex.of_tenant("real", environment="production")
    for url in ("http://127.0.0.1:9/", "https://127.0.0.1/", "http://localhost:9/"):
        body = {"name": "x", "url": url, "eventTypes": ALL}
        assert flex.post("/api/v1/webhooks/subscribe", json=body).status_code == 201, url
        answer = real.post("/api/v1/webhooks/subscribe", json=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "FORBIDDEN_ADDRESS"), url


def test_a_test_call_sends_one_message_of_each_listed_type(flex: Flex, receiver: Receiver, run_jobs: Run) -> None:
    made = subscribe(flex, receiver.url, ["EVENT.STARTED"])
    answer = flex.post(path(made, "/test"), json=[*ALL, "EVENT.STARTED"])
    assert answer.status_code == 201
    assert [each["type"] for each in answer.json()] == ALL
    deliver(run_jobs)
    bodies = [json.loads(request["body"]) for request in receiver.requests]
    assert {each["uuid"]: each["type"] for each in bodies} == {each["uuid"]: each["type"] for each in answer.json()}
    assert all(each["data"]["uuid"].startswith("00000000-") for each in bodies)
    assert all(list(each) == ["uuid", "type", "timestamp", "data"] for each in bodies)
    assert flex.get("/api/v1/webhook-events").json()["items"] == []


def test_a_test_call_needs_types(flex: Flex, receiver: Receiver) -> None:
    made = subscribe(flex, receiver.url)
    for body in ([], ["EVENT.PAUSED"], {"types": []}, "EVENT.STARTED"):
        assert flex.post(path(made, "/test"), json=body).status_code == 400, body


def test_a_message_is_signed_and_its_delivery_can_be_looked_up(flex: Flex, receiver: Receiver, run_jobs: Run) -> None:
    made = subscribe(flex, receiver.url)
    uuid = tell(flex, messages.event_started(EVENT))
    deliver(run_jobs)
    sent = receiver.requests[0]
    expected = hmac.new(made["secret"].encode(), sent["body"], hashlib.sha256).hexdigest()
    assert sent["headers"]["equiwatt-Webhook-Signature"] == f"equsha256={expected}"
    listed = flex.get(path(made, "/deliveries")).json()
    assert listed["pagination"]["totalItems"] == 1
    assert (listed["items"][0]["uuid"], listed["items"][0]["status"]) == (uuid, "DELIVERED")
    detail = flex.get(path(made, f"/deliveries/{uuid}")).json()
    assert detail["data"] == {"uuid": str(EVENT), "status": "STARTED"}
    assert [(each["number"], each["status"], each["excerpt"]) for each in detail["log"]] == [(1, 200, "thanks")]


def test_dead_letters_are_listed_and_replayed_after_the_webhook_was_enabled(
    flex: Flex, receiver: Receiver, run_jobs: Run
) -> None:
    receiver.behave = lambda _n, _headers: (410, {})
    made = subscribe(flex, receiver.url)
    sent = [tell(flex, messages.stats_ready(EVENT, "ENDED", revision)) for revision in (1, 2, 3)]
    deliver(run_jobs)
    broken = flex.get(path(made)).json()
    assert (broken["status"], broken["brokenReason"]) == ("BROKEN", "GONE")
    dead = flex.get(path(made, "/deliveries?status=DEAD")).json()
    assert [each["uuid"] for each in dead["items"]] == sent[::-1]
    span = {"from": "2020-01-01T00:00:00Z", "to": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}
    assert flex.post(path(made, "/replay"), params=span).json()["code"] == "WEBHOOK_DISABLED"

    receiver.behave = lambda _n, _headers: (200, {})
    assert flex.post(path(made, "/enable")).json()["status"] == "ACTIVE"
    again = flex.post(path(made, "/replay"), params=span | {"onlyDead": "true"})
    assert (again.status_code, again.json()) == (201, {"messages": 3})
    deliver(run_jobs)
    assert [json.loads(r["body"])["data"]["revision"] for r in receiver.requests[1:]] == [1, 2, 3]
    one = flex.post(path(made, f"/deliveries/{sent[1]}/replay"))
    assert (one.status_code, one.json()) == (201, {"uuid": sent[1]})
    deliver(run_jobs)
    assert len({request["body"] for request in receiver.requests if request["headers"]["webhook-id"] == sent[1]}) == 1
    assert len(receiver.accepted[sent[1]]) == 2


def test_a_span_that_ends_before_it_starts_is_400(flex: Flex, receiver: Receiver) -> None:
    made = subscribe(flex, receiver.url)
    answer = flex.post(path(made, "/replay"), params={"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"})
    assert (answer.status_code, answer.json()["code"]) == (400, "EMPTY_SPAN")


@pytest.mark.parametrize(("body", "signatures"), [(None, 2), ({"overlapHours": 0}, 1)])
def test_a_rotated_secret_lives_beside_the_old_one_for_as_long_as_asked(
    flex: Flex, receiver: Receiver, run_jobs: Run, body: Any, signatures: int
) -> None:
    made = subscribe(flex, receiver.url)
    rotated = flex.post(path(made, "/rotate-secret"), json=body)
    assert rotated.status_code == 201
    tell(flex, messages.event_started(EVENT))
    deliver(run_jobs)
    sent = receiver.requests[0]
    secrets = [rotated.json()["secret"], made["secret"]][:signatures]
    expected = [f"equsha256={hmac.new(s.encode(), sent['body'], hashlib.sha256).hexdigest()}" for s in secrets]
    assert sent["headers"]["equiwatt-Webhook-Signature"].split(",") == expected


def test_the_feed_tells_what_webhooks_told_also_to_who_had_none(flex: Flex) -> None:
    sent = [tell(flex, messages.stats_ready(EVENT, "ENDED", revision)) for revision in range(5)]
    first = flex.get("/api/v1/webhook-events?limit=3").json()
    assert [each["uuid"] for each in first["items"]] == sent[:3]
    assert first["hasMore"]
    rest = flex.get("/api/webhook-events", params={"after": first["next"]}).json()
    assert [each["data"]["revision"] for each in rest["items"]] == [3, 4]
    assert rest["items"][0]["type"] == "EVENT.STATS_READY"
    nothing = flex.get("/api/v1/webhook-events", params={"after": rest["next"]}).json()
    assert nothing == {"items": [], "next": rest["next"], "hasMore": False}


def test_faults_are_switched_in_a_sandbox_and_refused_elsewhere(flex: Flex, receiver: Receiver, run_jobs: Run) -> None:
    faults = {"drop": 0, "duplicate": 1, "delayS": 0}
    assert flex.call("PUT", "/api/v1/sandbox/webhook-faults", json=faults).json() == faults
    subscribe(flex, receiver.url)
    uuid = tell(flex, messages.event_started(EVENT))
    deliver(run_jobs)
    assert [request["headers"]["webhook-id"] for request in receiver.requests] == [uuid, uuid]
    real = flex.of_tenant("real", environment="production")
    answer = real.call("PUT", "/api/v1/sandbox/webhook-faults", json=faults)
    assert (answer.status_code, answer.json()["code"]) == (400, "NOT_A_SANDBOX")


def test_the_tenants_member_names_are_used(flex: Flex, receiver: Receiver, run_jobs: Run) -> None:
    names = {"uuid_member": "id", "type_member": "event", "timestamp_member": "at", "data_member": "resource"}
    flex.database.write(tenants.set_section, flex.tenant, "webhooks", names, who=SYSTEM, now=datetime.now(UTC))
    subscribe(flex, receiver.url)
    tell(flex, messages.event_started(EVENT))
    deliver(run_jobs)
    assert list(json.loads(receiver.requests[0]["body"])) == ["id", "event", "at", "resource"]


OPERATIONS: list[tuple[str, str, Any]] = [
    ("GET", "", None),
    ("DELETE", "/unsubscribe", None),
    ("POST", "/test", ["EVENT.STARTED"]),
    ("POST", "/rotate-secret", {}),
    ("POST", "/enable", None),
    ("GET", "/deliveries", None),
    ("GET", "/deliveries/{message}", None),
    ("POST", "/deliveries/{message}/replay", None),
    ("POST", "/replay?from=2026-01-01&to=2026-01-02", None),
]


def test_another_tenants_webhook_is_404_in_the_words_of_one_that_never_was(flex: Flex, receiver: Receiver) -> None:
    theirs = flex.of_tenant("other")
    made = subscribe(theirs, receiver.url)
    message = tell(theirs, messages.event_started(EVENT))
    for method, rest, body in OPERATIONS:
        said = []
        for uuid in (made["uuid"], str(uuid4())):
            at = f"/api/v1/webhooks/{uuid}{rest.replace('{message}', message)}"
            answer = flex.call(method, at, json=body)
            assert answer.status_code == 404, (method, rest)
            said.append(answer.json()["message"].replace(uuid, "X"))
        assert said[0] == said[1]
    assert flex.get("/api/v1/webhook-events").json()["items"] == []
    assert theirs.get(path(made)).status_code == 200
