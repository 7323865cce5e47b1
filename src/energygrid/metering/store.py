"""The one store of interval data.

`write_readings` takes readings of many series in any order; `read` gives them back on the series' grid, as known now or
as known at a moment. Nothing is lost when a value changes: the block that held it stays as a revision.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import numpy as np
from sqlalchemy import Connection

from energygrid.errors import Invalid, Unavailable
from energygrid.ingest.rows import Reject
from energygrid.metering import blocks, queries
from energygrid.metering.calendar import Span
from energygrid.metering.grid import Grid, Readings, on_grid
from energygrid.metering.merge import (
    DayMatrix,
    Merged,
    day_matrices,
    lay_out,
    merge,
    newest_per_interval,
)
from energygrid.metering.queries import Block
from energygrid.metering.readings import DAY_S, Bools, Int64s, ReadingBatch, RegisterReads
from energygrid.metering.series import Series

_EPOCH = date(1970, 1, 1)
_MOST_RACES = 100
_MOST_REJECTS_LISTED = 1_000
_MOST_DAYS = 50 * 366
"""Longest span one read may ask for."""


@dataclass(slots=True)
class WriteReport:
    """What became of the readings of one call.

    accepted    new, where nothing was known
    replaced    differ from what was known (which is kept as a revision)
    unchanged   known already with the same quality, or missing by the source's own word
    repeated    stood more than once in the call; the last one counts
    rejected    not taken; `rejects` lists the first thousand, with rows of the source
    touched     for each series written, its first and last changed day (days since 1970, positions in `series`)
    """

    accepted: int = 0
    replaced: int = 0
    unchanged: int = 0
    repeated: int = 0
    rejected: int = 0
    blocks: int = 0
    rejects: list[Reject] = field(default_factory=list)
    touched: dict[int, tuple[int, int]] = field(default_factory=dict)

    def add(self, other: "WriteReport") -> None:
        for name in ("accepted", "replaced", "unchanged", "repeated", "rejected", "blocks"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.rejects += other.rejects[: _MOST_REJECTS_LISTED - len(self.rejects)]
        for series_id, (first, last) in other.touched.items():
            known = self.touched.get(series_id, (first, last))
            self.touched[series_id] = (min(first, known[0]), max(last, known[1]))


def write_readings(
    db: Connection,
    series: Sequence[Series],
    batch: ReadingBatch,
    *,
    known_at: datetime,
    estimates: bool = False,
) -> WriteReport:
    """Write readings of any mixture of series and days; `batch.index` is the position in `series`.

    Safe under concurrent writers of the same day: each block is merged with exactly the revision it replaces.
    Readings off their series' grid are rejected (OFF_GRID). A source's estimate of a value that is known as actual is
    rejected (ACTUAL_KNOWN). Estimates of ours (`estimates`) are written where nothing, or an estimate, is known.
    """
    report = WriteReport()
    layout = lay_out(series, batch)
    off_grid = np.flatnonzero(~layout.fits)
    _reject(report, batch, off_grid, "OFF_GRID", "the interval does not start on the grid of its series")
    newest = newest_per_interval(batch, layout)
    report.repeated = newest.repeated_same + len(newest.repeated_different)
    for matrix in day_matrices(series, batch, layout, newest.rows):
        _write_matrix(db, series, batch, matrix, known_at, report, estimates=estimates)
    return report


def _reject(report: WriteReport, batch: ReadingBatch, at: Int64s, code: str, message: str) -> None:
    report.rejected += len(at)
    room = max(0, _MOST_REJECTS_LISTED - len(report.rejects))
    report.rejects += [Reject(int(row), code, message) for row in batch.row[at[:room]].tolist()]


def _write_matrix(
    db: Connection,
    series: Sequence[Series],
    batch: ReadingBatch,
    matrix: DayMatrix,
    known_at: datetime,
    report: WriteReport,
    *,
    estimates: bool,
) -> None:
    """Merge and write until no other writer came between."""
    ids = np.array([each.id for each in series], np.int64)[matrix.series]
    keys = list(zip(ids.tolist(), _dates(matrix.day), strict=True))
    rows = np.arange(len(keys))
    for _ in range(_MOST_RACES):
        known = _known_blocks(db, [keys[row] for row in rows.tolist()])
        merged = _merge_known(matrix, rows, keys, known, own=estimates)
        changed: Bools = np.logical_or.reduce(merged.taken, axis=1)
        written = _write_changed(db, batch, matrix, rows[changed], keys, known, _only(merged, changed), known_at)
        done = ~changed
        done[np.isin(rows, written)] = True
        _count(report, batch, matrix, rows[done], ids, _only(merged, done), estimates=estimates)
        rows = rows[~done]
        if not rows.size:
            return
    raise Unavailable("WRITE_CONTENTION", "too many writers change the same days; try again", retry_after=1)


def _dates(days: Int64s) -> list[date]:
    dates: list[date] = days.astype("M8[D]").tolist()
    return dates


def _known_blocks(db: Connection, keys: Sequence[tuple[int, date]]) -> dict[tuple[int, date], Block]:
    ids = list(dict.fromkeys(key[0] for key in keys))
    first, last = min(key[1] for key in keys), max(key[1] for key in keys)
    dense = len(keys) * 2 >= len(ids) * ((last - first).days + 1)
    found = queries.blocks_in_range(db, ids, first, last) if dense else queries.blocks_by_key(db, keys)
    return {(block.series_id, block.day): block for block in found}


def _merge_known(
    matrix: DayMatrix,
    rows: Int64s,
    keys: Sequence[tuple[int, date]],
    known: dict[tuple[int, date], Block],
    *,
    own: bool,
) -> Merged:
    whole = len(rows) == len(matrix.day)
    values = matrix.values if whole else matrix.values[rows]
    quality = matrix.quality if whole else matrix.quality[rows]
    given = matrix.given if whole else matrix.given[rows]
    known_values = np.full(values.shape, np.nan)
    known_quality = np.zeros(values.shape, np.uint8)
    at = [(place, known[keys[row]]) for place, row in enumerate(rows.tolist()) if keys[row] in known]
    if at:
        places = [place for place, _ in at]
        known_values[places] = blocks.unpack_values([block.values for _, block in at], values.shape[1])
        known_quality[places] = blocks.unpack_quality([block.quality for _, block in at], known_values[places])
    return merge(known_values, known_quality, values, quality, given, own=own)


def _only(merged: Merged, rows: Bools) -> Merged:
    if rows.all():
        return merged
    return Merged(*(getattr(merged, name)[rows] for name in Merged.__slots__))


def _write_changed(
    db: Connection,
    batch: ReadingBatch,
    matrix: DayMatrix,
    rows: Int64s,
    keys: Sequence[tuple[int, date]],
    known: dict[tuple[int, date], Block],
    merged: Merged,
    known_at: datetime,
) -> list[int]:
    """Write merged blocks and keep what they replace; the rows that no other writer was quicker for."""
    if not rows.size:
        return []
    packed_values = blocks.pack_values(merged.values)
    packed_quality = blocks.pack_quality(merged.quality, merged.values)
    written: list[Block] = []
    old: dict[tuple[int, date], Block] = {}
    for place, row in enumerate(rows.tolist()):
        key = keys[row]
        before = known.get(key)
        if before is not None:
            old[key] = before
        marks = _marks(batch, matrix.source[row], merged.taken[place], before)
        written.append(
            Block(
                series_id=key[0],
                day=key[1],
                revision=1 if before is None else before.revision + 1,
                known_at=known_at if before is None else max(known_at, before.known_at),
                values=packed_values[place],
                quality=packed_quality[place],
                source_quality=marks,
            )
        )
    won = queries.write_blocks(db, written)
    # A block that became known at this same moment (an earlier part of the same file) was never seen by anyone.
    queries.write_revisions(db, [block for key, block in old.items() if key in won and block.known_at < known_at])
    return [row for row in rows.tolist() if keys[row] in won]


def _marks(batch: ReadingBatch, source: Int64s, taken: Bools, before: Block | None) -> str | None:
    """The source's own quality marks of one day after the merge."""
    if batch.source_code is None:
        if before is None or before.source_quality is None:
            return None
        codes = np.full(len(source), -1)
    else:
        codes = np.where(source >= 0, batch.source_code[source], -1)
    marks = blocks.unpack_marks(None if before is None else before.source_quality, len(source))
    for slot in np.flatnonzero(taken).tolist():
        marks[slot] = "" if codes[slot] < 0 else batch.source_labels[codes[slot]]
    return blocks.pack_marks(marks)


