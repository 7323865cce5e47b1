"""The portfolios of an event."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from energygrid.access.caller import Actor, Tenant
from energygrid.errors import Conflict, NotFound
from energygrid.flexibility import messages, runs
from energygrid.flexibility.events import assets
from energygrid.flexibility.events.common import known, message_key, note
from energygrid.flexibility.events.lifecycle import Status, effective
from energygrid.flexibility.events.queries import events as queries
from energygrid.flexibility.events.time import time_of


def of_event(db: Connection, tenant: Tenant, event_uuid: UUID) -> list[UUID]:
    """In the order in which they were assigned. Raises NotFound UNKNOWN_EVENT."""
    known(queries.event(db, tenant.id, event_uuid))
    return queries.portfolios_of(db, tenant.id, event_uuid)


def assign(
    db: Connection, tenant: Tenant, event_uuid: UUID, uuids: Sequence[UUID], *, who: Actor, now: datetime
) -> list[UUID]:
    """Add portfolios to an event that has not started; all that it then has.

    Assets of a scheduled event's new portfolios take part from now on. Raises Conflict EVENT_FIXED.
    """
    event = known(queries.lock_event(db, tenant.id, event_uuid))
    at = time_of(db, tenant, now)
    status = effective(event.status, event.starts_at, event.ends_at, at)
    if status not in {Status.DRAFT, Status.SCHEDULED}:
        raise Conflict("EVENT_FIXED", f"the event is {status}; portfolios are assigned before it starts")
    require(db, tenant, uuids)
    if status is Status.SCHEDULED and uuids and not queries.portfolios_of(db, tenant.id, event_uuid):
        raise Conflict("EVENT_FIXED", "the event was scheduled for all of its scheme; portfolios would not narrow it")
    if new := join(db, tenant, event_uuid, uuids, at):
        if status is Status.SCHEDULED:
            assets.settle(db, tenant, event, new, at)
            runs.start(db, tenant, event, now)
        facts = {"portfolios": [str(each) for each in new]}
        note(db, tenant, event_uuid, "event.portfolios_assigned", who, now, facts)
    return queries.portfolios_of(db, tenant.id, event_uuid)


def require(db: Connection, tenant: Tenant, uuids: Sequence[UUID]) -> None:
    """Raises NotFound UNKNOWN_PORTFOLIO, of archived ones too."""
    active = queries.active_portfolios(db, tenant.id, uuids) if uuids else set()
    if missing := [str(uuid) for uuid in uuids if uuid not in active]:
        raise NotFound("UNKNOWN_PORTFOLIO", f"there is no portfolio {', '.join(missing[:20])}")


def join(db: Connection, tenant: Tenant, event_uuid: UUID, uuids: Sequence[UUID], at: datetime) -> list[UUID]:
    """Write portfolios down that were required before; those that are new, each told."""
    new = [uuid for uuid in dict.fromkeys(uuids) if queries.assign_portfolio(db, tenant.id, event_uuid, uuid, at)]
    for uuid in new:
        key = message_key(event_uuid, f"portfolio/{uuid}")
        messages.tell(db, tenant.id, messages.event_portfolio_assigned(event_uuid, uuid), at, key=key)
    return new
