"""What use cases of events share."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from energygrid.access import audit
from energygrid.access.caller import Actor, Tenant
from energygrid.errors import NotFound
from energygrid.flexibility.events.event import Event


def known(event: Event | None) -> Event:
    """Raises NotFound UNKNOWN_EVENT."""
    if event is None:
        raise NotFound("UNKNOWN_EVENT", "there is no such event")
    return event


def message_key(event_uuid: UUID, what: str) -> str:
    """The once-only key of a message on an event."""
    return f"flex/event/{event_uuid}/{what}"


def note(
    db: Connection,
    tenant: Tenant,
    event_uuid: UUID,
    action: str,
    who: Actor,
    now: datetime,
    facts: Mapping[str, object] | None = None,
) -> None:
    """Into the audit log."""
    audit.record(
        db,
        tenant.id,
        actor=who.name,
        action=action,
        subject=f"event/{event_uuid}",
        request_id=who.request_id,
        now=now,
        facts=facts or {},
    )
