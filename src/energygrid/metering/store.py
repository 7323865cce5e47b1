"""The one store of interval data.

`write_readings` takes readings of many series in any order; `read` gives them back on the series' grid, as known now or
as known at a moment. Nothing is lost when a value changes: the block that held it stays as a revision.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from sqlalchemy import Connection

from energygrid.database.arrays import to_instant
from energygrid.errors import Invalid, Unavailable
from energygrid.ingest.rows import Reject
from energygrid.metering import blocks, queries
from energygrid.metering.blocks import Matrix
from energygrid.metering.calendar import Span
from energygrid.metering.grid import Grid, Gridded, Readings, on_grid
from energygrid.metering.merge import DayReadings, Merged, by_day, lay_out, merge, newest_per_interval
from energygrid.metering.queries import Blocks
from energygrid.metering.readings import DAY_S, Bools, Int64s, ReadingBatch, RegisterReads, UInt8s
from energygrid.metering.series import Series

_MOST_RACES = 100
_MOST_REJECTS_LISTED = 1_000
_PART = 8_192
"""Blocks that are packed and written at once."""
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
    touched     (k, 3): each series written, its first and last changed day (days since 1970); by series
    """

    accepted: int = 0
    replaced: int = 0
    unchanged: int = 0
    repeated: int = 0
    rejected: int = 0
    blocks: int = 0
    rejects: list[Reject] = field(default_factory=list)
    touched: Int64s = field(default_factory=lambda: np.empty((0, 3), np.int64))

    def add(self, other: "WriteReport") -> None:
        for name in ("accepted", "replaced", "unchanged", "repeated", "rejected", "blocks"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.rejects += other.rejects[: _MOST_REJECTS_LISTED - len(self.rejects)]
        self.touch(other.touched)

    def touch(self, days: Int64s) -> None:
        """Add changed days, (k, 3) as in `touched`; a series may stand there more than once."""
        every = np.concatenate((self.touched, days))
        every = every[np.argsort(every[:, 0], kind="stable")]
        begins = np.flatnonzero(np.diff(every[:, 0], prepend=-1))
        first, last = np.minimum.reduceat(every[:, 1], begins), np.maximum.reduceat(every[:, 2], begins)
        self.touched = np.column_stack((every[begins, 0], first, last))


def write_readings(
    db: Connection,
    series: Sequence[Series] | Gridded,
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
    gridded = series if isinstance(series, Gridded) else Gridded.of(series)
    report = WriteReport()
    layout = lay_out(gridded, batch)
    off_grid = np.flatnonzero(~layout.fits)
    _reject(report, batch, off_grid, "OFF_GRID", "the interval does not start on the grid of its series")
    newest = newest_per_interval(gridded, batch, layout)
    report.repeated = newest.repeated_same + len(newest.repeated_different)
    for readings in by_day(gridded, batch, layout, newest.rows):
        _write(db, batch, readings, known_at, report, estimates=estimates)
    return report


def _reject(report: WriteReport, batch: ReadingBatch, at: Int64s, code: str, message: str) -> None:
    report.rejected += len(at)
    room = max(0, _MOST_REJECTS_LISTED - len(report.rejects))
    report.rejects += [Reject(int(row), code, message) for row in batch.row[at[:room]].tolist()]


@dataclass(slots=True)
class _Known:
    """What is known of some days: (b, intervals) values and qualities, and (b,) positions in `blocks`, -1 for none."""

    blocks: Blocks
    place: Int64s
    values: Matrix
    quality: UInt8s


def _write(
    db: Connection,
    batch: ReadingBatch,
    readings: DayReadings,
    known_at: datetime,
    report: WriteReport,
    *,
    estimates: bool,
) -> None:
    """Merge and write until no other writer came between."""
    for _ in range(_MOST_RACES):
        known = _known(db, readings)
        merged = merge(
            known.values[readings.block, readings.slot],
            known.quality[readings.block, readings.slot],
            batch.value[readings.row],
            batch.quality[readings.row],
            own=estimates,
        )
        changed = np.zeros(len(readings.day), np.bool_)
        changed[readings.block[merged.taken]] = True
        lost = np.zeros(len(readings.day), np.bool_)
        lost[changed] = ~_write_changed(db, batch, readings, known, merged, changed, known_at)
        _count(report, batch, readings, merged, ~lost, changed & ~lost, estimates=estimates)
        if not lost.any():
            return
        readings = readings.only(lost)
    raise Unavailable("WRITE_CONTENTION", "too many writers change the same days; try again", retry_after=1)


def _known(db: Connection, readings: DayReadings) -> _Known:
    """What is known of the days of some readings."""
    ids = np.unique(readings.series_id)
    first, last = int(readings.day.min()), int(readings.day.max())
    days = last - first + 1
    if len(readings.day) * 2 >= len(ids) * days:
        found = queries.blocks_in_range(db, ids, first, last)
    else:
        found = queries.blocks_by_key(db, readings.series_id, readings.day)
    asked = np.searchsorted(ids, readings.series_id) * days + readings.day - first
    stored = np.searchsorted(ids, found.series_id) * days + found.day - first
    wanted = np.isin(stored, asked, assume_unique=True)
    found, at = found.only(wanted), np.searchsorted(asked, stored[wanted])
    place = np.full(len(asked), -1)
    place[at] = np.arange(len(found))
    values = blocks.unpack_values(found.values, readings.intervals)
    quality = blocks.unpack_quality(found.quality, values)
    if len(found) == len(asked):
        return _Known(found, place, values, quality)
    shape = len(asked), readings.intervals
    known = _Known(found, place, np.full(shape, np.nan), np.zeros(shape, np.uint8))
    known.values[at], known.quality[at] = values, quality
    return known


def _write_changed(
    db: Connection,
    batch: ReadingBatch,
    readings: DayReadings,
    known: _Known,
    merged: Merged,
    changed: Bools,
    known_at: datetime,
) -> Bools:
    """Write merged blocks and keep what they replace; for which of the changed ones no other writer was quicker."""
    if not changed.any():
        return np.ones(0, np.bool_)
    block, slot, row = (column[merged.taken] for column in (readings.block, readings.slot, readings.row))
    known.values[block, slot] = batch.value[row]
    known.quality[block, slot] = batch.quality[row]
    at = np.flatnonzero(changed)
    place = known.place[at]
    is_new = place < 0
    now = to_instant(known_at)
    revision, since = np.ones(len(place), np.int64), np.full(len(place), now)
    revision[~is_new] += known.blocks.revision[place[~is_new]]
    since[~is_new] = np.maximum(now, known.blocks.known_at[place[~is_new]])
    marks = _marks(batch, readings, known, merged, changed)

    def part(some: slice) -> Blocks:
        which = at[some]
        values, quality = known.values[which], known.quality[which]
        return Blocks(
            series_id=readings.series_id[which],
            day=readings.day[which],
            revision=revision[some],
            known_at=since[some],
            values=blocks.pack_values(values),
            quality=blocks.pack_quality(quality, values),
            source_quality=marks[some],
        )

    won = queries.write_blocks(db, (part(slice(first, first + _PART)) for first in range(0, len(at), _PART)))
    # A block that became known at this same moment (an earlier part of the same file) was never seen by anyone.
    replaced = np.zeros(len(known.blocks), np.bool_)
    replaced[place[won & ~is_new]] = True
    queries.write_revisions(db, known.blocks.only(replaced & (known.blocks.known_at < now)))
    return won


def _marks(
    batch: ReadingBatch, readings: DayReadings, known: _Known, merged: Merged, changed: Bools
) -> list[str | None]:
    """The source's own quality marks of the changed days after the merge."""
    before = known.blocks.source_quality
    at = np.flatnonzero(changed).tolist()
    if batch.source_code is None and before.count(None) == len(before):
        return [None] * len(at)
    bounds = np.searchsorted(readings.block, np.arange(len(readings.day) + 1)).tolist()
    packed: list[str | None] = []
    for block in at:
        place = int(known.place[block])
        old = None if place < 0 else before[place]
        if batch.source_code is None and old is None:
            packed.append(None)
            continue
        marks = blocks.unpack_marks(old, readings.intervals)
        here = slice(bounds[block], bounds[block + 1])
        taken = merged.taken[here]
        for slot, row in zip(readings.slot[here][taken].tolist(), readings.row[here][taken].tolist(), strict=True):
            code = -1 if batch.source_code is None else int(batch.source_code[row])
            marks[slot] = "" if code < 0 else batch.source_labels[code]
        packed.append(blocks.pack_marks(marks))
    return packed


def _count(
    report: WriteReport,
    batch: ReadingBatch,
    readings: DayReadings,
    merged: Merged,
    done: Bools,
    changed: Bools,
    *,
    estimates: bool,
) -> None:
    """Add the readings of the blocks that are `done`, of which some are `changed`."""
    of_done = done[readings.block]
    report.accepted += int((merged.added & of_done).sum())
    report.replaced += int((merged.replaced & of_done).sum())
    report.unchanged += int((merged.unchanged & of_done).sum())
    report.blocks += int(changed.sum())
    day = readings.day[changed]
    report.touch(np.column_stack((readings.series_id[changed], day, day)))
    if merged.outranked.any() and not estimates:
        at = readings.row[merged.outranked & of_done]
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
    found = queries.blocks_in_range(db, [each.id for each in series], first, last, as_of)
    alike: dict[Grid, list[int]] = {}
    for place, each in enumerate(series):
        alike.setdefault(Grid.of(each), []).append(place)
    readings: dict[int, Readings] = {}
    for grid, places in alike.items():
        ids = [series[place].id for place in places]
        mine = found if len(alike) == 1 else found.only(np.isin(found.series_id, ids))
        readings.update(zip(places, on_grid(grid, ids, mine, span), strict=True))
    return [readings[place] for place in range(len(series))]


def _days(span: Span) -> tuple[int, int]:
    """Days since 1970 of all blocks that may hold readings of the span, a day wide of it on both sides."""
    start, end = span.instants()
    if end <= start or end - start > _MOST_DAYS * DAY_S:
        raise Invalid(
            "BAD_SPAN", "a span ends after it starts and covers 50 years at most", start=span.start, end=span.end
        )
    return start // DAY_S - 1, end // DAY_S + 1
