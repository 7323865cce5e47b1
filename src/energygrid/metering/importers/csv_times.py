"""Stamps of the usage CSV as instants: repeated and skipped hours, bare dates, stated lengths and ends."""

from typing import Protocol

import numpy as np

from energygrid.errors import Invalid
from energygrid.metering.calendar import day_starts, local_days, local_to_utc
from energygrid.metering.importers.csv_grain import is_length
from energygrid.metering.importers.csv_stamps import BAD_OFFSET, NO_OFFSET, Stamps, Trouble, offset_of, read_stamps
from energygrid.metering.importers.csv_table import Table
from energygrid.metering.importers.options import ImportOptions, Stamp
from energygrid.metering.readings import DAY_S, Bools, Int64s

_BAD = -1


class Refusing(Protocol):
    def refuse(self, which: Bools, code: str) -> None: ...

    @property
    def passed(self) -> Bools: ...


class Times:
    """Remembers, from slab to slab, which repeated stamps a series has had and what the dates have shown."""

    def __init__(self, options: ImportOptions, columns: set[str]) -> None:
        self._options = options
        self._has_end = "EndTimeStamp" in columns
        self.stamp: Stamp = "start" if self._has_end else options.stamp
        self._passes: dict[tuple[int, int], int] = {}
        self._month_first = self._day_first = False

    def read(self, table: Table, series: Int64s, checks: Refusing) -> tuple[Int64s, Int64s]:
        """(at, length) of each row: the interval's start where the length is known, else the stamp and 0."""
        stamps = self._stamps(table, "TimeStamp")
        checks.refuse(stamps.trouble[stamps.at] == Trouble.UNREADABLE, "BAD_TIMESTAMP")
        timed = stamps.timed[stamps.at]
        at = self._instants(stamps, series, table, checks)
        length = table.mapped("IntervalSeconds", _length)
        checks.refuse((length == _BAD) | (~timed & (length > 0) & (length != DAY_S)), "BAD_INTERVAL")
        length = np.where(timed, length, DAY_S)
        if self._has_end:
            length = self._with_ends(table, at, timed, length, checks)
        return self._starts(at, length, timed, checks), length

    def _stamps(self, table: Table, name: str) -> Stamps:
        """Raises Invalid AMBIGUOUS_DATE_ORDER at a date that could be two, or when dates contradict each other."""
        ends = self.stamp == "end" or name == "EndTimeStamp"
        stamps = read_stamps(table.columns[name], self._options.date_order, allow_24=ends)
        self._month_first |= stamps.shown.month_first
        self._day_first |= stamps.shown.day_first
        unclear = stamps.trouble[stamps.at] == Trouble.AMBIGUOUS
        if unclear.any() or (self._month_first and self._day_first):
            at = int(np.argmax(unclear))
            raise Invalid(
                "AMBIGUOUS_DATE_ORDER",
                "dates can be read month first or day first; set the date order of the source",
                line=int(table.row[at]),
                text=table.columns[name][at],
            )
        return stamps

    def _instants(self, stamps: Stamps, series: Int64s, table: Table, checks: Refusing) -> Int64s:
        zone = self._options.zone
        walls = local_to_utc(stamps.wall, zone, "earlier")
        instants = np.where(stamps.timed, walls.utc, day_starts(stamps.wall // DAY_S, zone))
        at, free = instants[stamps.at], stamps.timed[stamps.at]
        offset = self._offsets(stamps, table, checks)
        if offset is not None:
            given = free & (offset != NO_OFFSET)
            at = np.where(given, stamps.wall[stamps.at] - offset, at)
            free &= ~given
        if walls.nonexistent.any():
            checks.refuse(free & walls.nonexistent[stamps.at], "NONEXISTENT_TIME")
        if walls.ambiguous.any():
            later = local_to_utc(stamps.wall, zone, "later").utc[stamps.at]
            unsure = np.flatnonzero(free & walls.ambiguous[stamps.at] & checks.passed)
            self._repeated(unsure, later, at, (series, stamps.wall[stamps.at]), checks)
        if self.stamp == "end":
            checks.refuse(self._naive_ends(stamps, series, free & ~walls.ambiguous[stamps.at]), "AMBIGUOUS_TIME")
        return at

    def _naive_ends(self, stamps: Stamps, series: Int64s, free: Bools) -> Bools:
        """Rows that stamp both passes of a repeated hour with the same end, 2:00, though the clock shows that once."""
        ends = local_to_utc(stamps.wall - 1, self._options.zone, "earlier").ambiguous[stamps.at] & free
        twice = np.zeros(len(series), np.bool_)
        if ends.any():
            pairs = np.stack((series[ends], stamps.wall[stamps.at][ends]))
            _, which, count = np.unique(pairs, axis=1, return_inverse=True, return_counts=True)
            twice[ends] = (count > 1)[which]
        return twice

    def _repeated(
        self, unsure: Int64s, later: Int64s, at: Int64s, owner: tuple[Int64s, Int64s], checks: Refusing
    ) -> None:
        """Settles which pass of a repeated hour each unsure row means, in place."""
        rule = self._options.fold
        refused = np.zeros(len(at), np.bool_)
        if rule == "later":
            at[unsure] = later[unsure]
        elif rule == "refuse":
            refused[unsure] = True
        elif rule == "first_dst":
            series, wall = owner
            for row, key in zip(
                unsure.tolist(), zip(series[unsure].tolist(), wall[unsure].tolist(), strict=True), strict=True
            ):
                seen = self._passes.get(key, 0)
                self._passes[key] = seen + 1
                if seen == 1:
                    at[row] = later[row]
                refused[row] = seen > 1
        checks.refuse(refused, "AMBIGUOUS_TIME")

    @staticmethod
    def _offsets(stamps: Stamps, table: Table, checks: Refusing) -> Int64s | None:
        """Offset of each row from the stamp itself or the UtcOffset column; None when no row has one."""
        own = stamps.offset[stamps.at]
        if "UtcOffset" not in table.columns:
            return own if (stamps.offset != NO_OFFSET).any() else None
        column = table.mapped("UtcOffset", offset_of)
        checks.refuse(
            (column == BAD_OFFSET) | ((own != NO_OFFSET) & (column != NO_OFFSET) & (own != column)), "BAD_OFFSET"
        )
        return np.where(own != NO_OFFSET, own, column)

    def _with_ends(self, table: Table, at: Int64s, timed: Bools, length: Int64s, checks: Refusing) -> Int64s:
        """Lengths with those that EndTimeStamp gives; a blank one gives none."""
        blank = table.mapped("EndTimeStamp", len) == 0
        stamps = self._stamps(table, "EndTimeStamp")
        zone, wall = self._options.zone, stamps.wall
        bare = ~stamps.timed[stamps.at]
        own = stamps.offset
        early = np.where(own == NO_OFFSET, local_to_utc(wall, zone, "earlier").utc, wall - own)[stamps.at]
        late = np.where(own == NO_OFFSET, local_to_utc(wall, zone, "later").utc, wall - own)[stamps.at]
        found = np.where(early > at, early, late) - at
        day = local_days(at, zone)
        next_midnight = day_starts(day + 1, zone)
        whole_day = (at == day_starts(day, zone)) & (at + found == next_midnight)
        same_day = bare & ~timed & ((wall[stamps.at] // DAY_S == day) | (at + found == next_midnight))
        found = np.where(whole_day | same_day, DAY_S, found)
        wrong = (stamps.trouble[stamps.at] != Trouble.NONE) | ~is_length(found) | (bare != ~timed)
        wrong |= (length > 0) & (length != found)
        checks.refuse(wrong & ~blank, "BAD_END")
        return np.where(blank, length, np.where(wrong, 0, found))

    def _starts(self, at: Int64s, length: Int64s, timed: Bools, checks: Refusing) -> Int64s:
        """A daily total with a time of day must begin, or end, at local midnight."""
        zone, daily = self._options.zone, timed & (length == DAY_S)
        if daily.any():
            midnight = day_starts(local_days(at, zone), zone)
            checks.refuse(daily & (at != midnight), "DAY_NOT_AT_MIDNIGHT")
        if self.stamp == "start":
            return at
        before = day_starts(local_days(at - 1, zone), zone)
        return np.where(daily, before, np.where(timed, at - np.maximum(length, 0), at))


def _length(text: str) -> int:
    """Seconds; 0 when blank."""
    if not text:
        return 0
    seconds = int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else 0
    return seconds if is_length(np.array([seconds]))[0] else _BAD
