"""Laying readings out as day blocks, and merging them with what is known already. Pure."""

from dataclasses import dataclass

import numpy as np

from energygrid.metering.calendar import day_starts, local_days
from energygrid.metering.grid import Grid, Gridded
from energygrid.metering.quality import Quality
from energygrid.metering.readings import DAY_S, Bools, Float64s, Int64s, ReadingBatch, UInt8s


@dataclass(slots=True)
class Layout:
    """Where each reading of a batch stands: its day and its position in it; `fits` is False off the series' grid."""

    day: Int64s
    slot: Int64s
    fits: Bools


@dataclass(frozen=True, slots=True)
class DayReadings:
    """Readings of equally long series by day block: blocks in the order of series and day, readings in time.

    series_id, day   (b,) of each block
    block, slot      (n,) position of each reading's block, and in it
    row              (n,) its position in the batch
    """

    intervals: int
    series_id: Int64s
    day: Int64s
    block: Int64s
    slot: Int64s
    row: Int64s

    def only(self, which: Bools) -> "DayReadings":
        """Some of the blocks."""
        if which.all():
            return self
        there = which[self.block]
        place = np.cumsum(which) - 1
        return DayReadings(
            self.intervals,
            self.series_id[which],
            self.day[which],
            place[self.block[there]],
            self.slot[there],
            self.row[there],
        )


def lay_out(series: Gridded, batch: ReadingBatch) -> Layout:
    """Days and positions of every reading on the grid of its series."""
    if len(series.grids) == 1:
        return _on(series.grids[0], batch.start)
    layout = Layout(np.zeros(len(batch), np.int64), np.zeros(len(batch), np.int64), np.zeros(len(batch), np.bool_))
    grid = series.grid[batch.index]
    for place, each in enumerate(series.grids):
        at = np.flatnonzero(grid == place)
        part = _on(each, batch.start[at])
        layout.day[at], layout.slot[at], layout.fits[at] = part.day, part.slot, part.fits
    return layout


def _on(grid: Grid, start: Int64s) -> Layout:
    if grid.zone is not None:  # a local day stands under its date and must begin at local midnight
        days = local_days(start, grid.zone)
        return Layout(days, np.zeros(len(start), np.int64), day_starts(days, grid.zone) == start)
    since = start - grid.offset_s
    day = since // DAY_S
    second = since - day * DAY_S
    slot = second // (grid.interval_s or 1)
    return Layout(day, slot, (slot * grid.interval_s == second) & (grid.interval_s > 0))


@dataclass(slots=True)
class Sorted:
    """Readings that stand in a place of their own: of several for one interval the last one given."""

    rows: Int64s
    repeated_same: int
    repeated_different: Int64s


def newest_per_interval(series: Gridded, batch: ReadingBatch, layout: Layout) -> Sorted:
    """Order of the readings by (series id, day, interval), without those that a later one of the batch replaces.

    `repeated_different` are the rows that were replaced by another value.
    """
    rows = np.flatnonzero(layout.fits)
    rank = np.unique(series.id, return_inverse=True)[1]
    lowest = int(layout.day[rows].min()) if rows.size else 0
    days = int(layout.day[rows].max()) - lowest + 1 if rows.size else 1
    place = (rank[batch.index[rows]] * days + (layout.day[rows] - lowest)) * DAY_S + layout.slot[rows]
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


def by_day(series: Gridded, batch: ReadingBatch, layout: Layout, rows: Int64s) -> list[DayReadings]:
    """Readings `rows` (in order of series id, day, interval), apart for each length of day."""
    intervals = np.array([grid.intervals for grid in series.grids], np.int64)
    lengths = np.unique(intervals[intervals > 0]).tolist()
    if len(lengths) == 1:
        return [_by_day(series, batch, layout, rows, lengths[0])] if rows.size else []
    of_row = intervals[series.grid[batch.index[rows]]]
    parts = ((length, rows[of_row == length]) for length in lengths)
    return [_by_day(series, batch, layout, part, length) for length, part in parts if part.size]


def _by_day(series: Gridded, batch: ReadingBatch, layout: Layout, rows: Int64s, intervals: int) -> DayReadings:
    series_id, day = series.id[batch.index[rows]], layout.day[rows]
    begins = np.ones(len(rows), np.bool_)
    begins[1:] = (series_id[1:] != series_id[:-1]) | (day[1:] != day[:-1])
    return DayReadings(intervals, series_id[begins], day[begins], np.cumsum(begins) - 1, layout.slot[rows], rows)


@dataclass(frozen=True, slots=True)
class Merged:
    """What becomes of given readings beside what is known of their intervals; all (n,)."""

    taken: Bools
    added: Bools
    replaced: Bools
    unchanged: Bools
    outranked: Bools


def merge(
    known_value: Float64s, known_quality: UInt8s, value: Float64s, quality: UInt8s, *, own: bool = False
) -> Merged:
    """Judge given readings by known ones, all (n,); NaN is missing.

    - a missing reading erases nothing;
    - a source's estimate never replaces an actual value, and an estimate of our `own` replaces estimates alone
      (`outranked`); anything else given replaces what is known;
    - the same value with the same quality is `unchanged`.
    Source: contracts/powerbox.md 4.7, last paragraph.
    """
    known = ~np.isnan(known_value)
    present = ~np.isnan(value)
    same = known & present & (known_value == value) & (known_quality == quality)
    stronger = known_quality != Quality.ESTIMATED if own else known_quality == Quality.ACTUAL
    outranked = present & known & (quality == Quality.ESTIMATED) & stronger & ~same
    taken = present & ~same & ~outranked
    return Merged(
        taken=taken, added=taken & ~known, replaced=taken & known, unchanged=same | ~present, outranked=outranked
    )


def _equal(a: Float64s, b: Float64s) -> Bools:
    equal: Bools = (a == b) | (np.isnan(a) & np.isnan(b))
    return equal
