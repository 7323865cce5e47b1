"""POST /powerbox/bind and its neighbours (contract 1.12, P-3, P-4, 3.4; C7-C10, C12, C14, C15)."""

import base64
import hmac
import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from tests.customers.payloads import customer, meter, site
from tests.surfaces.powerbox.conftest import PowerBox

from energygrid.access.scopes import SCOPES
from energygrid.customers.profiles import resolve_profile
from energygrid.devices import timers
from energygrid.devices.sandbox import load_fixtures
from energygrid.surfaces.powerbox.bind_wire import BindRequest

TUTORIAL = {
    "hemProfileId": "123456789",
    "macAddress": "AA:BB:CC:DD:EE:FF",
    "installCode": "TUTORIAL-INSTALL-CODE-001",
    "meterId": "123456789",
    "actionCode": 1,
}
OTHER_MAC = "11:22:33:44:55:66"
CODE = "83FED3407A932B70"
SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()


@dataclass(frozen=True)
class Binds:
    """What the tutorial's back office does."""

    box: PowerBox

    def post(self, *, headers: dict[str, str] | None = None, **changes: Any) -> Any:
        body = {name: value for name, value in (TUTORIAL | changes).items() if value is not ...}
        return self.box.call("POST", "/powerbox/bind", json=body, headers=headers)

    def state(self, answer: Any) -> str:
        found = self.box.call("GET", f"/powerbox/bind/{answer.json()['bindRequestId']}")
        assert found.status_code == 200, found.text
        state: str = found.json()["state"]
        return state

    def settle(self) -> None:
        timers.advance_tenant(self.box.database, self.box.tenant, datetime.now(UTC))


@pytest.fixture
def binds(powerbox: PowerBox) -> Binds:
    now = datetime.now(UTC)
    powerbox.database.write(load_fixtures, powerbox.services.vault, powerbox.tenant, now)
    return Binds(powerbox)


def error(answer: Any) -> tuple[int, str, str]:
    """Status, code in the header, code in the body."""
    body = answer.json() if answer.content else {}
    return answer.status_code, answer.headers["PowerBox-Error-Code"], body.get("errorCode", "")


def test_ta7_and_c14_the_tutorials_bind_is_accepted_with_a_json_body(binds: Binds) -> None:
    answer = binds.post()
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert list(body) == ["status", "message", "bindRequestId", "state"]
    assert (body["status"], body["message"], body["state"]) == ("success", "Binding request accepted", "REQUESTED")
    assert body["bindRequestId"].startswith("bnd_")


def test_ta9_the_tutorials_bind_works_twice_before_and_after_pairing(binds: Binds) -> None:
    first = binds.post()
    assert binds.post().status_code == 200
    binds.settle()
    again = binds.post()
    assert (again.status_code, again.headers["PowerBox-Bind-Result"]) == (200, "noop")
    assert again.json()["bindRequestId"] == first.json()["bindRequestId"]
    assert again.json()["state"] == "PAIRED"


@pytest.mark.parametrize("code", ["TUTORIAL-INSTALL-CODE-001", CODE])
def test_ta10_another_device_on_the_bound_meter(binds: Binds, code: str) -> None:
    binds.post()
    answer = binds.post(macAddress=OTHER_MAC, installCode=code)
    assert error(answer) == (400, "METER_ALREADY_BOUND", "METER_ALREADY_BOUND")


@pytest.mark.parametrize("bound_before", [False, True])
def test_ta10_a_wrong_code(binds: Binds, bound_before: bool) -> None:
    if bound_before:
        binds.post()
    answer = binds.post(installCode="WRONG-CODE")
    assert error(answer) == (400, "INVALID_INSTALL_CODE", "INVALID_INSTALL_CODE")


def test_ta10_release_and_bind_again(binds: Binds) -> None:
    first = binds.post()
    released = binds.post(actionCode=0)
    assert (released.status_code, released.json()["state"]) == (200, "RELEASING")
    second = binds.post(macAddress=OTHER_MAC)
    assert second.status_code == 200
    assert binds.state(first) == "RELEASED"
    assert binds.state(second) == "REQUESTED"


