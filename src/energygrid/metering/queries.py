"""SQL of series, day blocks and register reads."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, BigInteger, Connection, RowMapping, Text, any_, bindparam, delete, insert, literal, select
from sqlalchemy.dialects.postgresql import insert as upsert

from energygrid.database import arrays
from energygrid.database.driver import driver
from energygrid.metering.readings import SeriesKey
from energygrid.metering.tables import parked_reading, register_read, series


class Block(NamedTuple):
    """A stored day block, packed."""

    series_id: int
    day: date
    revision: int
    known_at: datetime
    values: bytes
    quality: bytes | None
    source_quality: str | None


_SERIES_COLUMNS = [column for column in series.c if column.name != "created_at"]
_SERIES_OF_OWNERS = (
    select(*_SERIES_COLUMNS)
    .where(
        series.c.tenant_id == bindparam("tenant_id"),
        series.c.owner_kind == bindparam("owner_kind"),
        series.c.owner_id == any_(bindparam("owner_ids", type_=ARRAY(Text))),
    )
    .order_by(series.c.id)
)
_BLOCK_COLUMNS = "series_id, day, revision, known_at, values, quality, source_quality"

_ADD_SERIES = """
    INSERT INTO series (tenant_id, owner_kind, owner_id, commodity, flow, kind, unit, interval_s, channel,
                        offset_s, zone, created_at)
    SELECT %s, %s, new.*, %s
    FROM unnest(
        %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::int[], %s::text[], %s::int[], %s::text[]
    ) AS new
    ON CONFLICT ON CONSTRAINT uq_series_identity DO NOTHING
"""

_BLOCKS_IN_RANGE = f"""
    SELECT {_BLOCK_COLUMNS} FROM reading_block
    WHERE series_id = ANY(%b::bigint[]) AND day >= %b AND day <= %b
    ORDER BY series_id, day
"""  # noqa: S608 - the columns are a constant

_BLOCKS_BY_KEY = """
    SELECT b.series_id, b.day, b.revision, b.known_at, b.values, b.quality, b.source_quality
    FROM unnest(%b::bigint[], %b::date[]) AS wanted (series_id, day)
    JOIN reading_block b ON b.series_id = wanted.series_id AND b.day = wanted.day
"""

# What was known at a moment: of the current block and the replaced ones, the newest not later than it.
_BLOCKS_AS_OF = f"""
    SELECT DISTINCT ON (series_id, day) {_BLOCK_COLUMNS}
    FROM (
        SELECT {_BLOCK_COLUMNS} FROM reading_block
        WHERE series_id = ANY(%(ids)s::bigint[]) AND day >= %(first)s AND day <= %(last)s
        UNION ALL
        SELECT {_BLOCK_COLUMNS} FROM reading_revision
        WHERE series_id = ANY(%(ids)s::bigint[]) AND day >= %(first)s AND day <= %(last)s
    ) AS known
    WHERE known_at <= %(as_of)s
    ORDER BY series_id, day, known_at DESC, revision DESC
"""  # noqa: S608

# A block is replaced only by the revision that follows the one it was merged with: a writer that lost the race finds
# its key missing in the answer and merges again.
_WRITE_BLOCKS = """
    INSERT INTO reading_block (series_id, day, revision, known_at, values, quality, source_quality)
    SELECT * FROM unnest(
        %b::bigint[], %b::date[], %b::int[], %b::timestamptz[], %b::bytea[], %b::bytea[], %b::text[]
    )
    ON CONFLICT (series_id, day) DO UPDATE SET
        revision = excluded.revision, known_at = excluded.known_at, values = excluded.values,
        quality = excluded.quality, source_quality = excluded.source_quality
    WHERE reading_block.revision = excluded.revision - 1
    RETURNING series_id, day
"""

_WRITE_REVISIONS = """
    INSERT INTO reading_revision (series_id, day, revision, known_at, values, quality, source_quality)
    SELECT * FROM unnest(
        %b::bigint[], %b::date[], %b::int[], %b::timestamptz[], %b::bytea[], %b::bytea[], %b::text[]
    )
