"""The interval length of readings that come without one, from the distances between their stamps.

The length is a fact of a series and a local day: a meter may go from hours to quarter hours overnight. Rules:

* A day's length is its smallest distance between neighbouring stamps; midnights a day apart make daily readings. Only
  lengths that meters have are inferred: two quarter hours three hours apart are no three-hour intervals.
* A day that does not fill up at its own length, in a series known to be finer, is the finer length with holes.
* A day is mixed, and refused, when a distance is no multiple of its length, or when two distances in a row are the same
  longer interval: that looks like hours among quarter hours, and the hours would be read as quarter hours.
* A series that shows only one stamp waits for more; at the end of the file the tenant's default length is taken.

A file is seen in slabs, so the day of the last row of a slab waits for the next slab, and what a day was found to be is
remembered for later rows of the same day (powerbox.md C26).
"""

from dataclasses import dataclass, field, fields

import numpy as np

from energygrid.metering.calendar import day_starts, local_days, to_local
from energygrid.metering.importers.options import Stamp
from energygrid.metering.readings import DAY_S, Bools, Float64s, Int64s

_UNKNOWN = 0
_NEVER = np.iinfo(np.int64).max
_SHORTEST_S = 60
_INFERRED = np.array([60, 300, 600, 900, 1800, 3600, DAY_S])
_AT_BITS = 33
"""Instants up to the year 2242 fit; more than a thousand million series do too."""


def is_length(seconds: Int64s) -> Bools:
    """Whether these can be the length of an interval: a minute or more that divides the day, or the day itself."""
    valid: Bools = (seconds >= _SHORTEST_S) & (DAY_S % np.maximum(seconds, 1) == 0)
    return valid


@dataclass(slots=True)
class Rows:
    """Readings on their way, by column; every array has one entry a reading.

    series  number of the series, without its interval length
    at      start of the interval as an instant; while `length` is 0, the stamp, be it start or end
    length  interval in seconds; 0 = to be found
    quality what the Quality column says, as a number of `csv_names.Names`
    """

    series: Int64s
    at: Int64s
    length: Int64s
    value: Float64s
    quality: Int64s
    row: Int64s

    def __len__(self) -> int:
        return len(self.at)

    def take(self, which: Bools | Int64s) -> "Rows":
        return Rows(*(getattr(self, column.name)[which] for column in fields(self)))

    @staticmethod
    def joined(one: "Rows | None", other: "Rows") -> "Rows":
        if one is None or not len(one):
            return other
        return Rows(*(np.concatenate((getattr(one, f.name), getattr(other, f.name))) for f in fields(Rows)))


@dataclass(slots=True)
class Graded:
    """`ready` have their length; `mixed` and `unknown` are refused."""

    ready: Rows
    mixed: Rows
    unknown: Rows


@dataclass(slots=True)
class Grader:
    """Finds lengths slab after slab.

    known     (series,) smallest length seen of each series, 0 = none yet
    last_day  (series,) the last local day that was let through, and
    day_length  the length it had
    """

    zone: str
    stamp: Stamp
    default_s: int | None
    most_waiting: int = 3_000_000
    waiting: Rows | None = None
    known: Int64s = field(default_factory=lambda: np.zeros(0, np.int64))
    last_day: Int64s = field(default_factory=lambda: np.zeros(0, np.int64))
    day_length: Int64s = field(default_factory=lambda: np.zeros(0, np.int64))

    def grade(self, rows: Rows, *, last: bool) -> Graded:
        """What is certain among `rows` and those that waited; with `last`, nothing goes on waiting."""
        newest = int(rows.series[np.argmax(rows.row)]) if len(rows) else -1
        rows = Rows.joined(self.waiting, rows)
        self.waiting = None
        rows = rows.take(np.argsort((rows.series << _AT_BITS) + rows.at, kind="stable"))
        if not len(rows):
            return Graded(rows, rows, rows)
        self._grow(int(rows.series[-1]) + 1)
        days = _Days(rows, self.zone, self.stamp)
        length, mixed = self._lengths(days)
        wait = (length == _UNKNOWN) & ~mixed
        unknown = wait & last
        if self.default_s is not None:
            length = np.where(unknown, self.default_s, length)
            mixed |= unknown & days.is_uneven(length)
            unknown[:] = False
        wait = np.zeros_like(wait) if last else wait | _last_day_of(days, newest)
        self._remember(days, length, ~(wait | mixed | unknown))
        waiting = wait[days.group]
        if int(waiting.sum()) > self.most_waiting:
            unknown |= wait
        else:
            self.waiting = rows.take(waiting)
        mixed &= ~wait
        through = ~(wait | mixed | unknown)[days.group]
        starts = days.starts(length)
        ready = rows.take(through)
        ready.length, ready.at = length[days.group][through], starts[through]
        return Graded(ready, rows.take(mixed[days.group]), rows.take((unknown & ~mixed)[days.group]))

    def _lengths(self, days: "_Days") -> tuple[Int64s, Bools]:
        """Length of each series-day (0 = unknown), and which are mixed."""
        own = days.smallest_distance()
        given = days.given
        length = np.where(given > 0, given, np.where(np.isin(own, _INFERRED), own, _UNKNOWN))
        mixed = days.given_differs | ((given == 0) & days.is_uneven(length))
        for found in (_smallest(days.series, np.where(mixed, _UNKNOWN, length), len(self.known)), self.known):
            finer = found[days.series]
            usable = (given == 0) & (finer > 0) & ((own == _NEVER) | (own % np.maximum(finer, 1) == 0))
            holes = usable & ((length == _UNKNOWN) | ((finer < length) & ~days.is_full(length)))
            mixed = np.where(holes, days.is_uneven(np.where(holes, finer, length)), mixed)
            length = np.where(holes, finer, length)
        again = self.last_day[days.series] == days.day
        before = self.day_length[days.series]
        length = np.where(again & (length == _UNKNOWN), before, length)
        mixed |= again & (before > 0) & (length != before)
        return length, mixed

    def _grow(self, count: int) -> None:
        more = count - len(self.known)
        if more > 0:
            self.known = np.concatenate((self.known, np.zeros(more, np.int64)))
            self.day_length = np.concatenate((self.day_length, np.zeros(more, np.int64)))
            self.last_day = np.concatenate((self.last_day, np.full(more, -_NEVER)))

    def _remember(self, days: "_Days", length: Int64s, through: Bools) -> None:
        series, lengths = days.series[through], length[through]
        self.last_day[series] = days.day[through]
        self.day_length[series] = lengths
        seen = _smallest(series, lengths, len(self.known))
        self.known = np.where((seen > 0) & ((self.known == 0) | (seen < self.known)), seen, self.known)


