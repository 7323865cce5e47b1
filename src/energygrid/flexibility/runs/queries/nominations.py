"""SQL of nominated curves: each filing is kept, so that what was settled by stays known."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Integer, Select, Uuid, and_, column, delete, func, insert, select, values
from sqlalchemy.dialects.postgresql import distinct_on

from energygrid.flexibility.registry.queries.common import among
from energygrid.flexibility.runs.tables import flex_nomination


class Curve(NamedTuple):
    """One filing for an asset: millionths of a kWh in each half-hour from `starts_at` on."""

    asset_uuid: UUID
    revision: int
    starts_at: datetime
    filed_at: datetime
    micro_kwh: list[int]


_TABLE = flex_nomination.c
_CURVE = (_TABLE.asset_uuid, _TABLE.revision, _TABLE.starts_at, _TABLE.filed_at, _TABLE.micro_kwh)


def insert_curves(db: Connection, rows: Sequence[Mapping[str, object]]) -> None:
    db.execute(insert(flex_nomination), rows)


def delete_curves(db: Connection, tenant_id: int, event: UUID) -> None:
    db.execute(delete(flex_nomination).where(_TABLE.tenant_id == tenant_id, _TABLE.event_uuid == event))


def newest(db: Connection, tenant_id: int, event: UUID, assets: Sequence[UUID]) -> list[Curve]:
    """Of each asset the last filing, for whatever times."""
    return _curves(db, _newest(tenant_id, event).where(among(_TABLE.asset_uuid, assets)))


def page(db: Connection, tenant_id: int, event: UUID, *, offset: int, limit: int) -> tuple[list[Curve], int]:
    """Of each asset the last filing, in the order of their UUIDs, and how many there are in all."""
    query = _newest(tenant_id, event)
    total = db.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    return _curves(db, query.offset(offset).limit(limit)), total


def in_time(
    db: Connection,
    tenant_id: int,
    event: UUID,
    assets: Sequence[UUID],
    starts_at: datetime,
    half_hours: int,
    filed_by: datetime,
) -> list[Curve]:
    """Of each asset the last filing until `filed_by` for an event of these times."""
    query = _newest(tenant_id, event).where(
        among(_TABLE.asset_uuid, assets),
        _TABLE.starts_at == starts_at,
        func.cardinality(_TABLE.micro_kwh) == half_hours,
        _TABLE.filed_at <= filed_by,
    )
    return _curves(db, query)


def has_any(
    db: Connection, tenant_id: int, event: UUID, starts_at: datetime, half_hours: int, filed_by: datetime
) -> bool:
    """Whether any curve was filed until `filed_by` for an event of these times."""
    query = select(_TABLE.revision).where(
        _TABLE.tenant_id == tenant_id,
        _TABLE.event_uuid == event,
        _TABLE.starts_at == starts_at,
        func.cardinality(_TABLE.micro_kwh) == half_hours,
        _TABLE.filed_at <= filed_by,
    )
    return db.execute(query.limit(1)).first() is not None


def of_revisions(
    db: Connection, tenant_id: int, event: UUID, assets: Sequence[UUID], revisions: Sequence[int]
) -> list[Curve]:
    """The filing of each asset that has this revision; 0 names none."""
    wanted = values(column("asset_uuid", Uuid), column("revision", Integer), name="wanted").data(
        list(zip(assets, revisions, strict=True))
    )
    same = and_(_TABLE.asset_uuid == wanted.c.asset_uuid, _TABLE.revision == wanted.c.revision)
    mine = (_TABLE.tenant_id == tenant_id) & (_TABLE.event_uuid == event)
    return _curves(db, select(*_CURVE).join(wanted, same).where(mine))


def _newest(tenant_id: int, event: UUID) -> Select[Any]:
    return (
        select(*_CURVE)
        .ext(distinct_on(_TABLE.asset_uuid))
        .where(_TABLE.tenant_id == tenant_id, _TABLE.event_uuid == event)
        .order_by(_TABLE.asset_uuid, _TABLE.revision.desc())
    )


def _curves(db: Connection, query: Select[Any]) -> list[Curve]:
    return [Curve(*row) for row in db.execute(query)]
