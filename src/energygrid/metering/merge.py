"""Laying readings out as day blocks, and merging them with what is known already. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from energygrid.metering.blocks import Matrix
from energygrid.metering.calendar import day_starts, local_days
from energygrid.metering.quality import Quality
from energygrid.metering.readings import DAY_S, Bools, Int64s, ReadingBatch, UInt8s
from energygrid.metering.series import Series


@dataclass(slots=True)
class Layout:
    """Where each reading of a batch stands: its day and its position in it; `fits` is False off the series' grid."""

    day: Int64s
    slot: Int64s
    fits: Bools


@dataclass(slots=True)
class DayMatrix:
    """Readings of equally long series, a row a (series, day), both ascending.

    series  position of the series;  day  days since 1970
    values  (rows, intervals), NaN where nothing was given
    source  (rows, intervals) position in the batch, -1 where nothing was given
    """

    series: Int64s
    day: Int64s
    values: Matrix
    quality: UInt8s
    source: Int64s

    @property
    def given(self) -> Bools:
        return self.source >= 0


def lay_out(series: Sequence[Series], batch: ReadingBatch) -> Layout:
    """Days and positions of every reading on the grid of its series."""
    interval = _column([each.interval_s or 1 for each in series], batch)
    since = batch.start - _column([each.offset_s for each in series], batch)
    day = since // DAY_S
    second = since - day * DAY_S
    slot = second // interval
    fits: Bools = slot * interval == second
    if any(each.is_daily for each in series):
        _lay_out_days(series, batch, Layout(day, slot, fits))
    if any(each.interval_s == 0 for each in series):
        fits &= np.array([each.interval_s > 0 for each in series], np.bool_)[batch.index]
    return Layout(day, slot, fits)


def _column(facts: list[int], batch: ReadingBatch) -> Int64s | np.int64:
    """A fact of each reading's series; a scalar when all share it, for dividing by a scalar is far quicker."""
    if len(set(facts)) == 1:
        return np.int64(facts[0])
    column: Int64s = np.array(facts, np.int64)[batch.index]
    return column


def _lay_out_days(series: Sequence[Series], batch: ReadingBatch, layout: Layout) -> None:
    """A local day stands under its date and must begin at local midnight."""
    zones = {each.zone for each in series if each.is_daily}
    for zone in zones:
        daily = np.array([each.is_daily and each.zone == zone for each in series], np.bool_)
        at = np.flatnonzero(daily[batch.index])
        days = local_days(batch.start[at], zone)
        layout.day[at] = days
        layout.slot[at] = 0
        layout.fits[at] = day_starts(days, zone) == batch.start[at]


@dataclass(slots=True)
class Sorted:
    """Readings that stand in a place of their own: of several for one interval the last one given."""

    rows: Int64s
    repeated_same: int
    repeated_different: Int64s


def newest_per_interval(batch: ReadingBatch, layout: Layout) -> Sorted:
    """Order of the readings by (series, day, interval), without those that a later one of the batch replaces.

    `repeated_different` are the rows that were replaced by another value.
    """
    rows = np.flatnonzero(layout.fits)
    lowest = int(layout.day[rows].min()) if rows.size else 0
    days = int(layout.day[rows].max()) - lowest + 1 if rows.size else 1
    place = (batch.index[rows].astype(np.int64) * days + (layout.day[rows] - lowest)) * DAY_S + layout.slot[rows]
    step = np.diff(place)
    if (step > 0).all():
        return Sorted(rows, 0, rows[:0])
    order = np.argsort(place, kind="stable")
    rows, place = rows[order], place[order]
    replaced = place[1:] == place[:-1]
    last = np.append(~replaced, True)
    earlier, later = rows[:-1][replaced], rows[1:][replaced]
    different = ~_equal(batch.value[earlier], batch.value[later])
    return Sorted(rows[last], int((~different).sum()), earlier[different])


def day_matrices(series: Sequence[Series], batch: ReadingBatch, layout: Layout, rows: Int64s) -> list[DayMatrix]:
    """Readings `rows` (in order of series, day, interval) as matrices, one for each length of day."""
    intervals = [each.intervals if each.interval_s else 0 for each in series]
    if len(set(intervals)) == 1:
        return [_day_matrix(batch, layout, rows, intervals[0])] if rows.size else []
    lengths = np.array(intervals, np.int64)[batch.index[rows]]
    return [
        _day_matrix(batch, layout, rows[lengths == length], int(length)) for length in np.unique(lengths) if length > 0
    ]


def _day_matrix(batch: ReadingBatch, layout: Layout, rows: Int64s, intervals: int) -> DayMatrix:
    index, day = batch.index[rows].astype(np.int64), layout.day[rows]
    begins = np.ones(len(rows), np.bool_)
    begins[1:] = (index[1:] != index[:-1]) | (day[1:] != day[:-1])
    block = np.cumsum(begins) - 1
    place = block * intervals + layout.slot[rows]
    shape = (int(begins.sum()), intervals)
    values = np.full(shape, np.nan)
    values.reshape(-1)[place] = batch.value[rows]
    quality = np.zeros(shape, np.uint8)
    quality.reshape(-1)[place] = batch.quality[rows]
    source = np.full(shape, -1, np.int64)
    source.reshape(-1)[place] = rows
    return DayMatrix(index[begins], day[begins], values, quality, source)


@dataclass(slots=True)
class Merged:
    """Known and given readings together, and for each position what became of the given one."""

    values: Matrix
    quality: UInt8s
    taken: Bools
    added: Bools
    replaced: Bools
    unchanged: Bools
    outranked: Bools


def merge(
    known_values: Matrix, known_quality: UInt8s, values: Matrix, quality: UInt8s, given: Bools, *, own: bool = False
) -> Merged:
    """Merge given readings into known ones, all (rows, intervals).

    - a missing reading erases nothing;
    - a source's estimate never replaces an actual value, and an estimate of our `own` replaces estimates alone
      (`outranked`); anything else given replaces what is known;
    - the same value with the same quality is `unchanged`.
    Source: contracts/powerbox.md 4.7, last paragraph.
    """
    known = ~np.isnan(known_values)
    present = given & ~np.isnan(values)
    same = known & present & (known_values == values) & (known_quality == quality)
    stronger = known_quality != Quality.ESTIMATED if own else known_quality == Quality.ACTUAL
    outranked = present & known & (quality == Quality.ESTIMATED) & stronger & ~same
    taken = present & ~same & ~outranked
    return Merged(
        values=np.where(taken, values, known_values),
        quality=np.where(taken, quality, known_quality),
        taken=taken,
        added=taken & ~known,
        replaced=taken & known,
        unchanged=same | (given & np.isnan(values)),
        outranked=outranked,
    )


def _equal(a: Matrix, b: Matrix) -> Bools:
    equal: Bools = (a == b) | (np.isnan(a) & np.isnan(b))
    return equal