"""


def insert_series(
    db: Connection, tenant_id: int, owner_kind: str, keys: Sequence[tuple[SeriesKey, int, str]], now: datetime
) -> None:
    """Add the series (key, offset_s, zone) that are not there yet."""
    rows = [
        (k.meter_id, str(k.commodity), str(k.flow), str(k.kind), k.unit, k.interval_s, k.channel, offset, zone)
        for k, offset, zone in keys
    ]
    columns = [list(column) for column in zip(*rows, strict=True)]
    with driver(db).cursor() as cursor:
        cursor.execute(_ADD_SERIES, [tenant_id, owner_kind, now, *columns])


def series_of_owners(db: Connection, tenant_id: int, owner_kind: str, owner_ids: Sequence[str]) -> list[RowMapping]:
    values = {"tenant_id": tenant_id, "owner_kind": owner_kind, "owner_ids": list(owner_ids)}
    return [row._mapping for row in db.execute(_SERIES_OF_OWNERS, values)]  # noqa: SLF001


def series_by_ids(db: Connection, tenant_id: int, series_ids: Sequence[int]) -> list[RowMapping]:
    query = select(*_SERIES_COLUMNS).where(
        series.c.tenant_id == tenant_id, series.c.id == any_(literal(list(series_ids), ARRAY(BigInteger)))
    )
    return [row._mapping for row in db.execute(query.order_by(series.c.id))]  # noqa: SLF001


def blocks_in_range(
    db: Connection, series_ids: Sequence[int], first: date, last: date, as_of: datetime | None = None
) -> list[Block]:
    """Blocks of days first..last (both included), ordered by series and day; as known at `as_of` if given."""
    with driver(db).cursor(binary=True) as cursor:
        if as_of is None:
            cursor.execute(_BLOCKS_IN_RANGE, (arrays.bigints(series_ids), first, last))
        else:
            cursor.execute(_BLOCKS_AS_OF, {"ids": list(series_ids), "first": first, "last": last, "as_of": as_of})
        return [Block(*row) for row in cursor]


def blocks_by_key(db: Connection, keys: Sequence[tuple[int, date]]) -> list[Block]:
    with driver(db).cursor(binary=True) as cursor:
        ids, days = arrays.bigints([key[0] for key in keys]), arrays.dates([key[1] for key in keys])
        cursor.execute(_BLOCKS_BY_KEY, (ids, days))
        return [Block(*row) for row in cursor]


def write_blocks(db: Connection, blocks: Sequence[Block]) -> set[tuple[int, date]]:
    """Insert or replace blocks; the keys of those that another writer had not changed meanwhile."""
    with driver(db).cursor(binary=True) as cursor:
        cursor.execute(_WRITE_BLOCKS, _columns(blocks))
        return {(series_id, day) for series_id, day in cursor}


def write_revisions(db: Connection, blocks: Sequence[Block]) -> None:
    """Keep replaced blocks."""
    if blocks:
        driver(db).execute(_WRITE_REVISIONS, _columns(blocks))


def _columns(blocks: Sequence[Block]) -> list[arrays.PackedArray]:
    return [
        arrays.bigints([block.series_id for block in blocks]),
        arrays.dates([block.day for block in blocks]),
        arrays.ints([block.revision for block in blocks]),
        arrays.instants([block.known_at for block in blocks]),
        arrays.byteas([block.values for block in blocks]),
        arrays.byteas([block.quality for block in blocks]),
        arrays.texts([block.source_quality for block in blocks]),
    ]


def insert_register_reads(db: Connection, rows: Iterable[tuple[int, datetime, datetime, float, int]]) -> None:
    """(series_id, at, known_at, value, quality); a read that is there already stays."""
    values = [
        {"series_id": series_id, "at": at, "known_at": known_at, "value": value, "quality": quality}
        for series_id, at, known_at, value, quality in rows
    ]
    if values:
        db.execute(upsert(register_read).on_conflict_do_nothing(), values)


def insert_parked(db: Connection, **values: Any) -> None:
    db.execute(insert(parked_reading).values(**values))


def take_parked(db: Connection, tenant_id: int, meter_ids: Sequence[str]) -> list[tuple[str, bytes]]:
    """(job_id, body), oldest first; they are no longer parked."""
    table = parked_reading
    statement = (
        delete(table)
        .where(table.c.tenant_id == tenant_id, table.c.meter_id == any_(literal(list(meter_ids), ARRAY(Text))))
        .returning(table.c.id, table.c.job_id, table.c.body)
    )
    return [(row.job_id, row.body) for row in sorted(db.execute(statement), key=lambda row: int(row.id))]


def drop_parked(db: Connection, tenant_id: int, before: datetime) -> int:
    """Give up what has waited since before `before`; how many readings that were."""
    table = parked_reading
    statement = delete(table).where(table.c.tenant_id == tenant_id, table.c.parked_at < before)
    return sum(row.readings for row in db.execute(statement.returning(table.c.readings)))
