"""SQL from events to deliveries."""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from energygrid.messaging.queries import number_events, subscribes
from energygrid.messaging.tables import outbox_event, outbox_position, webhook_delivery, webhook_endpoint
from energygrid.messaging.webhooks.queries.rows import DEAD, PENDING, Endpoint

_e, _p, _w, _d = outbox_event.c, outbox_position.c, webhook_endpoint.c, webhook_delivery.c


_NEW = [
    "tenant_id",
    "endpoint_id",
    "event_id",
    "position",
    "subject",
    "state",
    "attempts",
    "next_at",
    "created_at",
]


def fan_out(db: Connection, tenant_id: int, now: datetime, first_at: datetime) -> list[str]:
    """Make the deliveries of all committed events that have none yet; returns the endpoints that got some.

    first_at  when their first attempt is due
    """
    numbered, fanned_out = number_events(db, tenant_id)
    if numbered == fanned_out:
        return []
    wanted = or_(
        and_(_e.endpoint_id.is_(None), subscribes(_e.surface, _e.type)),
        and_(_e.endpoint_id == _w.id, _w.enabled),
    )
    rows = (
        select(
            _e.tenant_id,
            _w.id,
            _e.id,
            _e.position,
            _e.subject,
            literal(PENDING),
            literal(0),
            literal(first_at, _d.next_at.type),
            literal(now, _d.created_at.type),
        )
        .join_from(outbox_event, webhook_endpoint, _w.tenant_id == _e.tenant_id)
        .where(_e.tenant_id == tenant_id, _e.position > fanned_out, _e.position <= numbered, wanted)
    )
    made = db.execute(
        insert(webhook_delivery).from_select(_NEW, rows).on_conflict_do_nothing().returning(_d.endpoint_id)
    )
    reached = sorted(set(made.scalars()))
    db.execute(update(outbox_position).where(_p.tenant_id == tenant_id).values(fanned_out=numbered))
    return reached


def replay(
    db: Connection, tenant_id: int, target: Endpoint, now: datetime, which: ColumnElement[bool], *, dead_only: bool
) -> int:
    """Make deliveries of the events `which` names wait again, whether or not they were delivered before."""
    wanted = _e.type.in_(target.types) if target.types else literal(value=True)
    rows = select(
        _e.tenant_id,
        literal(target.id),
        _e.id,
        _e.position,
        _e.subject,
        literal(PENDING),
        literal(0),
        literal(now, _d.next_at.type),
        literal(now, _d.created_at.type),
    ).where(
        _e.tenant_id == tenant_id,
        _e.surface == target.surface,
        _e.position.is_not(None),
        or_(_e.endpoint_id == target.id, and_(_e.endpoint_id.is_(None), wanted)),
        which,
    )
    statement = insert(webhook_delivery).from_select(_NEW, rows)
    again = statement.on_conflict_do_update(
        index_elements=["tenant_id", "endpoint_id", "event_id"],
        set_={
            **{name: statement.excluded[name] for name in ("state", "attempts", "next_at")},
            "reason": None,
            "finished_at": None,
        },
        where=_d.state == DEAD if dead_only else _d.state != PENDING,
    )
    return len(db.execute(again.returning(_d.event_id)).all())


def event_is(event_id: str) -> ColumnElement[bool]:
    return _e.id == event_id


def recorded_between(start: datetime, end: datetime) -> ColumnElement[bool]:
    return and_(_e.recorded_at >= start, _e.recorded_at < end)


def behind(db: Connection) -> list[int]:
    """Tenants with endpoints and with committed events that have not been fanned out."""
    unnumbered = exists().where(_e.tenant_id == _w.tenant_id, _e.position.is_(None))
    unfanned = exists().where(_p.tenant_id == _w.tenant_id, _p.fanned_out < _p.numbered)
    statement = select(_w.tenant_id).where(_w.enabled, or_(unnumbered, unfanned)).distinct()
    return list(db.execute(statement).scalars())


def prune(db: Connection, before: datetime) -> int:
    """Delete events recorded before an instant, with their deliveries and log."""
    return db.execute(delete(outbox_event).where(_e.recorded_at < before)).rowcount
