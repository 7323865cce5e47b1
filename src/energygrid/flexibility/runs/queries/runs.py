"""SQL of runs and their parts, of changed readings, and of an event's published revisions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import Connection, Row, func, insert, select, update
from sqlalchemy.dialects.postgresql import distinct_on

from energygrid.database import arrays
from energygrid.database.arrays import PackedArray
from energygrid.database.driver import driver
from energygrid.flexibility.events.tables import flex_event, flex_event_asset
from energygrid.flexibility.registry.tables import flex_asset
from energygrid.flexibility.runs.tables import flex_run, flex_run_part
from energygrid.metering.readings import Int64s

Touched = Int64s | Sequence[tuple[int, int, int]]
"""(series, first changed day, last changed day), UTC days since 1970."""


@dataclass(frozen=True, slots=True)
class Run:
    """A row of `flex_run`."""

    event_uuid: UUID
    kind: str
    revision: int
    state: str
    basis: Mapping[str, Any]
    started_at: datetime
    finished_at: datetime | None
    totals: Mapping[str, Any] | None
    head: bytes | None


_ADD_TOUCHED = """
    INSERT INTO flex_touched (tenant_id, touched_at, event_uuid, series, first, last)
    VALUES (%s, %s, %s, %b::bigint[], %b::int[], %b::int[])
"""
_TAKE_TOUCHED = "DELETE FROM flex_touched WHERE tenant_id = %b RETURNING event_uuid, series, first, last"
_COLUMNS = [column for column in flex_run.c if column.name != "tenant_id"]
_NEWEST = flex_run.c.revision.desc()


def _of(tenant_id: int, event: UUID, kind: str) -> Any:
    return (flex_run.c.tenant_id == tenant_id) & (flex_run.c.event_uuid == event) & (flex_run.c.kind == kind)


def _run(row: Row[Any] | None) -> Run | None:
    return None if row is None else Run(**row._mapping)  # noqa: SLF001


def insert_run(db: Connection, tenant_id: int, run: Run) -> None:
    db.execute(insert(flex_run).values(tenant_id=tenant_id, **{name: getattr(run, name) for name in Run.__slots__}))


def newest_run(
    db: Connection, tenant_id: int, event: UUID, kind: str, *, lock: bool = False, as_of: datetime | None = None
) -> Run | None:
    """The run of the highest revision; of those finished by `as_of`, if given."""
    query = select(*_COLUMNS).where(_of(tenant_id, event, kind)).order_by(_NEWEST).limit(1)
    if as_of is not None:
        query = query.where(flex_run.c.finished_at <= as_of)
    return _run(db.execute(query.with_for_update() if lock else query).first())


def hold_run(db: Connection, tenant_id: int, run: Run, *, alone: bool = False) -> None:
    """No newer run begins before this transaction ends; `alone`: nor does anybody else hold it so."""
    query = select(flex_run.c.revision).where(
        _of(tenant_id, run.event_uuid, run.kind), flex_run.c.revision == run.revision
    )
    db.execute(query.with_for_update(read=not alone, key_share=True))


def find_run(db: Connection, tenant_id: int, event: UUID, kind: str, revision: int) -> Run | None:
    query = select(*_COLUMNS).where(_of(tenant_id, event, kind), flex_run.c.revision == revision)
    return _run(db.execute(query).first())


def all_runs(db: Connection, tenant_id: int, event: UUID) -> list[Run]:
    """Oldest revision first."""
    query = select(*_COLUMNS).where(flex_run.c.tenant_id == tenant_id, flex_run.c.event_uuid == event)
    rows = db.execute(query.order_by(flex_run.c.kind, flex_run.c.revision))
    return [Run(**row._mapping) for row in rows]  # noqa: SLF001


def live_runs(db: Connection, tenant_id: int) -> list[Run]:
    """The newest run of each event and kind, of those that are not closed."""
    newest = (
        select(*_COLUMNS)
        .ext(distinct_on(flex_run.c.event_uuid, flex_run.c.kind))
        .where(flex_run.c.tenant_id == tenant_id)
        .order_by(flex_run.c.event_uuid, flex_run.c.kind, _NEWEST)
        .subquery()
    )
    rows = db.execute(select(newest).where(newest.c.state != "CLOSED"))
    return [Run(**row._mapping) for row in rows]  # noqa: SLF001


def tenants_with_live_runs(db: Connection) -> list[int]:
    query = select(flex_run.c.tenant_id).where(flex_run.c.state == "READY").distinct()
    return list(db.execute(query.order_by(flex_run.c.tenant_id)).scalars())


def change_run(db: Connection, tenant_id: int, run: Run, **values: object) -> None:
    at = _of(tenant_id, run.event_uuid, run.kind) & (flex_run.c.revision == run.revision)
    db.execute(update(flex_run).where(at).values(**values))


def insert_parts(db: Connection, tenant_id: int, run: Run, parts: Sequence[Sequence[UUID]]) -> None:
    rows = [
        {
            "tenant_id": tenant_id,
            "event_uuid": run.event_uuid,
            "kind": run.kind,
            "revision": run.revision,
            "part": number,
            "assets": list(assets),
        }
        for number, assets in enumerate(parts)
    ]
    if rows:
        db.execute(insert(flex_run_part), rows)


def _part_of(tenant_id: int, event: UUID, kind: str, revision: int) -> Any:
    part = flex_run_part.c
    return (
        (part.tenant_id == tenant_id) & (part.event_uuid == event) & (part.kind == kind) & (part.revision == revision)
    )


def take_part(
    db: Connection, tenant_id: int, event: UUID, kind: str, revision: int, part: int, now: datetime
) -> list[UUID] | None:
    """Its assets, for whoever asks first; None for whoever asks again."""
    at = _part_of(tenant_id, event, kind, revision) & (flex_run_part.c.part == part)
    taken = (
        update(flex_run_part)
        .where(at, flex_run_part.c.done_at.is_(None))
        .values(done_at=now)
        .returning(flex_run_part.c.assets)
    )
    return db.execute(taken).scalar_one_or_none()


def open_parts(db: Connection, tenant_id: int, run: Run) -> int:
    at = _part_of(tenant_id, run.event_uuid, run.kind, run.revision)
    return db.execute(select(func.count()).where(at, flex_run_part.c.done_at.is_(None))).scalar_one()


def members(db: Connection, tenant_id: int, run: Run) -> int:
    """How many assets the run was begun with."""
    query = select(func.coalesce(func.sum(func.cardinality(flex_run_part.c.assets)), 0))
    return int(db.execute(query.where(_part_of(tenant_id, run.event_uuid, run.kind, run.revision))).scalar_one())


def change_event(db: Connection, tenant_id: int, event: UUID, **values: object) -> str:
    """Set `stats_state` or a published revision; the event's status."""
    at = (flex_event.c.tenant_id == tenant_id) & (flex_event.c.uuid == event)
    return str(db.execute(update(flex_event).where(at).values(**values).returning(flex_event.c.status)).scalar_one())


