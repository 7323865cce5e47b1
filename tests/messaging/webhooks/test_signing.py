"""Standard Webhooks 1.0.0, against its published vector and its own package as oracle."""

import base64
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from energygrid.errors import Invalid
from energygrid.messaging.queries import Event
from energygrid.messaging.webhooks.messages import standard
from energygrid.messaging.webhooks.signing import headers, new_secret, sign

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_the_published_vector() -> None:
    """contracts/powerbox.md 5.7."""
    signature = sign(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.text(st.characters(codec="utf-8"), max_size=200), st.integers(0, 2**40))
def test_equal_to_the_standards_own_package(body: str, timestamp: int) -> None:
    """The oracle takes text only and relabels other zones as UTC, so it is given UTC and text."""
    instant = datetime.fromtimestamp(timestamp % 2**32, UTC)
    theirs = Webhook(SECRET).sign("msg_1", instant, body)
    assert sign(SECRET, "msg_1", timestamp % 2**32, body.encode()) == theirs


def test_the_package_verifies_what_is_sent() -> None:
    now = datetime.now(UTC)
    event = Event("msg_1", 1, "bind.paired", now, {"meterId": "7", "name": "Zoë"})
    message = standard(event, [SECRET], now)
    assert Webhook(SECRET).verify(message.body, dict(message.headers)) == json.loads(message.body)


def test_the_instant_of_the_attempt_is_the_same_in_every_zone() -> None:
    """The package would not: it replaces the zone instead of converting (contracts/powerbox.md 5.7)."""
    now = datetime.now(UTC)
    event = Event("msg_1", 1, "bind.paired", now, {})
    elsewhere = now.astimezone(timezone(timedelta(hours=10)))
    assert standard(event, [SECRET], now).headers == standard(event, [SECRET], elsewhere).headers


def test_two_live_secrets_give_two_signatures_and_either_verifies() -> None:
    now = datetime.now(UTC)
    new, old = new_secret(), new_secret()
    message = standard(Event("msg_1", 1, "bind.paired", now, {}), [new, old], now)
    assert len(message.headers["webhook-signature"].split(" ")) == 2
    for secret in (new, old):
        Webhook(secret).verify(message.body, dict(message.headers))


def test_a_secret_has_32_random_bytes() -> None:
    """The standard asks for 24 to 64."""
    secret = new_secret()
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    assert secret != new_secret()


def test_a_secret_that_is_not_base64_is_refused() -> None:
    with pytest.raises(Invalid, match="base64"):
        headers(["whsec_!"], "msg_1", 0, b"")