class _Days:
    """Rows in order of series and time, grouped into series-days; a stamp that comes twice counts once.

    group   (rows,) which series-day a row is of
    series, day, given, given_differs  (groups,); given = the length that the rows state, 0 = none or not all
    """

    def __init__(self, rows: Rows, zone: str, stamp: Stamp) -> None:
        begins = _changes(rows.series, rows.at)
        at, series = rows.at[begins], rows.series[begins]
        inside = at if stamp == "start" else np.where(rows.length[begins] > 0, at, at - 1)
        day = local_days(inside, zone)
        opens = _changes(series, day)
        self._rows, self._at, self._zone, self._stamp = rows, at, zone, stamp
        self._opens = np.flatnonzero(opens)
        self._point_group = np.cumsum(opens) - 1
        self.series, self.day = series[opens], day[opens]
        self.group = self._point_group[np.cumsum(begins) - 1]
        row_opens = np.flatnonzero(np.diff(self.group, prepend=-1))
        least = np.minimum.reduceat(rows.length, row_opens)
        most = np.maximum.reduceat(rows.length, row_opens)
        self.given = np.where(least == most, least, 0)
        self.given_differs = least != most
        self._distances = self._between(series)

    def _between(self, series: Int64s) -> Int64s:
        """(points - 1,) distance to the next point; whole local days count 86,400 each; _NEVER between series."""
        distance = np.diff(self._at)
        distance[np.diff(series) != 0] = _NEVER
        long = (distance >= 23 * 3600) & (distance != _NEVER)
        if long.any():
            midnight = to_local(self._at, self._zone) % DAY_S == 0
            whole = long & midnight[1:] & midnight[:-1]
            days = np.diff(local_days(self._at, self._zone))
            distance = np.where(whole, days * DAY_S, distance)
        return distance

    def smallest_distance(self) -> Int64s:
        """(groups,) over each point's own interval: from a start to the next one, or back from an end."""
        padding = np.array([_NEVER])
        own = (self._distances, padding) if self._stamp == "start" else (padding, self._distances)
        smallest: Int64s = np.minimum.reduceat(np.concatenate(own), self._opens)
        return smallest

    def is_uneven(self, length: Int64s) -> Bools:
        """(groups,) whether distances inside the day contradict the length."""
        uneven = np.zeros(len(length), np.bool_)
        of = self._point_group[:-1]
        inside = of == self._point_group[1:]
        own = np.maximum(length[of], 1)
        longer = inside & (self._distances > own) & (length[of] > 0)
        if not longer.any():
            return uneven
        off = longer & (self._distances % own != 0)
        uneven[of[off]] = True
        twice = longer[1:] & longer[:-1] & (self._distances[1:] == self._distances[:-1])
        twice &= is_length(self._distances[1:])
        uneven[of[1:][twice]] = True
        return uneven

    def starts(self, length: Int64s) -> Int64s:
        """(rows,) where each interval starts, given the length of each group."""
        at = self._rows.at
        if self._stamp == "start":
            return at
        lengths = length[self.group]
        day = day_starts(self.day, self._zone)[self.group]
        ended = np.where(lengths == DAY_S, day, at - lengths)
        return np.where(self._rows.length > 0, at, ended)

    def is_full(self, length: Int64s) -> Bools:
        points = np.diff(np.append(self._opens, len(self._at)))
        starts, ends = day_starts(self.day, self._zone), day_starts(self.day + 1, self._zone)
        full: Bools = (points * length == ends - starts) | (length == DAY_S)
        return full


def _changes(series: Int64s, other: Int64s) -> Bools:
    """Where a new (series, other) begins in arrays sorted by both."""
    begins = np.ones(len(series), np.bool_)
    begins[1:] = (series[1:] != series[:-1]) | (other[1:] != other[:-1])
    return begins


def _smallest(series: Int64s, length: Int64s, count: int) -> Int64s:
    """(count,) smallest known length of each series, 0 = none."""
    smallest = np.full(count, _NEVER)
    known = length > 0
    np.minimum.at(smallest, series[known], length[known])
    return np.where(smallest == _NEVER, _UNKNOWN, smallest)


def _last_day_of(days: _Days, series: int) -> Bools:
    """The group with the last day of one series: the next slab may have more of it."""
    found = np.flatnonzero(days.series == series)
    which = np.zeros(len(days.series), np.bool_)
    which[found[-1:]] = True
    return which
