"""CMEP MEPMD01: one line is one channel of one meter with its readings (powerbox.md 4.3).

Fourteen leading fields, then time, quality and value of each reading. Times are UTC and end their interval; a blank one
follows the one before by the interval. Units that end in REG are index reads of a register.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import BinaryIO

import numpy as np

from energygrid.errors import Invalid
from energygrid.metering.calendar import day_starts, local_days
from energygrid.metering.importers.collect import PLAIN, Collector
from energygrid.metering.importers.csv_grain import is_length
from energygrid.metering.importers.options import ImportOptions
from energygrid.metering.importers.sources import MOST, is_usual, lines
from energygrid.metering.importers.units import unit_named
from energygrid.metering.quality import CMEP_LETTERS, Quality
from energygrid.metering.readings import DAY_S, Commodity, Float64s, Flow, Int64s, Parsed, SeriesKey

NAME = "cmep"

_LEAD = 14
_COMMODITIES = {"E": Commodity.ELECTRICITY, "G": Commodity.GAS, "W": Commodity.WATER}
_ID = re.compile(r"[\x21-\x7E]{1,64}")
_SIGNED = b"0123456789.,-"
_CONSTANT = re.compile(r"[0-9]{1,9}(?:\.[0-9]{0,9})?|\.[0-9]{1,9}")
_PLAIN = {"R", "R0", "E", "E0", "N", "N0", ""}
_RECORD = re.compile(rb"(?:\xef\xbb\xbf)?MEPMD01[,\t|]")


class _BadLine(ValueError):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code, self.message = code, message


def sniff(head: bytes, name: str) -> bool:
    del name
    return _RECORD.match(head.lstrip()) is not None


def file_stamp(head: bytes) -> datetime | None:
    """When the file was made, by its first line. Files overlap: load them in this order, the newest last."""
    if not sniff(head, ""):
        return None
    line = head.lstrip().split(b"\n", 1)[0].decode("ascii", "replace").lstrip("\ufffd")
    fields = line.split(line[7])
    try:
        return datetime.fromtimestamp(_instant(fields[6]), UTC)
    except (_BadLine, IndexError):
        return None


def parse(source: BinaryIO, options: ImportOptions) -> Iterator[Parsed]:
    """Raises Invalid BAD_FILE when the first line is not a MEPMD01 record; later ones are refused alone."""
    reader = _Reader(options)
    for row, line, finished in lines(source, options):
        reader.read(row, line, finished=finished or not options.final_newline)
        if reader.out.full:
            yield reader.out.take()
    if not reader.separator:
        raise Invalid("BAD_FILE", "the file is empty", line=1)
    yield reader.out.take(last=True)


class _Reader:
    def __init__(self, options: ImportOptions) -> None:
        self.out = Collector(options)
        self.separator = ""
        self._options = options
        self._letters = {**CMEP_LETTERS, **options.quality_letters}
        self._stamp = ""

    def read(self, row: int, line: str, *, finished: bool) -> None:
        if not self.separator:
            if not line.startswith("MEPMD01") or line[7:8] not in {",", "\t", "|"}:
                raise Invalid("BAD_FILE", "the first line is not a MEPMD01 record", line=row)
            self.separator = line[7]
        if not finished:
            message = "the file ends inside this line; its last value may be cut"
            self.out.reject(row, "UNFINISHED_LINE", message, line)
            return
        try:
            self._record(row, [field.strip() for field in line.split(self.separator)])
        except _BadLine as problem:
            self.out.reject(row, problem.code, problem.message, line)

    def _record(self, row: int, fields: list[str]) -> None:
        if fields[0] != "MEPMD01":
            raise _BadLine("UNSUPPORTED_RECORD", f"{fields[0][:16]!r} is not a MEPMD01 record")
        count = int(fields[13]) if len(fields) >= _LEAD and re.fullmatch(r"[0-9]{1,6}", fields[13]) else -1
        if count < 0 or len(fields) != _LEAD + 3 * count:
            raise _BadLine("WRONG_FIELD_COUNT", f"{len(fields)} fields where 14 and 3 for each reading are due")
        if fields[6] < self._stamp:
            self.out.note(row, "STAMP_ORDER", f"the file stamp {fields[6][:16]} is older than that of the line before")
        self._stamp = fields[6]
        if fields[8] not in self._options.purposes:
            self.out.note(row, "PURPOSE_NOT_LOADED", f"purpose {fields[8][:16]!r} is not one of those to load")
            return
        registers = fields[10].upper().endswith("REG")
        key = self._key(fields, 0 if registers else _interval(fields[12]))
        values = self._scaled(self._values(fields), fields)
        texts = fields[15::3]
        different = {text: self._quality(text) for text in set(texts)}
        qualities = np.array([different[text] for text in texts], np.uint8)
        values[qualities == Quality.MISSING] = np.nan
        ends = _times(fields[14::3], key.interval_s)
        if registers:
            for end, value, quality in zip(ends.tolist(), values.tolist(), qualities.tolist(), strict=True):
                self.out.add_register(row, key, end, value, quality)
            return
        starts = self._starts(ends, key.interval_s)
        numbers = {text: PLAIN if text in _PLAIN else self.out.label_of(text) for text in different}
        labels = np.array([numbers[text] for text in texts], np.int16)
        self.out.add(row, key, starts, values, qualities, labels)

    def _key(self, fields: list[str], interval_s: int) -> SeriesKey:
        meter = self._options.meter_map.get(fields[7], fields[7])
        if not _ID.fullmatch(meter):
            raise _BadLine("BAD_METER_ID", "the meter id must be 1 to 64 visible ASCII characters")
        commodity = _COMMODITIES.get(fields[9])
        if commodity is None:
            raise _BadLine("UNKNOWN_COMMODITY", f"{fields[9][:8]!r} is not E, G or W")
        unit = unit_named(fields[10].upper().removesuffix("REG"))
        if unit is None:
            raise _BadLine("UNKNOWN_UNIT", f"{fields[10][:16]!r} is not a known unit")
        if unit.commodity not in {None, commodity}:
            raise _BadLine("UNIT_OF_OTHER_COMMODITY", f"{fields[10][:16]!r} is not a unit of commodity {fields[9]}")
        return SeriesKey(meter, commodity, Flow.DELIVERED, unit.kind, unit.name, interval_s)

    @staticmethod
    def _values(fields: list[str]) -> Float64s:
        """A blank value is NaN; only a quality that says missing excuses it."""
        texts = fields[16::3]
        for text, quality in zip(texts, fields[15::3], strict=True):
            if not text and quality[:1] != "N":
                raise _BadLine("BAD_NUMBER", "a value is blank and its quality does not say missing")
        if ",".join(texts).encode("ascii", "replace").translate(None, _SIGNED):
            raise _BadLine("BAD_NUMBER", "a value is not a decimal number without exponent")
        try:
            values = np.array([float(text or "nan") for text in texts], np.float64)
        except ValueError:
            raise _BadLine("BAD_NUMBER", "a value is not a decimal number without exponent") from None
        if (np.abs(values) >= MOST).any():
            raise _BadLine("BAD_NUMBER", "a value has more than 15 digits before the point")
        return values

    @staticmethod
    def _scaled(values: Float64s, fields: list[str]) -> Float64s:
        """Times the calculation constant, to as many decimals as the exact product has."""
        constant = _constant(fields[11])
        if constant == 1:
            return values
        places = max((_places(text) for text in fields[16::3]), default=0) + _places(fields[11])
        return np.round(values * constant, places)

    def _quality(self, text: str) -> Quality:
        if not text:
            return Quality.UNKNOWN
        found = self._letters.get(text, self._letters.get(text[0]))
        if found is None:
            raise _BadLine("BAD_QUALITY", f"{text[:16]!r} begins with no known quality letter")
        return found

    def _starts(self, ends: Int64s, interval_s: int) -> Int64s:
        if interval_s != DAY_S:
            return ends - interval_s
        zone = self._options.zone
        if (ends != day_starts(local_days(ends, zone), zone)).any():
            raise _BadLine("DAY_NOT_AT_MIDNIGHT", "a daily reading does not end at local midnight")
        return day_starts(local_days(ends - 1, zone), zone)


@lru_cache(maxsize=65_536)
def _instant(text: str) -> int:
    if len(text) != 12 or not text.isdigit():
        raise _BadLine("BAD_DATE", f"{text[:20]!r} is not a time CCYYMMDDHHMM")
    try:
        at = int(datetime.strptime(text, "%Y%m%d%H%M").replace(tzinfo=UTC).timestamp())
    except ValueError:
        raise _BadLine("BAD_DATE", f"{text!r} is a time that does not exist") from None
    if not is_usual(at):
        raise _BadLine("BAD_DATE", f"{text!r} is not in the years 1970 to 2099")
    return at


def _times(texts: list[str], interval_s: int) -> Int64s:
    """Ends of the readings. A blank one follows the one before by the interval."""
    if not texts:
        return np.zeros(0, np.int64)
    if not any(texts[1:]) and interval_s != DAY_S and interval_s > 0:
        return _instant(texts[0]) + np.arange(len(texts)) * interval_s
    ends: list[int] = []
    for text in texts:
        if not text and (interval_s in {0, DAY_S} or not ends):
            raise _BadLine("BAD_DATE", "a time is blank where it cannot be told from the one before")
        ends.append(_instant(text) if text else ends[-1] + interval_s)
    return np.array(ends, np.int64)


@lru_cache(maxsize=256)
def _interval(text: str) -> int:
    """Seconds of an interval written MMDDHHMM."""
    digits = [int(text[at : at + 2]) for at in (0, 2, 4, 6)] if re.fullmatch(r"[0-9]{8}", text) else [1, 0, 0, 0]
    months, days, hours, minutes = digits
    seconds = days * DAY_S + hours * 3600 + minutes * 60
    if months or not is_length(np.array([seconds]))[0]:
        raise _BadLine("BAD_INTERVAL", f"{text[:16]!r} is not an interval of a minute or more that divides the day")
    return seconds


def _places(text: str) -> int:
    return len(text.partition(".")[2])


def _constant(text: str) -> float:
    if not text:
        return 1.0
    if not _CONSTANT.fullmatch(text) or float(text) == 0:
        raise _BadLine("BAD_NUMBER", f"{text[:16]!r} is not a calculation constant")
    return float(text)
