"""Columns of the usage CSV into readings: each column has one check, each failed check one code."""

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from energygrid.metering.importers.csv_grain import Graded, Grader, Rows
from energygrid.metering.importers.csv_names import BAD, NET, OTHER_COMMODITY, Names
from energygrid.metering.importers.csv_table import Table
from energygrid.metering.importers.csv_times import Times
from energygrid.metering.importers.options import ImportOptions
from energygrid.metering.importers.sources import cut
from energygrid.metering.quality import Quality
from energygrid.metering.readings import Bools, Commodity, Float64s, Int64s, Parsed, ReadingBatch, Reject

_NUMBER = r"^-?(?:[0-9]{1,15}(?:\.[0-9]{0,12})?|\.[0-9]{1,12})$"

MESSAGES = {
    "BAD_METER_ID": "MeterID must be 1 to 64 visible ASCII characters",
    "BAD_NUMBER": "TotalUnit must be a decimal number without exponent or thousands separator",
    "NEGATIVE_VALUE": "a negative TotalUnit needs Direction N",
    "BAD_DIRECTION": "Direction must be D, R or N",
    "UNKNOWN_UNIT": "UnitOfMeasure is not a known unit",
    "UNIT_OF_OTHER_COMMODITY": "UnitOfMeasure does not belong to the commodity of the file",
    "BAD_QUALITY": "Quality must be A, E, S, F or N",
    "BAD_INTERVAL": "IntervalSeconds must be 60 or more and divide the day",
    "BAD_TIMESTAMP": "TimeStamp is not a date or time that exists",
    "BAD_OFFSET": "UtcOffset must be Z or like -05:00, and agree with the stamp",
    "BAD_END": "EndTimeStamp does not end an interval that begins at TimeStamp",
    "NONEXISTENT_TIME": "the clock skipped this time on that day",
    "AMBIGUOUS_TIME": "the clock showed this time twice on that day; which of the two is meant cannot be told",
    "DAY_NOT_AT_MIDNIGHT": "a daily total must begin at local midnight",
    "MIXED_GRAIN": "the meter's rows of this day have different interval lengths",
    "GRAIN_UNKNOWN": "the meter's rows do not show its interval length; give IntervalSeconds or set a default",
}


@dataclass(slots=True)
class Checks:
    """The first failed check of each row. `why` indexes `codes`; 0 = none failed."""

    why: Int64s
    codes: list[str] = field(default_factory=lambda: [""])

    def refuse(self, which: Bools, code: str) -> None:
        if which.any():
            self.codes.append(code)
            self.why[which & (self.why == 0)] = len(self.codes) - 1

    @property
    def passed(self) -> Bools:
        passed: Bools = self.why == 0
        return passed


class RowReader:
    """Reads the tables of one file; remembers meters, lengths and repeated hours from slab to slab."""

    def __init__(self, options: ImportOptions, commodity: Commodity | None, columns: set[str]) -> None:
        self._columns = columns
        self._names = Names(options, commodity, has_units="UnitOfMeasure" in columns)
        self._times = Times(options, columns)
        self._grader = Grader(options.zone, self._times.stamp, options.interval_s)

    def read(self, table: Table) -> Parsed:
        checks = Checks(np.zeros(len(table), np.int64))
        rows = self._rows(table, checks)
        rejects = list(table.rejects)
        for at in np.flatnonzero(~checks.passed).tolist():
            code = checks.codes[checks.why[at]]
            rejects.append(Reject(int(table.row[at]), code, MESSAGES[code], cut(table.text(at))))
        return self._parsed(self._grader.grade(rows.take(checks.passed), last=False), rejects)

    def finish(self) -> Parsed:
        """What waited for more rows of its series."""
        none = np.zeros(0, np.int64)
        return self._parsed(self._grader.grade(Rows(none, none, none, np.zeros(0), none, none), last=True), [])

    def _rows(self, table: Table, checks: Checks) -> Rows:
        meter = table.mapped("MeterID", self._names.meter)
        checks.refuse(meter == BAD, "BAD_METER_ID")
        flow = table.mapped("Direction", self._names.flow)
        checks.refuse(flow == BAD, "BAD_DIRECTION")
        unit = table.mapped("UnitOfMeasure", self._names.unit)
        checks.refuse(unit == BAD, "UNKNOWN_UNIT")
        checks.refuse(unit == OTHER_COMMODITY, "UNIT_OF_OTHER_COMMODITY")
        quality = table.mapped("Quality", self._names.quality)
        checks.refuse(quality == BAD, "BAD_QUALITY")
        value = self._values(table, quality, flow, checks)
        series = self._names.series(meter, flow, unit)
        at, length = self._times.read(table, series, checks)
        return Rows(series, at, length, value, quality, table.row)

    def _values(self, table: Table, quality: Int64s, flow: Int64s, checks: Checks) -> Float64s:
        """NaN where the quality says missing, whatever number stands there."""
        text = table.columns["TotalUnit"]
        good = text.str.contains(_NUMBER)
        if not good.all():
            text = text.str.strip_chars()
            good = text.str.contains(_NUMBER)
        value: Float64s = text.cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy(writable=True)
        missing = self._quality_facts(0)[quality] == Quality.MISSING
        checks.refuse(~(good.to_numpy() | (missing & (text == "").to_numpy())), "BAD_NUMBER")
        checks.refuse((value < 0) & (flow != NET), "NEGATIVE_VALUE")
        value[missing] = np.nan
        return value

    def _quality_facts(self, part: int) -> Int64s:
        """(quality numbers + 1,): the last entry is for BAD."""
        return np.array([int(entry[part]) for entry in self._names.qualities] + [BAD])

    def _parsed(self, graded: Graded, rejects: list[Reject]) -> Parsed:
        for rows, code in ((graded.mixed, "MIXED_GRAIN"), (graded.unknown, "GRAIN_UNKNOWN")):
            rejects += [
                Reject(row, code, MESSAGES[code], f"{self._names.meter_id(series)} {value}")
                for row, series, value in zip(rows.row.tolist(), rows.series.tolist(), rows.value.tolist(), strict=True)
            ]
        ready = graded.ready
        if not len(ready):
            return Parsed(rejects=rejects)
        keys, at = self._names.keys(ready.series, ready.length)
        labels = self._quality_facts(1)[ready.quality].astype(np.int16) if self._names.labels else None
        batch = ReadingBatch(
            series=keys,
            index=at.astype(np.int32),
            start=ready.at,
            value=ready.value,
            quality=self._quality_facts(0)[ready.quality].astype(np.uint8),
            row=ready.row,
            source_labels=list(self._names.labels),
            source_code=labels,
        )
        return Parsed(batch, rejects=rejects)
