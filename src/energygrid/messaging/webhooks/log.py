"""The delivery log of an endpoint, and replay from it."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from energygrid.access import audit
from energygrid.access.caller import Actor, Tenant
from energygrid.errors import Conflict, NotFound
from energygrid.messaging.events import POWERBOX
from energygrid.messaging.queries import data_of as message_data
from energygrid.messaging.queries import number_events
from energygrid.messaging.webhooks import endpoints, queries
from energygrid.messaging.webhooks.queries import Attempt, Delivery
from energygrid.messaging.webhooks.waking import wake


def deliveries(
    db: Connection,
    tenant: Tenant,
    endpoint_id: str,
    *,
    state: str | None = None,
    before: int | None = None,
    limit: int = 100,
    surface: str = POWERBOX,
) -> list[Delivery]:
    """Newest first; go on with `before` = the last position seen."""
    endpoints.get(db, tenant, endpoint_id, surface=surface)
    return queries.deliveries(db, tenant.id, endpoint_id, state=state, before=before, limit=limit)


def page(
    db: Connection,
    tenant: Tenant,
    endpoint_id: str,
    *,
    state: str | None,
    offset: int,
    limit: int,
    surface: str,
) -> tuple[list[Delivery], int]:
    """One page of the log, newest first, and how many deliveries there are."""
    endpoints.get(db, tenant, endpoint_id, surface=surface)
    found = queries.deliveries(db, tenant.id, endpoint_id, state=state, before=None, limit=limit, offset=offset)
    return found, queries.count_deliveries(db, tenant.id, endpoint_id, state=state)


def data_of(db: Connection, tenant: Tenant, event_id: str) -> dict[str, Any]:
    """What a message says; raises NotFound("UNKNOWN_DELIVERY")."""
    found = message_data(db, tenant.id, [event_id])
    if event_id not in found:
        raise _unknown(event_id)
    return found[event_id]


def delivery(
    db: Connection, tenant: Tenant, endpoint_id: str, event_id: str, *, surface: str = POWERBOX
) -> tuple[Delivery, list[Attempt]]:
    """One delivery with every attempt at it; raises NotFound("UNKNOWN_DELIVERY")."""
    endpoints.get(db, tenant, endpoint_id, surface=surface)
    found = queries.delivery(db, tenant.id, endpoint_id, event_id)
    if found is None:
        raise _unknown(event_id)
    return found, queries.attempts(db, tenant.id, endpoint_id, event_id)


def replay_one(
    db: Connection,
    tenant: Tenant,
    endpoint_id: str,
    event_id: str,
    *,
    who: Actor,
    now: datetime,
    surface: str = POWERBOX,
) -> None:
    """Send one event again; raises NotFound("UNKNOWN_DELIVERY") when it is not one for this endpoint."""
    target = _enabled(db, tenant, endpoint_id, surface)
    number_events(db, tenant.id)
    queries.replay(db, tenant.id, target, now, queries.event_is(event_id), dead_only=False)
    if queries.delivery(db, tenant.id, endpoint_id, event_id) is None:
        raise _unknown(event_id)
    _replayed(db, tenant, endpoint_id, who, now, {"eventId": event_id})


def replay_range(
    db: Connection,
    tenant: Tenant,
    endpoint_id: str,
    *,
    start: datetime,
    end: datetime,
    dead_only: bool,
    who: Actor,
    now: datetime,
    surface: str = POWERBOX,
) -> int:
    """Send again what was recorded in [start, end), in its order; returns how many events.

    dead_only  leave out what was delivered. Events from before the endpoint existed count as never delivered.
    """
    target = _enabled(db, tenant, endpoint_id, surface)
    number_events(db, tenant.id)
    which = queries.recorded_between(start, end)
    count = queries.replay(db, tenant.id, target, now, which, dead_only=dead_only)
    _replayed(db, tenant, endpoint_id, who, now, {"events": count})
    return count


def _enabled(db: Connection, tenant: Tenant, endpoint_id: str, surface: str) -> queries.Endpoint:
    target = endpoints.get(db, tenant, endpoint_id, surface=surface)
    if not target.enabled:
        raise Conflict("WEBHOOK_DISABLED", f"webhook {endpoint_id} is disabled; enable it first", webhookId=endpoint_id)
    return target


def _replayed(
    db: Connection, tenant: Tenant, endpoint_id: str, who: Actor, now: datetime, facts: dict[str, object]
) -> None:
    wake(db, tenant.id, endpoint_id, now, now)
    audit.record(
        db,
        tenant.id,
        actor=who.name,
        action="webhook.replayed",
        subject=f"webhook/{endpoint_id}",
        request_id=who.request_id,
        now=now,
        facts=facts,
    )


def _unknown(event_id: str) -> NotFound:
    return NotFound("UNKNOWN_DELIVERY", f"event {event_id} is not one for this webhook", eventId=event_id)
