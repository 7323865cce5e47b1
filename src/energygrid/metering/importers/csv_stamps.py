"""Time stamps as people and spreadsheets write them; what can be read in two ways is refused (powerbox.md C26)."""

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
import polars as pl

from energygrid.metering.importers.csv_table import distinct_texts
from energygrid.metering.importers.options import DateOrder
from energygrid.metering.readings import DAY_S, Bools, Int64s

_PATTERN = (
    r"^(?<a>[0-9]{1,4})(?<s1>[/.-])(?<b>[0-9]{1,2})(?<s2>[/.-])(?<c>[0-9]{1,4})"
    r"(?:[ T]{1,2}(?<h>[0-9]{1,2}):(?<m>[0-9]{2})(?::(?<s>[0-9]{2})(?:\.0+)?)?(?: ?(?<half>[AaPp])[Mm])?"
    r" ?(?<zone>Z|[+-][0-9]{2}:?[0-9]{2})?)?$"
)
_NUMBERS = ["a", "b", "c", "h", "m", "s"]
_OFFSET = re.compile(r"[+-](?P<h>0\d|1[0-4]):?(?P<m>[0-5]\d)")
NO_OFFSET = int(np.iinfo(np.int64).min)
BAD_OFFSET = NO_OFFSET + 1
_YEARS = (1970, 2099)


class Trouble(IntEnum):
    """Why a stamp was not read; 0 = it was."""

    NONE = 0
    UNREADABLE = 1
    AMBIGUOUS = 2


class DateFacts(NamedTuple):
    """What a file without a set date order shows about it."""

    month_first: bool
    day_first: bool


@dataclass(frozen=True, slots=True)
class Stamps:
    """Different stamps of a column and where each row has which.

    at       (rows,) position in the arrays below
    wall     wall clock, seconds since 1970-01-01T00:00 on that clock; midnight for a bare date
    timed    a time of day was written
    offset   seconds east of UTC that the stamp itself gives, else NO_OFFSET
    trouble  `Trouble`
    """

    at: Int64s
    wall: Int64s
    timed: Bools
    offset: Int64s
    trouble: Int64s
    shown: DateFacts


def read_stamps(column: pl.Series, order: DateOrder | None, *, allow_24: bool) -> Stamps:
    """Every stamp of a column; `allow_24`: 24:00 is the midnight that ends the day."""
    different, at = distinct_texts(column)
    parts = different.str.extract_groups(_PATTERN).struct.unnest()
    readable = parts["a"].is_not_null().to_numpy()
    a, b, c, h, m, s = (parts[name].cast(pl.Int64).fill_null(0).to_numpy() for name in _NUMBERS)
    readable &= (parts["s1"] == parts["s2"]).fill_null(value=False).to_numpy()
    wide_a, wide_c = ((parts[name].str.len_chars() == 4).fill_null(value=False).to_numpy() for name in "ac")
    year, month, day, ambiguous, shown = _dates(a, b, c, wide_a, readable & wide_c & ~wide_a, order)
    offset = _offsets(parts["zone"])
    readable &= (wide_a ^ wide_c) & _exists(year, month, day) & (offset != BAD_OFFSET)
    hour, good_hour = _hours(h, m, s, parts["half"], allow_24=allow_24)
    trouble = np.where(readable & good_hour, Trouble.NONE, Trouble.UNREADABLE)
    trouble[ambiguous] = Trouble.AMBIGUOUS
    months = (np.where(readable, year, 1970) - 1970) * 12 + np.where(readable, month, 1) - 1
    days = months.astype("M8[M]").astype("M8[D]").astype(np.int64) + day - 1
    wall = days * DAY_S + hour * 3600 + m * 60 + s
    timed = parts["h"].is_not_null().to_numpy()
    return Stamps(at, wall, timed, offset, trouble, shown)


def _dates(
    a: Int64s, b: Int64s, c: Int64s, year_first: Bools, year_last: Bools, order: DateOrder | None
) -> tuple[Int64s, Int64s, Int64s, Bools, DateFacts]:
    """Year, month, day; which are ambiguous; with no order set, only 13 to 31 tell a day from a month."""
    none = np.zeros(len(a), np.bool_)
    shown = DateFacts(month_first=False, day_first=False)
    if order == "DMY":
        day_first, ambiguous = year_last, none
    elif order == "MDY":
        day_first, ambiguous = none, none
    elif order == "YMD":
        day_first, ambiguous = none, none
        a = np.where(year_last, 99, a)
    else:
        day_first = year_last & (a > 12)
        ambiguous = year_last & (a <= 12) & (b <= 12) & (a != b)
        shown = DateFacts(bool((year_last & (b > 12)).any()), bool(day_first.any()))
    year = np.where(year_first, a, c)
    month = np.where(year_first | day_first, b, a)
    day = np.where(year_first, c, np.where(day_first, a, b))
    return year, month, day, ambiguous, shown


def _exists(year: Int64s, month: Int64s, day: Int64s) -> Bools:
    fine = (year >= _YEARS[0]) & (year <= _YEARS[1]) & (month >= 1) & (month <= 12) & (day >= 1)
    months = (np.where(fine, year, 1970) - 1970) * 12 + np.where(fine, month, 1) - 1
    first = months.astype("M8[M]").astype("M8[D]")
    following = (months + 1).astype("M8[M]").astype("M8[D]")
    exists: Bools = fine & (day <= (following - first).astype(np.int64))
    return exists


def _hours(h: Int64s, m: Int64s, s: Int64s, half: pl.Series, *, allow_24: bool) -> tuple[Int64s, Bools]:
    """Hour of 24, and whether the time of day exists. 12 AM is midnight, 12 PM noon."""
    letter = half.str.to_lowercase().fill_null("").to_numpy()
    twelve = letter != ""
    hour = np.where(twelve, h % 12 + 12 * (letter == "p"), h)
    good = np.where(twelve, (h >= 1) & (h <= 12), h <= 23) & (m <= 59) & (s <= 59)
    if allow_24:
        good |= ~twelve & (h == 24) & (m == 0) & (s == 0)
    return hour, good


def _offsets(zone: pl.Series) -> Int64s:
    texts = zone.fill_null("").to_list()
    return np.fromiter((offset_of(text) for text in texts), np.int64, len(texts))


def offset_of(text: str) -> int:
    """Seconds east of UTC of `Z` or `-05:00`; NO_OFFSET when blank, BAD_OFFSET when it is neither."""
    if not text:
        return NO_OFFSET
    if text == "Z":
        return 0
    found = _OFFSET.fullmatch(text)
    if found is None:
        return BAD_OFFSET
    seconds = int(found["h"]) * 3600 + int(found["m"]) * 60
    return -seconds if text[0] == "-" else seconds