def test_c07_a_repeated_bind_is_a_noop_unless_the_caller_or_the_tenant_is_strict(binds: Binds) -> None:
    binds.post()
    binds.settle()
    assert binds.post().status_code == 200
    strict = binds.post(headers={"Prefer": "respond-async, handling=strict"})
    assert error(strict) == (400, "METER_ALREADY_BOUND", "METER_ALREADY_BOUND")
    binds.box.configure("devices", repeat_is_noop=False)
    assert binds.post().status_code == 400


def test_c07_in_production_a_repeated_bind_is_an_error(new_caller: Callable[..., PowerBox]) -> None:
    box = new_caller("real", "production", devices={"gateway": "simulator"})
    box.push(customer("123456789", site("p1", meter("123456789"))))
    binds = Binds(box)
    binds.post(installCode=CODE)
    binds.settle()
    assert error(binds.post(installCode=CODE)) == (400, "METER_ALREADY_BOUND", "METER_ALREADY_BOUND")
    box.configure("devices", gateway="simulator", repeat_is_noop=True)
    assert binds.post(installCode=CODE).headers["PowerBox-Bind-Result"] == "noop"


def test_c08_request_bind_again_is_the_same_request(binds: Binds) -> None:
    first, second = (binds.post(macAddress="AA:BB:CC:DD:EE:03") for _ in range(2))
    assert second.json()["bindRequestId"] == first.json()["bindRequestId"]
    assert "PowerBox-Bind-Result" not in second.headers


def test_c09_a_key_makes_a_bind_once_only(binds: Binds) -> None:
    headers = {"Idempotency-Key": "bind-1"}
    first = binds.post(headers=headers)
    binds.post(actionCode=0)
    again = binds.post(headers=headers)
    assert again.content == first.content
    assert again.headers["Idempotent-Replayed"] == "true"
    assert binds.state(first) == "RELEASING"
    other = binds.post(headers=headers, macAddress=OTHER_MAC)
    assert error(other) == (422, "IDEMPOTENCY_MISMATCH", "IDEMPOTENCY_MISMATCH")


def test_c09_a_refusal_that_asks_to_come_back_is_not_kept(binds: Binds) -> None:
    binds.post(macAddress="AA:BB:CC:DD:EE:05")
    binds.settle()
    binds.post(actionCode=0)
    refused = binds.post(headers={"Idempotency-Key": "bind-2"})
    assert error(refused) == (400, "METER_ALREADY_BOUND", "METER_ALREADY_BOUND")
    assert refused.headers["Retry-After"] == "30"
    binds.box.configure("clock", offset_s=600)
    assert binds.post(headers={"Idempotency-Key": "bind-2"}).status_code == 200


def test_c10_is_ami_stays_and_the_bind_shows_only_when_asked_for(binds: Binds) -> None:
    before = binds.box.pull().content
    binds.post()
    binds.settle()
    assert binds.box.pull().content == before
    [shown] = binds.box.pull("?include=bind").json()["customerSites"][0]["meters"]
    assert (shown["bindState"], shown["boundDevice"]) == ("PAIRED", "AA:BB:CC:DD:EE:FF")


def test_c12_the_guides_payload_names_a_service_location_and_no_action(binds: Binds) -> None:
    answer = binds.post(meterId=..., actionCode=..., accountSlid="5113305555")
    assert answer.status_code == 200
    found = binds.box.call("GET", "/powerbox/meters/123456789/bind").json()
    assert found["bindRequestId"] == answer.json()["bindRequestId"]


