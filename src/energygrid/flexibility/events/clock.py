"""What time does to events: they start and end by durable jobs, each transition once, in the order of their times.

A job runs at the time of each transition and a sweep looks every minute, so nothing depends on any one of them: whoever
comes first does what is due, under a lock on the event, and a transition's row is unique.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from energygrid.access import tenants
from energygrid.access.caller import Tenant
from energygrid.database.queue import defer
from energygrid.flexibility import messages, runs
from energygrid.flexibility.events.common import message_key
from energygrid.flexibility.events.event import Event
from energygrid.flexibility.events.lifecycle import TRANSITIONS, Signal, StatsState, Status, Tick, next_tick
from energygrid.flexibility.events.queries import events as queries
from energygrid.flexibility.events.time import time_of

ADVANCE = "flexibility.advance_event"
WAKE = "flexibility.wake"

_TOLD = {Status.STARTED: messages.event_started, Status.ENDED: messages.event_ended}


def advance(db: Connection, tenant: Tenant, event_uuid: UUID, now: datetime) -> Event | None:
    """Do everything that is due for one event; None when there is no such event."""
    event = queries.lock_event(db, tenant.id, event_uuid)
    if event is None:
        return None
    at = time_of(db, tenant, now)
    moved = False
    while (tick := next_tick(event.status, event.starts_at, event.ends_at)) is not None and tick.at <= at:
        event, moved = _apply(db, tenant, event, tick, now), True
    if moved:
        foresee(db, tenant, event, now)
    return event


def foresee(db: Connection, tenant: Tenant, event: Event, now: datetime) -> None:
    """Have the event's next transition made at its own time rather than with the next sweep."""
    tick = next_tick(event.status, event.starts_at, event.ends_at)
    if tick is not None:
        ahead = time_of(db, tenant, now) - now
        defer(db, ADVANCE, at=max(tick.at - ahead, now), tenant_id=tenant.id, event_uuid=str(event.uuid))


def clock_moved(db: Connection, tenant: Tenant) -> None:
    """Have a job do what a jump of the tenant's clock made due, once this transaction commits."""
    if queries.clocked(db, tenant.id):
        defer(db, WAKE, tenant_id=tenant.id)
    runs.clock_moved(db, tenant)


def wake(db: Connection, tenant: Tenant, now: datetime) -> None:
    """Foresee every open event anew: those that are due are advanced at once, each by a job of its own."""
    for event in queries.clocked(db, tenant.id):
        foresee(db, tenant, event, now)


def sweep(db: Connection, now: datetime) -> int:
    """Have a job advance each event that is due anywhere; returns how many.

    What is being advanced already is enqueued once more, and then finds nothing to do.
    """
    due = 0
    for tenant_id in queries.clocked_tenants(db):
        tenant = tenants.get_tenant(db, tenant_id)
        at = tenants.tenant_now(tenant, now)
        for event in queries.clocked(db, tenant_id):
            tick = next_tick(event.status, event.starts_at, event.ends_at)
            if tick is not None and tick.at <= at:
                lock = f"{ADVANCE}/{event.uuid}"
                defer(db, ADVANCE, queueing_lock=lock, tenant_id=tenant_id, event_uuid=str(event.uuid))
                due += 1
    return due


def _apply(db: Connection, tenant: Tenant, event: Event, tick: Tick, now: datetime) -> Event:
    """One transition: its row, the status and the message, in this transaction or not at all."""
    status = TRANSITIONS[event.status, tick.signal]
    values: dict[str, object] = {"status": status, "updated_at": tick.at}
    if tick.signal is Signal.END:
        values["stats_state"] = StatsState.PENDING
    first = queries.insert_transition(db, tenant.id, event.uuid, status, tick.at, now)
    event = queries.change_event(db, tenant.id, event.uuid, values)
    if first:
        messages.tell(db, tenant.id, _TOLD[status](event.uuid), tick.at, key=message_key(event.uuid, status))
        runs.start(db, tenant, event, now)
    return event
