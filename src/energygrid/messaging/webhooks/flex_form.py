"""The message form of the flexibility API: four members, and the signatures that its receivers check.

Source: contracts/flexibility.md 1.8, 1.9. The member names stand in the tenant's settings.
"""

import hmac
from collections.abc import Sequence
from datetime import datetime

from energygrid.access.caller import Tenant
from energygrid.messaging import exact
from energygrid.messaging.queries import Event
from energygrid.messaging.settings import WebhookSettings
from energygrid.messaging.webhooks import signing
from energygrid.messaging.webhooks.messages import USER_AGENT, Message, Renderer, stamp

SIGNATURE = "equiwatt-Webhook-Signature"
TIMED_SIGNATURE = "X-Flex-Signature"
_SCHEME = "equsha256"


def renderer(tenant: Tenant) -> Renderer:
    """The same bytes at every attempt; only the headers that hold the time of the attempt differ."""
    names = tenant.section("webhooks", WebhookSettings)

    def render(event: Event, secrets: Sequence[str], now: datetime) -> Message:
        body = exact.dumps(
            {
                names.uuid_member: event.id,
                names.type_member: event.type,
                names.timestamp_member: stamp(event.recorded_at),
                names.data_member: event.data,
            }
        )
        seconds = int(now.timestamp())
        return Message(
            body,
            {
                "content-type": "application/json",
                "user-agent": USER_AGENT,
                SIGNATURE: ",".join(f"{_SCHEME}={signature(secret, body)}" for secret in secrets),
                TIMED_SIGNATURE: timed_signature(secrets, seconds, body),
                **signing.headers(secrets, event.id, seconds, body),
            },
        )

    return render


def signature(secret: str, body: bytes) -> str:
    """Lower-case hexadecimal HMAC-SHA256 of the body; the key is the secret as its owner sees it, prefix included."""
    return hmac.new(secret.encode(), body, "sha256").hexdigest()


def timed_signature(secrets: Sequence[str], seconds: int, body: bytes) -> str:
    """`t=<Unix seconds of the attempt>,v1=<signature of t.body>`, one v1 for each live secret: against replay."""
    signed = b"%d.%s" % (seconds, body)
    return ",".join([f"t={seconds}", *(f"v1={signature(secret, signed)}" for secret in secrets)])
