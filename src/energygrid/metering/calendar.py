"""Local days and everything built from them: the one module that knows a local day has 23, 24 or 25 hours.

Three kinds of whole numbers (int64), each in any array shape:

instant  seconds since 1970-01-01T00:00Z
wall     what a clock on the wall shows, as the seconds since 1970-01-01T00:00 on that same wall
day      a local calendar day, as days since 1970-01-01

The rules of a zone come from the IANA database and are laid out as arrays once a process. They cover 1970 to
2099; before and after, the nearest offset holds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from energygrid.errors import Invalid
from energygrid.metering.readings import DAY_S, Bools, Int64s

HOUR_S = 3600
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_LAST_RULE = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp())
_PROBE_S = 3 * DAY_S
"""Clock changes of one zone are never closer than 6 days (IANA database, 1970 to 2099)."""

FoldRule = Literal["first_dst", "earlier", "later"]
"""Which pass of a repeated hour a wall clock means: in order of appearance, the first, the second."""


class Grain(StrEnum):
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


class Span(NamedTuple):
    """Half-open `[start, end)`, aware UTC."""

    start: datetime
    end: datetime

    def instants(self) -> tuple[int, int]:
        return int(self.start.timestamp()), int(self.end.timestamp())

    @classmethod
    def of(cls, start: int, end: int) -> "Span":
        return cls(datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC))


class Walls(NamedTuple):
    """Wall clocks as instants. In a gap the clock is read with the offset before it (02:30 becomes 03:30)."""

    utc: Int64s
    ambiguous: Bools
    nonexistent: Bools


@dataclass(frozen=True, slots=True)
class _Rules:
    """One zone. `offsets[i]` (seconds east) holds before `changes[i]`, `offsets[i + 1]` from it on.

    day_changes  the same instants, moved past the second midnight where a clock is set back over midnight,
                 so that a local day is one piece and begins at its first midnight
    early, late  wall clocks from which on the new offset is possible, and is the only one possible; `early`
                 has a last entry that is never reached
    """

    changes: Int64s
    offsets: Int64s
    day_changes: Int64s
    early: Int64s
    late: Int64s


@lru_cache(maxsize=1024)
def _rules(zone: str) -> _Rules:
    try:
        info = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid("UNKNOWN_ZONE", f"{zone[:64]!r} is not an IANA time zone", zone=zone[:64]) from None
    changes, offsets = _changes(info)
    before, after = offsets[:-1], offsets[1:]
    midnight = (changes + after) // DAY_S * DAY_S + DAY_S
    return _Rules(
        changes=changes,
        offsets=offsets,
        day_changes=np.where(midnight < changes + before, midnight - after, changes),
        early=np.append(changes + np.minimum(before, after), np.iinfo(np.int64).max),
        late=changes + np.maximum(before, after),
    )


def _changes(info: ZoneInfo) -> tuple[Int64s, Int64s]:
    """Every instant at which the offset changes, found by probing and halving, and the offsets around."""

    def offset(instant: int) -> int:
        delta = datetime.fromtimestamp(instant, info).utcoffset()
        assert delta is not None
        return delta.days * DAY_S + delta.seconds

    changes: list[int] = []
    offsets = [offset(0)]
    for probe in range(_PROBE_S, _LAST_RULE, _PROBE_S):
        now = offset(probe)
        if now == offsets[-1]:
            continue
        low, high = probe - _PROBE_S, probe
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if offset(middle) == now else (middle, high)
        changes.append(high)
        offsets.append(now)
    return np.array(changes, np.int64), np.array(offsets, np.int64)


def check_zone(zone: str) -> str:
    """The zone itself; raises Invalid UNKNOWN_ZONE when there is no such zone."""
    _rules(zone)
    return zone


class ClockChanges(NamedTuple):
    """Instants at which a zone's clocks change, and the offsets around them [s east], oldest first."""

    at: Int64s
    before: Int64s
    after: Int64s


def clock_changes(zone: str) -> ClockChanges:
    """Every change from 1970 to 2099. Raises Invalid UNKNOWN_ZONE."""
    rules = _rules(zone)
    return ClockChanges(rules.changes, rules.offsets[:-1], rules.offsets[1:])


def utc_offset(instant: int, zone: str) -> int:
    """Seconds east of UTC at an instant."""
    return int(to_local(np.array([instant]), zone)[0]) - instant


def to_local(instants: Int64s, zone: str) -> Int64s:
    """Wall clocks of instants."""
    rules = _rules(zone)
    local: Int64s = instants + rules.offsets[np.searchsorted(rules.changes, instants, side="right")]
    return local


def local_days(instants: Int64s, zone: str) -> Int64s:
    """Local calendar days of instants; never decreasing when the instants are not."""
    rules = _rules(zone)
    local = instants + rules.offsets[np.searchsorted(rules.day_changes, instants, side="right")]
    days: Int64s = local // DAY_S
    return days


def _passes(walls: Int64s, rules: _Rules) -> tuple[Int64s, Int64s]:
    """Positions in `offsets` for the first and the second pass of a wall clock; mostly the same."""
    first = np.searchsorted(rules.late, walls, side="right")
    return first, first + (walls >= rules.early[first])