def _count(
    report: WriteReport,
    batch: ReadingBatch,
    matrix: DayMatrix,
    rows: Int64s,
    ids: Int64s,
    merged: Merged,
    *,
    estimates: bool,
) -> None:
    report.accepted += int(merged.added.sum())
    report.replaced += int(merged.replaced.sum())
    report.unchanged += int(merged.unchanged.sum())
    changed = rows[merged.taken.any(axis=1)]
    report.blocks += len(changed)
    for series_id, day in zip(ids[changed].tolist(), matrix.day[changed].tolist(), strict=True):
        first, last = report.touched.get(series_id, (day, day))
        report.touched[series_id] = (min(first, day), max(last, day))
    if merged.outranked.any() and not estimates:
        at = matrix.source[rows][merged.outranked]
        _reject(report, batch, at, "ACTUAL_KNOWN", "an estimate does not replace an actual value")


def write_register_reads(db: Connection, series: Sequence[Series], reads: RegisterReads, *, known_at: datetime) -> int:
    """Store index reads; a value that is stored already stays as it is. Returns how many were given."""
    ids = [each.id for each in series]
    queries.insert_register_reads(
        db,
        (
            (ids[index], datetime.fromtimestamp(at, UTC), known_at, value, quality)
            for index, at, value, quality in zip(
                reads.index.tolist(), reads.at.tolist(), reads.value.tolist(), reads.quality.tolist(), strict=True
            )
        ),
    )
    return len(reads)


