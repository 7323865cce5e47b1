"""The bytes that are sent for an event; each surface has its own form of them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from energygrid.messaging.queries import Event
from energygrid.messaging.webhooks import signing

USER_AGENT = "EnergyGrid-Webhooks/1"


@dataclass(frozen=True, slots=True)
class Message:
    body: bytes
    headers: Mapping[str, str]


Renderer = Callable[[Event, Sequence[str], datetime], Message]
"""(event, live secrets with the newest first, instant of this attempt) -> what is posted."""


def standard(event: Event, secrets: Sequence[str], now: datetime) -> Message:
    """Standard Webhooks: type, timestamp and data; the same body at every attempt."""
    body = json.dumps(
        {"type": event.type, "timestamp": stamp(event.recorded_at), "data": event.data},
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()
    signed = signing.headers(secrets, event.id, int(now.timestamp()), body)
    return Message(body, {"content-type": "application/json", "user-agent": USER_AGENT, **signed})


def stamp(instant: datetime) -> str:
    """ISO 8601 in UTC with milliseconds: 2026-03-01T12:00:00.000Z."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def batch_list(event: Event, secrets: Sequence[str], now: datetime) -> Message:
    """ESPI's BatchList of the addresses in `data`, with the headers of Standard Webhooks in addition.

    Source: contracts/greenbutton.md 3.7.
    """
    listed = "".join(f"<resources>{escape(each)}</resources>" for each in event.data["resources"])
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    body = f'{head}<BatchList xmlns="http://naesb.org/espi">{listed}</BatchList>\n'.encode()
    signed = signing.headers(secrets, event.id, int(now.timestamp()), body)
    return Message(body, {"content-type": "application/xml", "user-agent": USER_AGENT, **signed})