def local_to_utc(walls: Int64s, zone: str, fold: FoldRule = "first_dst", group: Int64s | None = None) -> Walls:
    """Instants of wall clocks.

    fold   `first_dst`: a repeated wall clock seen a second time in its group means the second pass
    group  (n,) what a reading belongs to (its series) for `first_dst`; None = all to one

    Give interval starts: the end of an interval, taken as a wall clock, may lie in the repeated hour when its
    start does not.
    """
    rules = _rules(zone)
    first, second = _passes(walls, rules)
    ambiguous, nonexistent = np.zeros((2, *walls.shape), np.bool_)
    at = np.flatnonzero(first != second)
    if at.size:
        set_back = rules.offsets[first[at]] > rules.offsets[second[at]]
        ambiguous[at], nonexistent[at] = set_back, ~set_back
        at = at[set_back]
        if fold == "first_dst":
            at = _seen_before(walls, group, at)
        if fold != "earlier":
            first[at] = second[at]
    return Walls(walls - rules.offsets[first], ambiguous, nonexistent)


def _seen_before(walls: Int64s, group: Int64s | None, at: Int64s) -> Int64s:
    """Of the positions `at`, those whose (group, wall clock) stands at an earlier one already."""
    groups = np.zeros(len(at), np.int64) if group is None else group[at]
    order = np.lexsort((at, walls[at], groups))
    clock, owner = walls[at][order], groups[order]
    repeated = (clock[1:] == clock[:-1]) & (owner[1:] == owner[:-1])
    again: Int64s = at[order][1:][repeated]
    return again


def _marks(walls: Int64s, rules: _Rules) -> Int64s:
    """The first instant at which each wall clock is reached or, by a gap, passed."""
    first, second = _passes(walls, rules)
    marks = walls - rules.offsets[first]
    gap = rules.offsets[first] < rules.offsets[second]
    marks[gap] = rules.changes[first[gap]]
    return marks


def day_starts(days: Int64s, zone: str) -> Int64s:
    """Instants at which local days begin. A day that a zone skipped begins where the next one does."""
    return _marks(np.asarray(days, np.int64) * DAY_S, _rules(zone))


def date_of(day: int) -> date:
    """The date of a day; the inverse of `day_number`."""
    return date.fromordinal(day + _EPOCH_ORDINAL)


def day_number(day: date) -> int:
    return day.toordinal() - _EPOCH_ORDINAL


def day_span(day: date, zone: str) -> Span:
    """The instants of one local day: 23, 24 or 25 hours, 23.5 or 24.5 on Lord Howe, 0 if skipped."""
    number = day_number(day)
    start, end = day_starts(np.array([number, number + 1]), zone).tolist()
    return Span.of(start, end)


def weekdays(days: Int64s) -> Int64s:
    """0 = Monday."""
    weekday: Int64s = (days + 3) % 7
    return weekday


def edges(grain: Grain, span: Span, zone: str) -> Int64s:
    """Boundaries of the local hours, days, ISO weeks, months or years that a span touches.

    Strictly increasing; the first is at or before the span's start, the last at or after its end; n + 1 edges
    bound n periods. A repeated hour is two hours; one cut short or drawn out by a half-hour change is one.
    Raises Invalid EMPTY_SPAN.
    """
    start, end = span.instants()
    if end <= start:
        raise Invalid("EMPTY_SPAN", "a span ends after it starts", start=span.start, end=span.end)
    marks = _hour_marks(start, end, zone) if grain is Grain.HOUR else _day_marks(grain, start, end, zone)
    marks = np.unique(marks)
    low = int(np.searchsorted(marks, start, side="right")) - 1
    high = int(np.searchsorted(marks, end, side="left"))
    return marks[low : high + 1]


def _hour_marks(start: int, end: int, zone: str) -> Int64s:
    rules = _rules(zone)
    low, high = to_local(np.array([start, end]), zone).tolist()
    walls = np.arange(low // HOUR_S - 1, high // HOUR_S + 3) * HOUR_S
    second_pass = local_to_utc(walls, zone, "later")
    return np.concatenate((_marks(walls, rules), second_pass.utc[second_pass.ambiguous]))


def _day_marks(grain: Grain, start: int, end: int, zone: str) -> Int64s:
    first, last = local_days(np.array([start, end]), zone).tolist()
    if grain is Grain.DAY:
        days = np.arange(first, last + 2)
    elif grain is Grain.WEEK:
        days = np.arange(first - int(weekdays(np.array(first))), last + 8, 7)
    else:
        unit = "M" if grain is Grain.MONTH else "Y"
        low, high = np.array([first, last]).astype("M8[D]").astype(f"M8[{unit}]")
        days = np.arange(low, high + 2).astype("M8[D]").astype(np.int64)
    return day_starts(days, zone)


def billing_spans(periods: Sequence[tuple[date, date]], zone: str) -> Int64s:
    """Billing periods, given by first and last day (both included), as (n, 2) instants `[start, end)`.

    Periods come in order of time; holes between them are allowed. Raises Invalid BILLING_PERIOD when one ends
    before it starts or overlaps the one before. Source: powerbox.md 1.13 P-6, C30.
    """
    last = date.min
    for first_day, last_day in periods:
        if first_day > last_day or first_day <= last:
            raise Invalid(
                "BILLING_PERIOD",
                f"the period {first_day} to {last_day} ends before it starts or overlaps the one before",
                startDate=first_day,
                endDate=last_day,
            )
        last = last_day
    bounds = np.array([(day_number(a), day_number(b) + 1) for a, b in periods], np.int64).reshape(-1, 2)
    return day_starts(bounds, zone)