def read(db: Connection, series: Series, span: Span, *, as_of: datetime | None = None) -> Readings:
    """Readings of one series whose intervals start within `span`, as known now or at `as_of`."""
    return read_many(db, [series], span, as_of=as_of)[0]


def read_many(db: Connection, series: Sequence[Series], span: Span, *, as_of: datetime | None = None) -> list[Readings]:
    """The same for several series at once."""
    first, last = _days(span)
    found = queries.blocks_in_range(db, [each.id for each in series], _as_date(first), _as_date(last), as_of)
    alike: dict[Grid, list[int]] = {}
    for place, each in enumerate(series):
        alike.setdefault(Grid.of(each), []).append(place)
    readings: dict[int, Readings] = {}
    for grid, places in alike.items():
        rows = {series[place].id: row for row, place in enumerate(places)}
        mine = found if len(alike) == 1 else [block for block in found if block.series_id in rows]
        readings.update(zip(places, on_grid(grid, rows, mine, span), strict=True))
    return [readings[place] for place in range(len(series))]


def _as_date(day: int) -> date:
    return _EPOCH + timedelta(days=day)


def _days(span: Span) -> tuple[int, int]:
    """Days since 1970 of all blocks that may hold readings of the span, a day wide of it on both sides."""
    start, end = span.instants()
    if end <= start or end - start > _MOST_DAYS * DAY_S:
        raise Invalid(
            "BAD_SPAN", "a span ends after it starts and covers 50 years at most", start=span.start, end=span.end
        )
    return start // DAY_S - 1, end // DAY_S + 1