def test_c15_the_profile_may_be_our_guid(binds: Binds) -> None:
    profile = binds.box.database.read(resolve_profile, binds.box.tenant, "123456789")
    assert binds.post(hemProfileId=str(profile.profile_id)).status_code == 200


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"macAddress": "AA:BB:CC:DD:EE"}, 400, "INVALID_MAC_ADDRESS"),
        ({"macAddress": ...}, 400, "MISSING_FIELD"),
        ({"macAddress": 7}, 400, "INVALID_PAYLOAD"),
        ({"installCode": ...}, 400, "MISSING_FIELD"),
        ({"installCode": "\x00" * 20}, 400, "INVALID_INSTALL_CODE"),
        ({"installCode": "1" * 101}, 400, "INVALID_PAYLOAD"),
        ({"hemProfileId": ...}, 400, "MISSING_FIELD"),
        ({"hemProfileId": "a b"}, 400, "INVALID_PAYLOAD"),
        ({"meterId": ...}, 400, "MISSING_FIELD"),
        ({"actionCode": 2}, 400, "INVALID_ACTION_CODE"),
        ({"actionCode": "1"}, 400, "INVALID_ACTION_CODE"),
        ({"actionCode": True}, 400, "INVALID_ACTION_CODE"),
        ({"actionCode": []}, 400, "INVALID_ACTION_CODE"),
        ({"hemProfileId": "nobody"}, 404, "UNKNOWN_PROFILE"),
        ({"meterId": "none"}, 404, "UNKNOWN_METER"),
        ({"meterId": "200000003"}, 404, "UNKNOWN_METER"),
        ({"meterId": ..., "accountSlid": "none"}, 404, "UNKNOWN_PREMISE"),
        ({"hemProfileId": "200000001", "meterId": "200000001"}, 403, "ACCOUNT_CLOSED"),
        ({"hemProfileId": "200000002", "meterId": "200000002"}, 403, "ACCOUNT_LOCKED"),
        ({"hemProfileId": "200000003", "meterId": "300000003"}, 400, "METER_NOT_AMI"),
    ],
)
def test_p4_every_refusal_has_its_status_and_code(
    binds: Binds, changes: dict[str, Any], status: int, code: str
) -> None:
    assert error(binds.post(**changes)) == (status, code, code if status == 400 else "")


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (b"{", "application/json", 400, "MALFORMED_JSON"),
        (b"[]", "application/json", 400, "INVALID_PAYLOAD"),
        (b"", "application/json", 400, "MISSING_FIELD"),
        (b"a=1", "application/x-www-form-urlencoded", 415, "UNSUPPORTED_FORMAT"),
    ],
)
def test_what_is_no_json_object_is_refused(binds: Binds, content: bytes, kind: str, status: int, code: str) -> None:
    answer = binds.box.call("POST", "/powerbox/bind", content=content, headers={"Content-Type": kind})
    assert error(answer) == (status, code, code)


def test_the_device_of_another_meter_is_told_so(binds: Binds) -> None:
    binds.post()
    answer = binds.post(hemProfileId="200000003", meterId="200000003")
    assert error(answer) == (400, "DEVICE_ALREADY_BOUND", "DEVICE_ALREADY_BOUND")


def test_releasing_needs_neither_address_nor_code_and_nothing_is_a_noop(binds: Binds) -> None:
    nothing = binds.post(actionCode=0, macAddress=..., installCode=...)
    assert (nothing.status_code, nothing.headers["PowerBox-Bind-Result"]) == (200, "noop")
    assert "bindRequestId" not in nothing.json()
    binds.post()
    released = binds.post(actionCode=0, macAddress=..., installCode=...)
    assert released.json()["message"] == "Release request accepted"


def test_a_request_and_a_meter_show_state_and_history(binds: Binds) -> None:
    bind_id = binds.post(macAddress="aabb.ccdd.eeff").json()["bindRequestId"]
    binds.settle()
    found = binds.box.call("GET", f"/powerbox/bind/{bind_id}").json()
    assert (found["state"], found["macAddress"], found["late"]) == ("PAIRED", "AA:BB:CC:DD:EE:FF", False)
    assert [entry["toState"] for entry in found["history"]] == ["REQUESTED", "PENDING", "JOINING", "PAIRED"]
    current = binds.box.call("GET", "/powerbox/meters/123456789/bind").json()
    assert current == {name: value for name, value in found.items() if name != "history"}


