"""SQL of series, day blocks and register reads."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import ARRAY, Connection, Text, any_, delete, insert, literal
from sqlalchemy.dialects.postgresql import insert as upsert

from energygrid.database import arrays
from energygrid.database.arrays import Instants
from energygrid.database.driver import driver
from energygrid.metering.calendar import date_of, day_number
from energygrid.metering.readings import Bools, Int64s, SeriesKey
from energygrid.metering.tables import parked_reading, register_read


@dataclass(frozen=True, slots=True)
class Blocks:
    """Stored day blocks as columns, in the order of series and day.

    day       days since 1970;  known_at  UTC
    values, quality, source_quality  packed by metering.blocks
    """

    series_id: Int64s
    day: Int64s
    revision: Int64s
    known_at: Instants
    values: list[bytes]
    quality: list[bytes | None]
    source_quality: list[str | None]

    def __len__(self) -> int:
        return len(self.series_id)

    def only(self, which: Bools) -> "Blocks":
        if which.all():
            return self
        at = np.flatnonzero(which)
        places = at.tolist()
        return Blocks(
            self.series_id[at],
            self.day[at],
            self.revision[at],
            self.known_at[at],
            [self.values[place] for place in places],
            [self.quality[place] for place in places],
            [self.source_quality[place] for place in places],
        )


_SERIES_COLUMNS = """
    tenant_id, id, owner_kind, owner_id, commodity, flow, kind, unit, interval_s, channel, offset_s, zone
"""
_SERIES_OF_OWNERS = f"""
    SELECT {_SERIES_COLUMNS} FROM series
    WHERE tenant_id = %b AND owner_kind = %b AND owner_id = ANY(%b::text[]) ORDER BY id
"""  # noqa: S608 - the columns are a constant
_SERIES_BY_IDS = f"""
    SELECT {_SERIES_COLUMNS} FROM series WHERE tenant_id = %b AND id = ANY(%b::bigint[]) ORDER BY id
"""  # noqa: S608
_NOTHING = np.empty(0, np.int64)
NO_BLOCKS = Blocks(_NOTHING, _NOTHING, _NOTHING, _NOTHING.astype("M8[us]"), [], [], [])
_BLOCK_COLUMNS = "series_id, day, revision, known_at, values, quality, source_quality"
# One row of arrays: a row a block costs twice as much to hand over, and much more to take apart.
_AS_COLUMNS = """
    SELECT array_agg(series_id), array_agg(day), array_agg(revision), array_agg(known_at), array_agg(values),
           array_agg(quality), array_agg(source_quality)
    FROM ({}) AS block
"""

_ADD_SERIES = """
    INSERT INTO series (tenant_id, owner_kind, owner_id, commodity, flow, kind, unit, interval_s, channel,
                        offset_s, zone, created_at)
    SELECT %b, %b, new.*, %b
    FROM unnest(
        %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::int[], %b::text[], %b::int[], %b::text[]
    ) AS new
    ON CONFLICT ON CONSTRAINT uq_series_identity DO NOTHING
"""

_BLOCKS_IN_RANGE = _AS_COLUMNS.format(f"""
    SELECT {_BLOCK_COLUMNS} FROM reading_block
    WHERE series_id = ANY(%b::bigint[]) AND day >= %b::date AND day <= %b::date
    ORDER BY series_id, day
""")  # noqa: S608 - the columns are a constant

_BLOCKS_BY_KEY = _AS_COLUMNS.format("""
    SELECT b.* FROM unnest(%b::bigint[], %b::date[]) AS wanted (series_id, day)
    JOIN reading_block b ON b.series_id = wanted.series_id AND b.day = wanted.day
    ORDER BY series_id, day
""")

# What was known at a moment: of the current block and the replaced ones, the newest not later than it.
_BLOCKS_AS_OF = _AS_COLUMNS.format(f"""
    SELECT DISTINCT ON (series_id, day) {_BLOCK_COLUMNS}
    FROM (
        SELECT {_BLOCK_COLUMNS} FROM reading_block
        WHERE series_id = ANY(%(ids)b::bigint[]) AND day >= %(first)b::date AND day <= %(last)b::date
        UNION ALL
        SELECT {_BLOCK_COLUMNS} FROM reading_revision
        WHERE series_id = ANY(%(ids)b::bigint[]) AND day >= %(first)b::date AND day <= %(last)b::date
    ) AS known
    WHERE known_at <= %(as_of)b
    ORDER BY series_id, day, known_at DESC, revision DESC
""")  # noqa: S608

# A block is replaced only by the revision that follows the one it was merged with: a writer that lost the race finds
# its key missing in the answer and merges again.
_WRITE_BLOCKS = f"""
    INSERT INTO reading_block ({_BLOCK_COLUMNS})
    SELECT * FROM unnest(
        %b::bigint[], %b::date[], %b::int[], %b::timestamptz[], %b::bytea[], %b::bytea[], %b::text[]
    )
    ON CONFLICT (series_id, day) DO UPDATE SET
        revision = excluded.revision, known_at = excluded.known_at, values = excluded.values,
        quality = excluded.quality, source_quality = excluded.source_quality
    WHERE reading_block.revision = excluded.revision - 1
    RETURNING series_id, day
