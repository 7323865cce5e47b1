"""Messages of the flexibility API: the vector of contracts/flexibility.md 1.9, and what a receiver can rely on."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from standardwebhooks import Webhook

from energygrid.access.caller import Tenant
from energygrid.messaging.queries import Event
from energygrid.messaging.settings import WebhookSettings
from energygrid.messaging.webhooks import flex_form
from energygrid.messaging.webhooks.messages import Message
from energygrid.messaging.webhooks.signing import new_secret

AT = datetime(2026, 1, 15, 17, tzinfo=UTC)
EVENT = Event(
    "11111111-1111-4111-8111-111111111111",
    1,
    "EVENT.STARTED",
    AT,
    {"uuid": "22222222-2222-4222-8222-222222222222", "status": "STARTED"},
)
BODY = (
    b'{"uuid":"11111111-1111-4111-8111-111111111111","type":"EVENT.STARTED","timestamp":"2026-01-15T17:00:00.000Z",'
    b'"data":{"uuid":"22222222-2222-4222-8222-222222222222","status":"STARTED"}}'
)


def message(*secrets: str, event: Event = EVENT, now: datetime = AT, **settings: Any) -> Message:
    return flex_form.renderer(Tenant(1, "t", "production", settings))(event, secrets, now)


def verify_as_published_client(secret: str, body: str, signature: str) -> bool:
    """What the publicly known client of this API does with the value behind the prefix."""
    return hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest() == signature


def test_the_vector() -> None:
    assert (
        flex_form.signature("whsec_test_1", BODY) == "548924e7329bc8dbd2297991db30ef5f722f58b7106c0e77ef55f54115442d86"
    )


def test_the_body_has_four_members_and_is_what_was_signed() -> None:
    secret = new_secret()
    sent = message(secret)
    assert sent.body == BODY
    scheme, _, value = sent.headers["equiwatt-Webhook-Signature"].partition("=")
    assert scheme == "equsha256"
    assert verify_as_published_client(secret, sent.body.decode(), value)
    assert not verify_as_published_client(secret, sent.body.decode().replace("STARTED", "ENDED"), value)


def test_the_bytes_are_the_same_at_every_attempt() -> None:
    secret = new_secret()
    first, later = message(secret), message(secret, now=AT + timedelta(hours=24))
    assert first.body == later.body
    same = {"equiwatt-Webhook-Signature", "webhook-id"}
    assert {name for name in first.headers if first.headers[name] == later.headers[name]} >= same
    assert first.headers["webhook-id"] == EVENT.id


def test_two_live_secrets_give_two_signatures_with_the_newest_first() -> None:
    new, old = new_secret(), new_secret()
    sent = message(new, old)
    values = [each.removeprefix("equsha256=") for each in sent.headers["equiwatt-Webhook-Signature"].split(",")]
    assert [verify_as_published_client(s, sent.body.decode(), v) for s, v in zip((new, old), values, strict=True)]
    assert len(sent.headers["X-Flex-Signature"].split(",")) == 3


def test_the_timed_signature_holds_the_time_of_the_attempt_against_replay() -> None:
    secret = new_secret()
    sent = message(secret, now=AT + timedelta(seconds=7))
    time, value = (each.partition("=")[2] for each in sent.headers["X-Flex-Signature"].split(","))
    assert int(time) == int(AT.timestamp()) + 7
    assert verify_as_published_client(secret, f"{time}.{sent.body.decode()}", value)


def test_libraries_of_standard_webhooks_verify_it_too() -> None:
    secret, now = new_secret(), datetime.now(UTC)
    sent = message(secret, now=now)
    assert Webhook(secret).verify(sent.body, dict(sent.headers)) == json.loads(BODY)


def test_a_tenant_may_name_the_members_as_its_receivers_know_them() -> None:
    names = {"uuid_member": "id", "type_member": "event", "timestamp_member": "created_at", "data_member": "resource"}
    sent = json.loads(message(new_secret(), webhooks=names).body)
    assert list(sent) == ["id", "event", "created_at", "resource"]


@pytest.mark.parametrize("names", [{"uuid_member": "type"}, {"data_member": "7"}, {"data_member": ""}])
def test_names_that_would_collide_or_change_their_place_are_refused(names: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        WebhookSettings.model_validate(names)