def states(db: Connection, tenant_id: int, event: UUID) -> dict[str, int]:
    """How many assets of the event are in each state."""
    at = (flex_event_asset.c.tenant_id == tenant_id) & (flex_event_asset.c.event_uuid == event)
    query = select(flex_event_asset.c.state, func.count()).where(at).group_by(flex_event_asset.c.state)
    return {row[0]: row[1] for row in db.execute(query)}


def add_touched(db: Connection, tenant_id: int, touched: Touched, now: datetime, event: UUID | None = None) -> None:
    driver(db).execute(_ADD_TOUCHED, (tenant_id, now, event, *packed(touched)))


def packed(touched: Touched) -> tuple[PackedArray, PackedArray, PackedArray]:
    """For `%b::bigint[], %b::int[], %b::int[]`: series, and the first and the last day that changed of each."""
    series, first, last = np.asarray(touched, np.int64).T
    return arrays.bigints(series), arrays.ints(first), arrays.ints(last)


def take_touched(db: Connection, tenant_id: int) -> list[tuple[UUID | None, Touched]]:
    """All that was noted, each with the only event that it is for; None: for all."""
    with arrays.columns(db) as cursor:
        return [(event, np.column_stack(each)) for event, *each in cursor.execute(_TAKE_TOUCHED, (tenant_id,))]


def has_assets(db: Connection, tenant_id: int) -> bool:
    return db.execute(select(flex_asset.c.uuid).where(flex_asset.c.tenant_id == tenant_id).limit(1)).first() is not None
