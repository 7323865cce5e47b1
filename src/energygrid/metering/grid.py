"""From packed day blocks back to readings on the grid of their series. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from energygrid.metering import blocks
from energygrid.metering.calendar import Span, day_starts, local_days
from energygrid.metering.queries import Block
from energygrid.metering.readings import DAY_S, Float64s, Int64s, UInt8s
from energygrid.metering.series import Series

_EPOCH = date(1970, 1, 1)


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


def on_grid(grid: Grid, rows: Mapping[int, int], found: Sequence[Block], span: Span) -> list[Readings]:
    """Readings of the series `rows` (id -> row), from their blocks."""
    first, days = grid.days(span)
    intervals = DAY_S // grid.interval_s
    within = [block for block in found if 0 <= (block.day - _EPOCH).days - first < days]
    values = np.full((len(rows) * days, intervals), np.nan)
    quality = np.zeros(values.shape, np.uint8)
    known_at: list[datetime | None] = [None] * len(rows)
    if within:
        known = blocks.unpack_values([block.values for block in within], intervals)
        at = [rows[block.series_id] * days + (block.day - _EPOCH).days - first for block in within]
        values[at] = known
        quality[at] = blocks.unpack_quality([block.quality for block in within], known)
    for block in within:
        row = rows[block.series_id]
        before = known_at[row]
        if before is None or before < block.known_at:
            known_at[row] = block.known_at
    instants = grid.instants(first, days)
    low, high = np.searchsorted(instants, span.instants()).tolist()
    start = instants[low:high]
    by_series = values.reshape(len(rows), -1)[:, low:high]
    quality_by_series = quality.reshape(len(rows), -1)[:, low:high]
    return [Readings(start, by_series[row], quality_by_series[row], known_at[row]) for row in range(len(rows))]
