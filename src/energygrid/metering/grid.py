"""From packed day blocks back to readings on the grid of their series. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from energygrid.database.arrays import to_datetime
from energygrid.metering import blocks
from energygrid.metering.calendar import Span, day_starts, local_days
from energygrid.metering.queries import Blocks
from energygrid.metering.readings import DAY_S, Float64s, Int64s, UInt8s
from energygrid.metering.series import Series


@dataclass(frozen=True, slots=True)
class Readings:
    """Readings of one series on its grid, oldest first; a gap is NaN with quality MISSING.

    start     (n,) epoch seconds UTC
    value     (n,) in the series' unit
    known_at  when the newest of them became known; None when there is none
    """

    start: Int64s
    value: Float64s
    quality: UInt8s
    known_at: datetime | None


@dataclass(frozen=True, slots=True)
class Grid:
    """What series must share to be laid out as one matrix."""

    interval_s: int
    offset_s: int
    zone: str | None

    @classmethod
    def of(cls, series: Series) -> "Grid":
        return cls(series.interval_s, series.offset_s, series.zone if series.is_daily else None)

    @property
    def intervals(self) -> int:
        """Intervals of one day block; 0 for register reads."""
        return DAY_S // self.interval_s if self.interval_s else 0

    def days(self, span: Span) -> tuple[int, int]:
        """First day block of the span, and how many there are."""
        start, end = span.instants()
        if self.zone is None:
            first, last = (start - self.offset_s) // DAY_S, (end - 1 - self.offset_s) // DAY_S
        else:
            first, last = local_days(np.array([start, end - 1]), self.zone).tolist()
            first += int(day_starts(np.array([first]), self.zone)[0] < start)
        return first, max(0, last - first + 1)

    def instants(self, first: int, days: int) -> Int64s:
        """Interval starts of `days` day blocks."""
        if self.zone is not None:
            return day_starts(np.arange(first, first + days), self.zone)
        origin = first * DAY_S + self.offset_s
        return np.arange(origin, origin + days * DAY_S, self.interval_s, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Gridded:
    """Series that readings are written to, as columns: `id` and the position of its grid in `grids`."""

    id: Int64s
    grid: Int64s
    grids: Sequence[Grid]

    @classmethod
    def of(cls, series: Sequence[Series]) -> "Gridded":
        position: dict[Grid, int] = {}
        grid = [position.setdefault(Grid.of(each), len(position)) for each in series]
        return cls(np.array([each.id for each in series], np.int64), np.array(grid, np.int64), list(position))


def on_grid(grid: Grid, series_ids: Sequence[int], found: Blocks, span: Span) -> list[Readings]:
    """Readings of each of the series, from their blocks."""
    first, days = grid.days(span)
    found = found.only((found.day >= first) & (found.day < first + days))
    values = np.full((len(series_ids) * days, grid.intervals), np.nan)
    quality = np.zeros(values.shape, np.uint8)
    row = _rows(series_ids, found.series_id)
    known = blocks.unpack_values(found.values, grid.intervals)
    at = row * days + found.day - first
    values[at] = known
    quality[at] = blocks.unpack_quality(found.quality, known)
    known_at: list[datetime | None] = [None] * len(series_ids)
    begins = np.flatnonzero(np.diff(row, prepend=-1))
    for place, newest in zip(row[begins].tolist(), np.maximum.reduceat(found.known_at, begins), strict=True):
        known_at[place] = to_datetime(newest)
    instants = grid.instants(first, days)
    low, high = np.searchsorted(instants, span.instants()).tolist()
    start = instants[low:high]
    by_series = values.reshape(len(series_ids), -1)[:, low:high]
    quality_by_series = quality.reshape(len(series_ids), -1)[:, low:high]
    return [Readings(start, *each) for each in zip(by_series, quality_by_series, known_at, strict=True)]


def _rows(series_ids: Sequence[int], found: Int64s) -> Int64s:
    """The position of each of the found ids."""
    ids = np.array(series_ids, np.int64)
    order = np.argsort(ids)
    return order[np.searchsorted(ids, found, sorter=order)]
