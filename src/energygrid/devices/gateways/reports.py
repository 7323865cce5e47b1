"""Events as a head end writes them, in the calls it makes to us and in its answers to ours."""

import hmac
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from energygrid.devices.binding import Reason, Signal
from energygrid.devices.gateways.gateway import REPORTABLE, GatewayEvent
from energygrid.errors import Invalid, Unauthenticated
from energygrid.messaging.webhooks.signing import sign

_TOLERANCE_S: Final = 300
_SHORTEST_SECRET: Final = len("whsec_") + 32
"""24 bytes in base64: a missing or cut secret must not become an empty key."""


def _whole_number(value: object) -> object:
    """JSON knows one kind of number: 2.0 is the integer 2."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)


class EventIn(_Wire):
    """One event of one bind."""

    bind_request_id: Annotated[str, Field(pattern=r"^[\x21-\x7E]{1,64}$")]
    sequence: Annotated[int, Field(strict=True, ge=1, le=2**53 - 1), BeforeValidator(_whole_number)]
    event: Literal["accepted", "contact", "registered", "refused", "window_closed", "left"]
    reason: Reason | None = None

    def as_event(self) -> GatewayEvent:
        signal = Signal(self.event.upper())
        assert signal in REPORTABLE
        reason = self.reason or (Reason.DEVICE_REJECTED if signal is Signal.REFUSED else None)
        return GatewayEvent(self.bind_request_id, self.sequence, signal, reason)


class EventsIn(_Wire):
    """What a head end reports at once, at most a thousand events."""

    events: Annotated[tuple[EventIn, ...], Field(min_length=0, max_length=1000)]


def read_events(body: bytes) -> list[GatewayEvent]:
    """The events of a JSON document `{"events": [...]}`; raises Invalid INVALID_PAYLOAD with the places at fault."""
    try:
        return [event.as_event() for event in EventsIn.model_validate_json(body).events]
    except ValidationError as error:
        places = [".".join(str(step) for step in fault["loc"]) for fault in error.errors(include_input=False)][:20]
        raise Invalid("INVALID_PAYLOAD", "these are not gateway events", fields=places) from None


def check_signature(secret: str, message_id: str, timestamp: str, signatures: str, body: bytes, now: datetime) -> None:
    """The body was signed with `secret` within five minutes of `now`, as Standard Webhooks 1.0.0 says.

    signatures  space-separated, each `v1,` and base64 of the HMAC-SHA256 over `id.timestamp.body`
    Raises Unauthenticated INVALID_SIGNATURE.
    """
    try:
        wanted = sign(secret, message_id, int(timestamp), body)
        fresh = abs(now.timestamp() - int(timestamp)) <= _TOLERANCE_S
    except (Invalid, ValueError):
        wanted, fresh = "", False
    matches = any(hmac.compare_digest(wanted.encode(), one.encode()) for one in signatures.split(" "))
    if not (len(secret) >= _SHORTEST_SECRET and wanted and fresh and message_id and matches):
        raise Unauthenticated("INVALID_SIGNATURE", "the events are not signed by this tenant's gateway")
