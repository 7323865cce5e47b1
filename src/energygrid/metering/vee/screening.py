"""Rules that refuse single rows before anything is stored: V03, V04, V12 and V13; and V01, repeated rows.

They work on the columns of a batch of many series at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from energygrid.ingest.rows import Reject
from energygrid.metering.calendar import day_starts, local_days
from energygrid.metering.readings import DAY_S, Bools, Flow, Int64s, Kind, ReadingBatch, UInt8s
from energygrid.metering.units import same_unit
from energygrid.metering.vee.findings import SEVERITY, Finding, Rule, Severity, moment
from energygrid.metering.vee.settings import VeeSettings


class Verdict(IntEnum):
    """What becomes of a row. Of several reasons against it the lowest number is given."""

    TAKEN = 0
    UNIT_MISMATCH = 1
    INTERVAL_MISMATCH = 2
    FUTURE = 3
    TOO_OLD = 4
    OFF_GRID = 5
    NEGATIVE = 6


RULE_OF = MappingProxyType(
    {
        Verdict.UNIT_MISMATCH: Rule.MISMATCH,
        Verdict.INTERVAL_MISMATCH: Rule.MISMATCH,
        Verdict.FUTURE: Rule.TIME,
        Verdict.TOO_OLD: Rule.TIME,
        Verdict.OFF_GRID: Rule.OFF_GRID,
        Verdict.NEGATIVE: Rule.NEGATIVE,
    }
)

_MESSAGES = MappingProxyType(
    {
        Verdict.UNIT_MISMATCH: "the unit is not the one the meter is configured for",
        Verdict.INTERVAL_MISMATCH: "the interval length is not the one the meter is configured for",
        Verdict.FUTURE: "the interval starts in the future",
        Verdict.TOO_OLD: "the interval is older than readings are taken",
        Verdict.OFF_GRID: "the interval does not start on the grid of its series",
        Verdict.NEGATIVE: "a negative value on a channel that counts one way",
    }
)

_ONE_WAY = frozenset({Kind.ENERGY, Kind.VOLUME, Kind.POWER, Kind.DEMAND, Kind.APPARENT_ENERGY, Kind.APPARENT_POWER})


class Expected(NamedTuple):
    """What the meter's configuration says of a series."""

    unit: str
    interval_s: int


@dataclass(frozen=True, slots=True)
class Screened:
    """`verdict` (n,): a `Verdict` for each row of the batch."""

    verdict: UInt8s

    @property
    def taken(self) -> Bools:
        mask: Bools = self.verdict == Verdict.TAKEN
        return mask

    @property
    def counts(self) -> dict[str, int]:
        """Refused rows by code."""
        counted = np.bincount(self.verdict, minlength=len(Verdict)).tolist()
        return {code.name: counted[code] for code in RULE_OF if counted[code]}

    def rejects(self, batch: ReadingBatch, limit: int) -> list[Reject]:
        """Complaints about the first `limit` refused rows, in the order of the batch."""
        at = np.flatnonzero(self.verdict)[:limit]
        complaints = zip(batch.row[at].tolist(), self.verdict[at].tolist(), strict=True)
        return [Reject(row, Verdict(code).name, _MESSAGES[Verdict(code)]) for row, code in complaints]

    def findings(self, batch: ReadingBatch) -> list[tuple[int, Finding]]:
        """One finding for each series (its position in the batch) and reason, from the first to the last row of it."""
        at = np.flatnonzero(self.verdict)
        pairs = np.stack((batch.index[at].astype(np.int64), self.verdict[at].astype(np.int64)))
        found: list[tuple[int, Finding]] = []
        for series, code in np.unique(pairs, axis=1).T.tolist():
            rows = at[(pairs[0] == series) & (pairs[1] == code)]
            rule = RULE_OF[Verdict(code)]
            finding = Finding(
                rule,
                SEVERITY[rule],
                moment(int(batch.start[rows].min())),
                moment(int(batch.start[rows].max()) + batch.series[series].interval_s),
                measured=float(len(rows)),
                limit=0.0,
                facts={"code": Verdict(code).name, "firstRow": int(batch.row[rows].min())},
            )
            found.append((series, finding))
        return found


def screen(
    batch: ReadingBatch,
    *,
    now: datetime,
    settings: VeeSettings,
    expected: Sequence[Expected | None] = (),
    offsets: Sequence[int] = (),
    zones: Sequence[str] = (),
) -> Screened:
    """Judge every row of a batch.

    expected  of each series, what its meter is configured for (V12); None, or nothing at all: not known
    offsets   of each series, where its first interval of a UTC day starts [s]; not given: all 0 (V03)
    zones     of each series, its time zone; needed only for series of local days (V03)
    """
    verdict = np.zeros(len(batch), np.uint8)
    verdict[_negative(batch)] = Verdict.NEGATIVE
    verdict[_off_grid(batch, offsets, zones)] = Verdict.OFF_GRID
    if settings.oldest_months is not None:
        verdict[batch.start < _months_before(now, settings.oldest_months)] = Verdict.TOO_OLD
    verdict[batch.start > now.timestamp() + settings.future_s] = Verdict.FUTURE
    for code, facts in _mismatches(batch, expected):
        verdict[facts[batch.index]] = code
    return Screened(verdict)


