"""SQL of the outbox: writing, numbering and reading events."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, any_, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from energygrid.messaging.tables import outbox_event, outbox_position, webhook_endpoint

_e, _p, _w = outbox_event.c, outbox_position.c, webhook_endpoint.c


@dataclass(frozen=True, slots=True)
class Event:
    """`position` is the event's place in the tenant's feed."""

    id: str
    position: int
    type: str
    recorded_at: datetime
    data: dict[str, Any]


def insert_event(db: Connection, **values: object) -> bool:
    """Whether the event was new; False when its key is taken."""
    statement = (
        insert(outbox_event)
        .values(**values)
        .on_conflict_do_nothing(index_elements=["tenant_id", "key"])
        .returning(_e.id)
    )
    return db.execute(statement).first() is not None


def event_id_of(db: Connection, tenant_id: int, key: str) -> str:
    statement = select(_e.id).where(_e.tenant_id == tenant_id, _e.key == key)
    return str(db.execute(statement).scalar_one())


def subscribes(surface: ColumnElement[str] | str, event_type: ColumnElement[str] | str) -> ColumnElement[bool]:
    """Whether an endpoint row wants events of this type; no types listed means all of its surface."""
    return _w.enabled & (_w.surface == surface) & or_(func.cardinality(_w.types) == 0, any_(_w.types) == event_type)


def has_subscriber(db: Connection, tenant_id: int, surface: str, event_type: str) -> bool:
    statement = select(_w.id).where(_w.tenant_id == tenant_id, subscribes(surface, event_type)).limit(1)
    return db.execute(statement).first() is not None


def number_events(db: Connection, tenant_id: int) -> tuple[int, int]:
    """Give every committed event its position; returns (last position given, last position fanned out).

    The tenant's row of outbox_position is locked until the caller's transaction ends, and the events are
    read by a statement that starts after the lock was had. So positions become visible in their order,
    without holes.
    """
    db.execute(insert(outbox_position).values(tenant_id=tenant_id, numbered=0, fanned_out=0).on_conflict_do_nothing())
    held = db.execute(select(outbox_position).where(_p.tenant_id == tenant_id).with_for_update()).one()
    fresh = (
        select(_e.id, func.row_number().over(order_by=_e.serial).label("rank"))
        .where(_e.tenant_id == tenant_id, _e.position.is_(None))
        .subquery()
    )
    given = db.execute(
        update(outbox_event)
        .where(_e.tenant_id == tenant_id, _e.id == fresh.c.id)
        .values(position=held.numbered + fresh.c.rank)
    ).rowcount
    if given:
        db.execute(update(outbox_position).where(_p.tenant_id == tenant_id).values(numbered=held.numbered + given))
    return held.numbered + given, held.fanned_out


def has_unnumbered(db: Connection, tenant_id: int) -> bool:
    statement = select(_e.id).where(_e.tenant_id == tenant_id, _e.position.is_(None)).limit(1)
    return db.execute(statement).first() is not None


def events_after(
    db: Connection, tenant_id: int, surface: str, position: int, types: Sequence[str], limit: int
) -> list[Event]:
    statement = (
        select(_e.id, _e.position, _e.type, _e.recorded_at, _e.data)
        .where(_e.tenant_id == tenant_id, _e.surface == surface, _e.position > position, _e.endpoint_id.is_(None))
        .order_by(_e.position)
        .limit(limit)
    )
    if types:
        statement = statement.where(_e.type.in_(types))
    return [Event(**row) for row in db.execute(statement).mappings()]


def data_of(db: Connection, tenant_id: int, event_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What some events say, by id."""
    statement = select(_e.id, _e.data).where(_e.tenant_id == tenant_id, _e.id.in_(event_ids))
    return {row.id: row.data for row in db.execute(statement)}
