"""Runs that stand still: found for whoever looks after the installation, and begun anew when they say so."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection

from energygrid.access.caller import Actor, Tenant
from energygrid.errors import Conflict, NotFound
from energygrid.flexibility.events.common import note
from energygrid.flexibility.events.queries import events
from energygrid.flexibility.runs.queries import standing as queries
from energygrid.flexibility.runs.queries.standing import Open
from energygrid.flexibility.runs.running import PART, start

_LONG = timedelta(hours=1)


def standing(db: Connection, tenant: Tenant, now: datetime) -> list[Open]:
    """Runs with a failed job, or that have been calculated for an hour; the oldest first."""
    return [each for each in queries.open_runs(db, tenant.id, PART) if each.failed or now - each.started_at > _LONG]


def begin_again(db: Connection, tenant: Tenant, event_uuid: UUID, *, who: Actor, now: datetime) -> None:
    """Begin the run anew that an event waits for. Raises NotFound UNKNOWN_EVENT, Conflict NOT_CALCULATING."""
    event = events.lock_event(db, tenant.id, event_uuid)
    if event is None:
        raise NotFound("UNKNOWN_EVENT", "there is no such event")
    if all(each.event_uuid != event_uuid for each in queries.open_runs(db, tenant.id, PART)):
        raise Conflict("NOT_CALCULATING", "nothing of this event is being calculated: its figures are published")
    start(db, tenant, event, now)
    note(db, tenant, event_uuid, "event.recomputed", who, now)
