"""SQL of events themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from energygrid.flexibility.events.event import Event
from energygrid.flexibility.events.lifecycle import StatsState, Status
from energygrid.flexibility.events.tables import flex_event, flex_event_portfolio, flex_event_transition
from energygrid.flexibility.registry.tables import flex_portfolio, flex_scheme

_COLUMNS = [column for column in flex_event.c if column.name != "tenant_id"]
_CLOCKED = (Status.SCHEDULED, Status.STARTED)


@dataclass(frozen=True, slots=True)
class Filter:
    """Events to list; `start` and `end` ask for those that touch [start, end)."""

    status: Status | None = None
    start: datetime | None = None
    end: datetime | None = None
    scheme_uuid: UUID | None = None
    portfolio_uuid: UUID | None = None


def event(db: Connection, tenant_id: int, uuid: UUID) -> Event | None:
    return _first(db, _one(tenant_id, uuid))


def lock_event(db: Connection, tenant_id: int, uuid: UUID) -> Event | None:
    """As `event`; nobody else changes it before this transaction ends."""
    return _first(db, _one(tenant_id, uuid).with_for_update())


def page(db: Connection, tenant_id: int, asked: Filter, *, offset: int, limit: int) -> tuple[list[Event], int]:
    """The newest start first, and how many there are in all."""
    query = select(*_COLUMNS).where(flex_event.c.tenant_id == tenant_id)
    if asked.status is not None:
        query = query.where(flex_event.c.status == asked.status)
    if asked.start is not None:
        query = query.where(flex_event.c.ends_at > asked.start)
    if asked.end is not None:
        query = query.where(flex_event.c.starts_at < asked.end)
    if asked.scheme_uuid is not None:
        query = query.where(flex_event.c.scheme_uuid == asked.scheme_uuid)
    if asked.portfolio_uuid is not None:
        assigned = select(flex_event_portfolio.c.event_uuid).where(
            flex_event_portfolio.c.tenant_id == tenant_id,
            flex_event_portfolio.c.portfolio_uuid == asked.portfolio_uuid,
        )
        query = query.where(flex_event.c.uuid.in_(assigned))
    total = db.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    order = (flex_event.c.starts_at.desc(), flex_event.c.uuid)
    return [_event(row) for row in db.execute(query.order_by(*order).offset(offset).limit(limit))], total


def insert_event(db: Connection, tenant_id: int, values: Mapping[str, Any]) -> Event:
    return _event(db.execute(insert(flex_event).values(tenant_id=tenant_id, **values).returning(*_COLUMNS)).one())


def change_event(db: Connection, tenant_id: int, uuid: UUID, values: Mapping[str, Any]) -> Event:
    at = (flex_event.c.tenant_id == tenant_id) & (flex_event.c.uuid == uuid)
    return _event(db.execute(update(flex_event).where(at).values(**values).returning(*_COLUMNS)).one())


def delete_event(db: Connection, tenant_id: int, uuid: UUID) -> None:
    """Of an event that was told to nobody, with its portfolios."""
    portfolio, event = flex_event_portfolio.c, flex_event.c
    db.execute(delete(flex_event_portfolio).where(portfolio.tenant_id == tenant_id, portfolio.event_uuid == uuid))
    db.execute(delete(flex_event).where(event.tenant_id == tenant_id, event.uuid == uuid))


def insert_transition(db: Connection, tenant_id: int, uuid: UUID, name: str, at: datetime, now: datetime) -> bool:
    """Whether it is the first of its name for the event."""
    values = {"tenant_id": tenant_id, "event_uuid": uuid, "name": name, "at": at, "recorded_at": now}
    statement = upsert(flex_event_transition).values(values).on_conflict_do_nothing()
    return db.execute(statement.returning(flex_event_transition.c.name)).first() is not None


def transitions(db: Connection, tenant_id: int, uuid: UUID) -> dict[str, datetime]:
    """When each happened by the tenant's clock, in that order."""
    rows = db.execute(
        select(flex_event_transition.c.name, flex_event_transition.c.at)
        .where(flex_event_transition.c.tenant_id == tenant_id, flex_event_transition.c.event_uuid == uuid)
        .order_by(flex_event_transition.c.at)
    )
    return {row.name: row.at for row in rows}


def clocked_tenants(db: Connection) -> list[int]:
    """Tenants with events that the clock has still something to say of."""
    query = select(flex_event.c.tenant_id).where(flex_event.c.status.in_(_CLOCKED)).distinct()
    return list(db.execute(query.order_by(flex_event.c.tenant_id)).scalars())


def clocked(db: Connection, tenant_id: int) -> list[Event]:
    """Events that the clock has still something to say of, in the order of their starts."""
    query = select(*_COLUMNS).where(flex_event.c.tenant_id == tenant_id, flex_event.c.status.in_(_CLOCKED))
    return [_event(row) for row in db.execute(query.order_by(flex_event.c.starts_at, flex_event.c.uuid))]


def portfolios_of(db: Connection, tenant_id: int, uuid: UUID) -> list[UUID]:
    """In the order in which they were assigned."""
    query = select(flex_event_portfolio.c.portfolio_uuid).where(
        flex_event_portfolio.c.tenant_id == tenant_id, flex_event_portfolio.c.event_uuid == uuid
    )
    order = (flex_event_portfolio.c.assigned_at, flex_event_portfolio.c.portfolio_uuid)
    return list(db.execute(query.order_by(*order)).scalars())


def assign_portfolio(db: Connection, tenant_id: int, uuid: UUID, portfolio: UUID, now: datetime) -> bool:
    """Whether it was not assigned before."""
    values = {"tenant_id": tenant_id, "event_uuid": uuid, "portfolio_uuid": portfolio, "assigned_at": now}
    statement = upsert(flex_event_portfolio).values(values).on_conflict_do_nothing()
    return db.execute(statement.returning(flex_event_portfolio.c.event_uuid)).first() is not None


def active_portfolios(db: Connection, tenant_id: int, uuids: Sequence[UUID]) -> set[UUID]:
    """Those of `uuids` that are portfolios of the tenant and not archived."""
    query = select(flex_portfolio.c.uuid).where(
        flex_portfolio.c.tenant_id == tenant_id, flex_portfolio.c.uuid.in_(uuids), flex_portfolio.c.status == "ACTIVE"
    )
    return set(db.execute(query).scalars())


def scheme_facts(db: Connection, tenant_id: int, uuid: UUID) -> dict[str, Any] | None:
    """What the scheme says of its events; None when there is no such scheme."""
    query = select(flex_scheme.c.facts).where(
        flex_scheme.c.tenant_id == tenant_id, flex_scheme.c.uuid == uuid, flex_scheme.c.archived_at.is_(None)
    )
    return db.execute(query).scalar_one_or_none()


def _one(tenant_id: int, uuid: UUID) -> Select[Any]:
    return select(*_COLUMNS).where(flex_event.c.tenant_id == tenant_id, flex_event.c.uuid == uuid)


def _first(db: Connection, query: Select[Any]) -> Event | None:
    row = db.execute(query).first()
    return None if row is None else _event(row)


def _event(row: Row[Any]) -> Event:
    values = row._asdict()
    status, stats = Status(values.pop("status")), StatsState(values.pop("stats_state"))
    return Event(**values, status=status, stats_state=stats)