"""  # noqa: S608

_COPY_REVISIONS = f"COPY reading_revision ({_BLOCK_COLUMNS}) FROM STDIN (FORMAT BINARY)"


def insert_series(
    db: Connection, tenant_id: int, owner_kind: str, keys: Sequence[tuple[SeriesKey, int, str]], now: datetime
) -> None:
    """Add the series (key, offset_s, zone) that are not there yet."""
    rows = ((k.meter_id, k.commodity, k.flow, k.kind, k.unit, k.interval_s, k.channel, *more) for k, *more in keys)
    owners, commodities, flows, kinds, units, intervals, channels, offsets, zones = zip(*rows, strict=True)
    named = map(arrays.texts, (owners, commodities, flows, kinds, units))
    columns = (*named, arrays.ints(intervals), arrays.texts(channels), arrays.ints(offsets), arrays.texts(zones))
    with arrays.columns(db) as cursor:
        cursor.execute(_ADD_SERIES, (tenant_id, owner_kind, now, *columns))


def series_of_owners(
    db: Connection, tenant_id: int, owner_kind: str, owner_ids: Sequence[str]
) -> list[tuple[Any, ...]]:
    """All of a series but when it was made, in the order of the table's columns; oldest first."""
    with arrays.columns(db) as cursor:
        return cursor.execute(_SERIES_OF_OWNERS, (tenant_id, owner_kind, arrays.texts(owner_ids))).fetchall()


def series_by_ids(db: Connection, tenant_id: int, series_ids: Sequence[int]) -> list[tuple[Any, ...]]:
    """The same."""
    with arrays.columns(db) as cursor:
        return cursor.execute(_SERIES_BY_IDS, (tenant_id, arrays.bigints(series_ids))).fetchall()


def blocks_in_range(
    db: Connection, series_ids: Int64s | Sequence[int], first: int, last: int, as_of: datetime | None = None
) -> Blocks:
    """Blocks of days first..last (since 1970, both included); as known at `as_of` if given."""
    ids, span = arrays.bigints(series_ids), (date_of(first), date_of(last))
    if as_of is None:
        return _blocks(db, _BLOCKS_IN_RANGE, (ids, *span))
    return _blocks(db, _BLOCKS_AS_OF, {"ids": ids, "first": span[0], "last": span[1], "as_of": as_of})


def blocks_by_key(db: Connection, series_ids: Int64s, days: Int64s) -> Blocks:
    return _blocks(db, _BLOCKS_BY_KEY, (arrays.bigints(series_ids), arrays.dates(days)))


def _blocks(db: Connection, statement: str, values: Sequence[object] | Mapping[str, object]) -> Blocks:
    with arrays.columns(db) as cursor:
        found = cursor.execute(statement, values).fetchone()
    assert found is not None
    return NO_BLOCKS if found[0] is None else Blocks(*found)


def write_blocks(db: Connection, parts: Iterable[Blocks]) -> Bools:
    """Insert or replace blocks; which of them no other writer was quicker with.

    A part is written while the next one is made.
    """
    with driver(db).pipeline():
        sent = [(part, arrays.columns(db).execute(_WRITE_BLOCKS, _given(part))) for part in parts]
    return np.concatenate([_won(part, cursor) for part, cursor in sent])


def _won(part: Blocks, cursor: arrays.ColumnCursor) -> Bools:
    if cursor.rowcount == len(part):
        return np.ones(len(part), np.bool_)
    keys = {(series_id, day_number(day)) for series_id, day in cursor}
    every = zip(part.series_id.tolist(), part.day.tolist(), strict=True)
    return np.array([key in keys for key in every], np.bool_)


def write_revisions(db: Connection, blocks: Blocks) -> None:
    """Keep replaced blocks."""
    if not len(blocks):
        return
    marks = [None if each is None else each.encode() for each in blocks.source_quality]
    numbers = [
        ("int8", blocks.series_id),
        ("date", blocks.day),
        ("int4", blocks.revision),
        ("timestamptz", blocks.known_at),
    ]
    arrays.copy(db, _COPY_REVISIONS, numbers, [blocks.values, blocks.quality, marks])


def _given(blocks: Blocks) -> list[arrays.PackedArray]:
    return [
        arrays.bigints(blocks.series_id),
        arrays.dates(blocks.day),
        arrays.ints(blocks.revision),
        arrays.instants(blocks.known_at),
        arrays.byteas(blocks.values),
        arrays.byteas(blocks.quality),
        arrays.texts(blocks.source_quality),
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
