"""Stored readings as runs of interval blocks.

A block is a local day, for series of a reading a day or less a local month. Its id is the day number of its first day,
counted from a keyed origin: it says nothing to others, and here one subtraction finds the block. A reading belongs to
the day in which it starts. Stored days are UTC days, so a local day draws on two of them; the newer one's time is the
block's `updated`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import Connection

from energygrid.database.arrays import to_instant
from energygrid.database.engine import Database
from energygrid.errors import Invalid
from energygrid.greenbutton.usage import queries
from energygrid.greenbutton.usage.codes import MONTH_S, QUALITY_CODES, written
from energygrid.greenbutton.usage.queries import Extent
from energygrid.greenbutton.usage.runs import IntervalRun
from energygrid.greenbutton.usage.served import ServedSeries
from energygrid.greenbutton.usage.spans import instant, within
from energygrid.greenbutton.window import Window
from energygrid.metering.aggregation import aggregate, how
from energygrid.metering.calendar import Span, day_number, day_starts, local_days
from energygrid.metering.grid import Grid, on_grid
from energygrid.metering.queries import Blocks, blocks_in_range
from energygrid.metering.readings import DAY_S, Float64s, Int64s, UInt8s

_READINGS_AT_ONCE = 12_000
_MOST_DAYS_AT_ONCE = 2_000
_NEVER = 2**62
_MOST_DAY = 60_000


@dataclass(frozen=True, slots=True)
class _Readings:
    """(n,) present readings in the series' unit, and what stood where they come from: (k,) stored pieces.

    first_day, last_day  (k,) local days that a piece touches
    first_known, known   (k,) epoch seconds
    """

    start: Int64s
    end: Int64s
    value: Float64s
    quality: UInt8s
    first_day: Int64s
    last_day: Int64s
    first_known: Int64s
    known: Int64s


def runs(
    database: Database,
    series: ServedSeries,
    spans: list[tuple[int, int]],
    window: Window,
    extent: Extent,
    as_of: datetime,
) -> Iterator[IntervalRun]:
    """All blocks of a series in some spans, as known at `as_of`, a page at a time.

    extent  where the series has anything
    """
    first, end = _local_days(series, extent)
    starts, ends = np.array(spans, np.int64).reshape(-1, 2).T
    zone = series.series.zone
    first = max(first, int(local_days(starts[:1], zone)[0])) if len(starts) else first
    end = min(end, int(local_days(ends[-1:] - 1, zone)[0]) + 1) if len(ends) else first
    first = _block_day(series, first)
    interval_s = series.series.interval_s or DAY_S
    days = min(_MOST_DAYS_AT_ONCE, max(1, _READINGS_AT_ONCE * interval_s // DAY_S))
    while first < end:
        after = _next_block(series, first + days - 1)
        run = database.read(page, series, spans, window, first, after, as_of)
        if run is not None:
            yield run
        first = after


def one(db: Connection, series: ServedSeries, spans: list[tuple[int, int]], block_id: str) -> IntervalRun | None:
    """The block of an id, alone."""
    if not (block_id.isascii() and block_id.isdigit() and len(block_id) <= 17):
        return None
    day = int(block_id) - series.first_block
    if not 0 <= day < _MOST_DAY or _block_day(series, day) != day:
        return None
    return page(db, series, spans, Window(), day, _next_block(series, day), None)


def page(
    db: Connection,
    series: ServedSeries,
    spans: list[tuple[int, int]],
    window: Window,
    first: int,
    end: int,
    as_of: datetime | None,
) -> IntervalRun | None:
    """Blocks of the local days [first, end), None when there are none; both are days on which blocks begin."""
    found = _register_reads(db, series, first, end, as_of) if not series.interval_s else None
    found = found or _intervals(db, series, first, end, as_of)
    if found is None:
        return None
    value, fits = written(found.value, series.codes.uom)
    keep = fits & within(found.start, found.end, spans)
    block = _block_days(series, local_days(found.start, series.series.zone))[keep]
    days, sizes = _runs(block)
    published, updated = _stamps(series, found, days)
    wanted = np.ones(len(days), np.bool_)
    if window.updated_min is not None:
        wanted &= updated >= window.updated_min
    if window.updated_max is not None:
        wanted &= updated < window.updated_max
    if not wanted.any():
        return None
    if not wanted.all():
        keep[keep] = np.repeat(wanted, sizes)
        days, sizes, published, updated = days[wanted], sizes[wanted], published[wanted], updated[wanted]
    start = found.start[keep]
    return IntervalRun(
        usage_point=series.meter.usage_point,
        meter_reading=series.id,
        reading=series.href,
        codes=series.codes,
        ids=days + series.first_block,
        published=published,
        updated=updated,
        bounds=np.concatenate(([0], np.cumsum(sizes))),
        start=start,
        duration=found.end[keep] - start,
        value=value[keep],
        quality=QUALITY_CODES[found.quality[keep]],
    )


def _runs(block: Int64s) -> tuple[Int64s, Int64s]:
    """The blocks that stand in a rising column, and how often each does."""
    edges = np.flatnonzero(np.diff(block, prepend=-1)) if len(block) else np.zeros(0, np.int64)
    return block[edges], np.diff(edges, append=len(block))


def _stamps(series: ServedSeries, found: _Readings, days: Int64s) -> tuple[Int64s, Int64s]:
    """When anything of each block was first known, and when its newest piece was."""
    published, updated = np.full(len(days), _NEVER), np.zeros(len(days), np.int64)
    for touched in (found.first_day, found.last_day):
        block = _block_days(series, touched)
        at = np.searchsorted(days, block)
        here = at < len(days)
        here[here] = days[at[here]] == block[here]
        np.minimum.at(published, at[here], found.first_known[here])
        np.maximum.at(updated, at[here], found.known[here])
    return np.minimum(published, updated), updated


def _intervals(db: Connection, series: ServedSeries, first: int, end: int, as_of: datetime | None) -> _Readings | None:
    stored, zone = series.series, series.series.zone
    low, high = day_starts(np.array([first, end]), zone).tolist()
    edges = _edges(series, first, end, low, high) if series.interval_s != stored.interval_s else None
    span = Span.of(low, high if edges is None else int(edges[-1]))
    grid = Grid.of(stored)
    if low >= high:
        return None
    first_day, count = grid.days(span)
    blocks = _blocks(db, stored.id, first_day, first_day + count - 1, as_of)
    if not len(blocks):
        return None
    readings = on_grid(grid, [stored.id], blocks, span)[0]
    start, value, quality = readings.start, readings.value, readings.quality
    if edges is not None:
        try:
            totals = aggregate(start, value, quality, stored.interval_s, edges, how=how(stored.kind))
        except Invalid:  # an interval lies across an edge: there is no exact sum
            return None
        start, stop, value, quality = totals.start, totals.end, totals.value, totals.quality
    elif stored.is_daily:
        stop = day_starts(local_days(start, zone) + 1, zone)
    else:
        stop = start + stored.interval_s
    touched = _touched(series, blocks.day)
    return _Readings(start, stop, value, quality, *touched, *_known(db, stored.id, blocks))


def _edges(series: ServedSeries, first: int, end: int, low: int, high: int) -> Int64s:
    """Edges of the longer intervals that begin within [low, high)."""
    if series.interval_s == DAY_S:
        return day_starts(np.arange(first, end + 1), series.series.zone)
    if series.interval_s == MONTH_S:
        return day_starts(np.unique(_block_days(series, np.arange(first, end + 1))), series.series.zone)
    begin = low + (series.series.offset_s - low) % series.interval_s
    count = -(-(high - begin) // series.interval_s)
    edges: Int64s = begin + np.arange(count + 1) * series.interval_s
    return edges


def _blocks(db: Connection, series_id: int, first: int, last: int, as_of: datetime | None) -> Blocks:
    found = blocks_in_range(db, [series_id], first, last)
    if as_of is not None and (found.known_at > to_instant(as_of)).any():
        found = blocks_in_range(db, [series_id], first, last, as_of)
    return found


def _touched(series: ServedSeries, days: Int64s) -> tuple[Int64s, Int64s]:
    """First and last local day of each stored day."""
    if series.series.is_daily:
        return days, days
    begin = days * DAY_S + series.series.offset_s
    return local_days(begin, series.series.zone), local_days(begin + DAY_S - 1, series.series.zone)


def _known(db: Connection, series_id: int, blocks: Blocks) -> tuple[Int64s, Int64s]:
    newest: Int64s = blocks.known_at.astype("M8[s]").astype(np.int64)
    revised = blocks.day[blocks.revision > 1]
    if not revised.size:
        return newest, newest
    before = queries.first_known(db, series_id, revised)
    known = zip(blocks.day.tolist(), newest.tolist(), strict=True)
    return np.array([before.get(day, at) for day, at in known], np.int64), newest


def _register_reads(
    db: Connection, series: ServedSeries, first: int, end: int, as_of: datetime | None
) -> _Readings | None:
    zone = series.series.zone
    low, high = day_starts(np.array([first, end]), zone).tolist()
    known = as_of or instant(_NEVER)
    found = queries.register_reads(db, series.series.id, instant(low), instant(high - 1), known)
    if not found:
        return None
    at = np.array([int(read.at.timestamp()) for read in found], np.int64)
    days = local_days(at, zone)
    value = np.array([read.value for read in found])
    quality = np.array([read.quality for read in found], np.uint8)
    first_known, last_known = (
        np.array([int(known.timestamp()) for known in column], np.int64)
        for column in ([read.first_known for read in found], [read.known_at for read in found])
    )
    return _Readings(at, at, value, quality, days, days, first_known, last_known)


def _local_days(series: ServedSeries, extent: Extent) -> tuple[int, int]:
    """Local days [first, end) of what the store has."""
    if not series.interval_s:
        at = np.array([int(extent.first.timestamp()), int(extent.last.timestamp())], np.int64)
        low, high = local_days(at, series.series.zone).tolist()
        return low, high + 1
    days = np.array([day_number(extent.first), day_number(extent.last)], np.int64)
    if series.series.is_daily:
        return int(days[0]), int(days[1]) + 1
    begin = days * DAY_S + series.series.offset_s + np.array([0, DAY_S - 1])
    low, high = local_days(begin, series.series.zone).tolist()
    return low, high + 1


def _block_days(series: ServedSeries, days: Int64s) -> Int64s:
    """The first day of the block that each local day is in."""
    if not series.by_month:
        return days
    first: Int64s = days.astype("M8[D]").astype("M8[M]").astype("M8[D]").astype(np.int64)
    return first


def _block_day(series: ServedSeries, day: int) -> int:
    return int(_block_days(series, np.array([day], np.int64))[0])


def _next_block(series: ServedSeries, day: int) -> int:
    """The first day of the block after the one that a day is in."""
    if not series.by_month:
        return day + 1
    month = np.array([day]).astype("M8[D]").astype("M8[M]") + 1
    return int(month.astype("M8[D]").astype(np.int64)[0])