def test_nothing_of_another_tenant_is_found(binds: Binds, new_caller: Callable[..., PowerBox]) -> None:
    bind_id = binds.post().json()["bindRequestId"]
    stranger = new_caller("elsewhere")
    assert error(stranger.call("GET", f"/powerbox/bind/{bind_id}"))[:2] == (404, "UNKNOWN_BIND")
    assert error(stranger.call("GET", "/powerbox/meters/123456789/bind"))[:2] == (404, "UNKNOWN_METER")


def test_the_scope_hardware_bind_is_needed(binds: Binds) -> None:
    answer = binds.box.call("POST", "/powerbox/bind", "customer.sync", json=TUTORIAL)
    assert error(answer) == (403, "INSUFFICIENT_SCOPE", "")


def test_c22_a_sandbox_client_binds_nothing_in_production(new_caller: Callable[..., PowerBox]) -> None:
    box = new_caller("real", "production", sandbox=True)
    assert error(Binds(box).post()) == (403, "SANDBOX_READ_ONLY", "")


@pytest.mark.parametrize("code", [CODE, "TUTORIAL-INSTALL-CODE-001", "83FED3407A932B71"])
def test_a_code_is_never_logged_stored_in_clear_or_returned(
    binds: Binds, caplog: pytest.LogCaptureFixture, code: str
) -> None:
    caplog.set_level(logging.DEBUG)
    answers = [
        binds.post(installCode=code, headers={"Idempotency-Key": "k"}),
        binds.post(installCode=code),
        binds.post(installCode=code, macAddress="nonsense"),
        binds.post(installCode=code, meterId=7),
        binds.post(installCode=[code]),
        binds.box.call("GET", "/powerbox/meters/123456789/bind"),
    ]
    bare = code.replace("-", "")
    for answer in answers:
        told = answer.text + str(answer.headers)
        assert code not in told
        assert bare not in told
    assert code not in caplog.text
    assert bare not in caplog.text
    tables = [
        "bind",
        "bind_history",
        "gateway_command",
        "procrastinate_jobs",
        "outbox_event",
        "audit_log",
        "idempotency",
    ]
    for table in tables:
        query = text(f"SELECT count(*) FROM {table} AS t WHERE position(:code IN t::text) > 0")
        for word in {code, bare, code.encode().hex(), bare.encode().hex()}:
            assert binds.box.database.read(lambda db, w=word, q=query: db.execute(q, {"code": w}).scalar_one()) == 0


@pytest.fixture
def with_events_scope(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SCOPES, "hardware.events", "report what a gateway saw")  # type: ignore[arg-type]


def report(binds: Binds, *events: dict[str, Any], **headers: str) -> Any:
    body = json.dumps({"events": events}).encode()
    kind = {"Content-Type": "application/json"}
    return binds.box.http.post("/powerbox/gateway/events", content=body, headers=kind | headers)


def signed(body: bytes, tenant: str, secret: bytes = b"s" * 32) -> dict[str, str]:
    stamp = str(int(datetime.now(UTC).timestamp()))
    mac = hmac.digest(secret, f"msg_1.{stamp}.".encode() + body, "sha256")
    return {
        "PowerBox-Tenant": tenant,
        "webhook-id": "msg_1",
        "webhook-timestamp": stamp,
        "webhook-signature": "v1," + base64.b64encode(mac).decode(),
        "Content-Type": "application/json",
    }