def _negative(batch: ReadingBatch) -> Int64s:
    """V04: below zero on anything that counts one way; only net flow may go both."""
    at = np.flatnonzero(batch.value < 0)
    one_way = np.array([key.flow is not Flow.NET and key.kind in _ONE_WAY for key in batch.series], np.bool_)
    found: Int64s = at[one_way[batch.index[at]]]
    return found


def _off_grid(batch: ReadingBatch, offsets: Sequence[int], zones: Sequence[str]) -> Int64s:
    """V03: a start that is no boundary of the series' grid, which is also the only way for intervals to overlap."""
    interval = _column([key.interval_s if 0 < key.interval_s < DAY_S else 1 for key in batch.series], batch)
    since = batch.start - _column(list(offsets), batch) if any(offsets) else batch.start
    off = since % interval != 0
    daily = np.array([key.interval_s == DAY_S for key in batch.series], np.bool_)
    for zone in {zone for zone, is_day in zip(zones, daily, strict=False) if is_day}:
        here = daily & np.array([each == zone for each in zones], np.bool_)
        at = np.flatnonzero(here[batch.index])
        off[at] = day_starts(local_days(batch.start[at], zone), zone) != batch.start[at]
    return np.flatnonzero(off)


def _column(facts: list[int], batch: ReadingBatch) -> Int64s | np.int64:
    """A fact of each row's series; one number when all share it, which is far quicker to divide by."""
    if len(set(facts)) == 1:
        return np.int64(facts[0])
    column: Int64s = np.array(facts, np.int64)[batch.index]
    return column


def _months_before(now: datetime, months: int) -> int:
    """Instant so many calendar months ago; the last days of a long month count as the 28th."""
    month = now.year * 12 + now.month - 1 - months
    return int(now.replace(year=month // 12, month=month % 12 + 1, day=min(now.day, 28)).timestamp())


def _mismatches(batch: ReadingBatch, expected: Sequence[Expected | None]) -> list[tuple[Verdict, Bools]]:
    """V12: for each reason, which series are not what their meter is configured for. The file's rows of them fall."""
    pairs = list(zip(batch.series, expected, strict=True)) if expected else []
    wrong_interval = np.array([e is not None and e.interval_s != key.interval_s for key, e in pairs], np.bool_)
    wrong_unit = np.array([e is not None and not same_unit(e.unit, key.unit) for key, e in pairs], np.bool_)
    found = [(Verdict.INTERVAL_MISMATCH, wrong_interval), (Verdict.UNIT_MISMATCH, wrong_unit)]
    return [(code, series) for code, series in found if series.any()]


class Duplicates(NamedTuple):
    """Rows that a later row of the batch repeats: with the same value, with another one."""

    same: Int64s
    different: Int64s


def duplicates(batch: ReadingBatch) -> Duplicates:
    """V01: rows for an interval that a later row gives again; the later one counts."""
    if not len(batch):
        return Duplicates(np.zeros(0, np.int64), np.zeros(0, np.int64))
    since = batch.start - batch.start.min()
    place = batch.index.astype(np.int64) * (int(since.max()) + 1) + since
    if (np.diff(place) > 0).all():
        return Duplicates(np.zeros(0, np.int64), np.zeros(0, np.int64))
    order = np.argsort(place, kind="stable")
    again = place[order][1:] == place[order][:-1]
    earlier, later = order[:-1][again], order[1:][again]
    old, new = batch.value[earlier], batch.value[later]
    same = (old == new) | (np.isnan(old) & np.isnan(new))
    return Duplicates(earlier[same], earlier[~same])


def duplicate_findings(batch: ReadingBatch) -> list[tuple[int, Finding]]:
    """V01 as findings: one for each series (its position) with repeated rows; INFO when none contradicts another."""
    same, different = duplicates(batch)
    rows = np.concatenate((same, different))
    found: list[tuple[int, Finding]] = []
    for series in np.unique(batch.index[rows]).tolist():
        at = rows[batch.index[rows] == series]
        contradicting = int((batch.index[different] == series).sum())
        finding = Finding(
            Rule.DUPLICATE,
            SEVERITY[Rule.DUPLICATE] if contradicting else Severity.INFO,
            moment(batch.start[at].min()),
            moment(int(batch.start[at].max()) + batch.series[series].interval_s),
            measured=float(len(at)),
            limit=0.0,
            facts={
                "sameValue": len(at) - contradicting,
                "otherValue": contradicting,
                "firstRow": int(batch.row[at].min()),
            },
        )
        found.append((series, finding))
    return found
