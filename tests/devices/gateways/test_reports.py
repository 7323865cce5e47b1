"""Events as head ends write and sign them."""

import base64
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energygrid.devices.binding import Signal
from energygrid.devices.gateways.gateway import REPORTABLE, GatewayEvent
from energygrid.devices.gateways.reports import check_signature, read_events
from energygrid.errors import Invalid, Unauthenticated

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = b"k" * 32
SECRET = "whsec_" + base64.b64encode(KEY).decode()
BODY = b'{"events":[]}'
STAMP = str(int(NOW.timestamp()))


def signature(body: bytes = BODY, key: bytes = KEY, stamp: str = STAMP) -> str:
    return "v1," + base64.b64encode(hmac.digest(key, b"msg_1." + stamp.encode() + b"." + body, "sha256")).decode()


def test_a_signed_body_passes_also_while_the_key_is_being_changed() -> None:
    check_signature(SECRET, "msg_1", STAMP, signature(), BODY, NOW)
    check_signature(SECRET, "msg_1", STAMP, f"{signature(key=b'old')} {signature()}", BODY, NOW)


@pytest.mark.parametrize(
    ("secret", "message", "stamp", "signed", "body", "late_s"),
    [
        (SECRET, "msg_1", STAMP, signature(), b'{"events":[1]}', 0),
        (SECRET, "msg_2", STAMP, signature(), BODY, 0),
        (SECRET, "", STAMP, signature(), BODY, 0),
        (SECRET, "msg_1", STAMP, signature(key=b"other"), BODY, 0),
        (SECRET, "msg_1", STAMP, signature(), BODY, 301),
        (SECRET, "msg_1", "soon", signature(stamp="soon"), BODY, 0),
        (SECRET, "msg_1", STAMP, "", BODY, 0),
        (SECRET, "msg_1", STAMP, "v1,é", BODY, 0),
        ("", "msg_1", STAMP, signature(key=b""), BODY, 0),
        ("whsec_", "msg_1", STAMP, signature(key=b""), BODY, 0),
        ("whsec_###", "msg_1", STAMP, signature(key=b""), BODY, 0),
    ],
)
def test_any_other_signature_is_refused(
    secret: str, message: str, stamp: str, signed: str, body: bytes, late_s: int
) -> None:
    with pytest.raises(Unauthenticated):
        check_signature(secret, message, stamp, signed, body, NOW + timedelta(seconds=late_s))


@pytest.mark.parametrize("signal", sorted(REPORTABLE))
def test_every_reportable_signal_has_its_word(signal: Signal) -> None:
    body = f'{{"events":[{{"bindRequestId":"b","sequence":1,"event":"{signal.lower()}","reason":"HAN_FULL"}}]}}'
    assert read_events(body.encode()) == [GatewayEvent("b", 1, signal, "HAN_FULL")]


def test_a_refusal_without_a_reason_is_a_rejection() -> None:
    [event] = read_events(b'{"events":[{"bindRequestId":"b","sequence":1,"event":"refused"}]}')
    assert event.reason == "DEVICE_REJECTED"


@given(st.binary(max_size=60) | st.sampled_from([b"{}", b'{"events":[{"sequence":true}]}', b'{"events":null}']))
def test_anything_else_names_the_places_at_fault(body: bytes) -> None:
    with pytest.raises(Invalid) as refusal:
        read_events(body)
    assert refusal.value.code == "INVALID_PAYLOAD"