def test_a_gateway_reports_with_a_token(with_events_scope: None, binds: Binds) -> None:
    binds.box.configure("devices", gateway="http")
    answer = binds.post()
    bind_id = answer.json()["bindRequestId"]
    token = {"Authorization": f"Bearer {binds.box.token('hardware.events')}"}
    events = [
        {"bindRequestId": bind_id, "sequence": 2, "event": "registered"},
        {"bindRequestId": bind_id, "sequence": 1, "event": "contact"},
        {"bindRequestId": "bnd_x", "sequence": 1, "event": "contact"},
    ]
    reported = report(binds, *events, **token)
    assert (reported.status_code, reported.json()) == (200, {"unknown": ["bnd_x"]})
    assert binds.state(answer) == "PAIRED"
    assert report(binds, events[0], **token).json() == {"unknown": []}
    assert error(report(binds, {"sequence": 0}, **token)) == (400, "MISSING_FIELD", "MISSING_FIELD")
    lacking = {"Authorization": f"Bearer {binds.box.token('hardware.bind')}"}
    assert error(report(binds, **lacking))[:2] == (403, "INSUFFICIENT_SCOPE")


def test_a_gateway_reports_with_a_signature(binds: Binds) -> None:
    binds.box.configure("devices", gateway="http", http={"event_secret": SECRET})
    answer = binds.post()
    event = {"bindRequestId": answer.json()["bindRequestId"], "sequence": 1, "event": "refused", "reason": "HAN_FULL"}
    body = json.dumps({"events": [event]}).encode()
    tenant = binds.box.tenant.key

    def send(headers: dict[str, str]) -> Any:
        return binds.box.http.post("/powerbox/gateway/events", content=body, headers=headers)

    for forged in (signed(body, tenant, b"x" * 32), signed(b"{}", tenant), signed(body, "nobody"), signed(body, "")):
        assert error(send(forged)) == (401, "INVALID_SIGNATURE", "INVALID_SIGNATURE")
    assert send(signed(body, tenant)).status_code == 200
    assert binds.state(answer) == "FAILED"


def test_a_gateway_that_shows_nothing_is_refused(binds: Binds) -> None:
    assert error(report(binds)) == (401, "INVALID_TOKEN", "INVALID_TOKEN")


def test_the_whole_way_through_a_worker(
    binds: Binds, run_jobs: Callable[[], None], failed_jobs: Callable[[], list[str]]
) -> None:
    answer = binds.post()
    run_jobs()
    assert failed_jobs() == []
    assert binds.state(answer) == "PAIRED"
    binds.post(actionCode=0)
    run_jobs()
    assert binds.state(answer) == "RELEASED"


def test_a_closed_account_lets_its_device_go(
    binds: Binds, run_jobs: Callable[[], None], failed_jobs: Callable[[], list[str]]
) -> None:
    binds.box.push(customer("c1", site("p1", meter("m1"))))
    answer = binds.post(hemProfileId="c1", meterId="m1", macAddress="AA:BB:CC:DD:EE:05")
    binds.settle()
    binds.box.push(customer("c1", site("p1", meter("m1")), AcctStatus="C"))
    run_jobs()
    assert failed_jobs() == []
    found = binds.box.call("GET", f"/powerbox/bind/{answer.json()['bindRequestId']}").json()
    assert (found["state"], found["reason"]) == ("RELEASING", "ACCOUNT_DENIED")


def test_a_virtual_clock_decides_in_which_state_a_repeat_finds_the_bind(binds: Binds) -> None:
    """The caller's token was checked before the clock moved; the bind sees the clock as it is now."""
    first = binds.post(macAddress="AA:BB:CC:DD:EE:01")
    binds.box.configure("clock", offset_s=timedelta(minutes=16).total_seconds())
    again = binds.post(macAddress="AA:BB:CC:DD:EE:01")
    assert (again.headers["PowerBox-Bind-Result"], binds.state(first)) == ("noop", "PAIRED")


@pytest.mark.parametrize("mac", ["AA:BB:CC:DD:EE:FF", "aabb.ccdd.eeff", "AABBCCDDEEFF", "00-15-5f-00-9a-bc-de-f0"])
def test_the_document_describes_addresses_as_they_are_read(mac: str) -> None:
    pattern = BindRequest.model_json_schema()["properties"]["macAddress"]["pattern"]
    assert re.search(pattern, mac)
    assert not re.search(pattern, mac[:-1])
