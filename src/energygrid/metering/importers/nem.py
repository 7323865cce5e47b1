"""What NEM12 and NEM13 share: records, dates in market time, identifiers, quality methods (powerbox.md 4.2).

Market time is UTC+10 all year, in every state: no clock change, no zone.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import BinaryIO, NamedTuple

import numpy as np

from energygrid.errors import Invalid
from energygrid.metering.importers.options import ImportOptions
from energygrid.metering.importers.sources import MOST, is_usual, lines
from energygrid.metering.importers.units import Unit, unit_named
from energygrid.metering.quality import NEM_FLAGS, Quality
from energygrid.metering.readings import Commodity, Float64s, Flow, Kind, SeriesKey

MARKET_OFFSET_S = 10 * 3600
_NMI = re.compile(r"[0-9A-HJ-NP-Z]{10}[0-9]?")
_SUFFIX = re.compile(r"[0-9A-Z]{2}")
_NUMERIC = b"0123456789.,"
_POWER_FACTOR = Unit("pf", Kind.OTHER, Commodity.ELECTRICITY)
_METHOD = re.compile(r"[AESFNV](?:[0-9]{2})?")
_DIGITS = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_RECEIVED = frozenset("ABCJKL")
_DELIVERED = frozenset("DEFPQR")
_NET = frozenset("NXYZ")


class BadRecord(ValueError):
    """One record cannot be taken; the file goes on. `args` are a code and a message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code, self.message = code, message


class Record(NamedTuple):
    row: int
    kind: str
    fields: list[str]
    text: str


def records(source: BinaryIO, options: ImportOptions, version: str) -> Iterator[Record]:
    """The records between 100 and 900, split into fields.

    Raises Invalid BAD_FILE unless there is one 100 record of this version first and one 900 record last.
    """
    opened = closed = False
    row = 0
    for row, line, _finished in lines(source, options):
        fields = next(csv.reader([line])) if '"' in line else line.split(",")
        kind = fields[0].strip()
        if closed:
            raise Invalid("BAD_FILE", "there are records after the 900 record", line=row)
        if not opened:
            _check_header(fields, version, row)
            opened = True
        elif kind == "900":
            closed = True
        elif kind == "100":
            raise Invalid("BAD_FILE", "there is a second 100 record", line=row)
        else:
            yield Record(row, kind, fields, line)
    if not opened:
        raise Invalid("BAD_FILE", "the file is empty", line=1)
    if not closed:
        raise Invalid("BAD_FILE", "the file ends without its 900 record: part of it is missing", line=row)


def _check_header(fields: list[str], version: str, row: int) -> None:
    if fields[0].strip() != "100":
        raise Invalid("BAD_FILE", "the first record is not a 100 record", line=row)
    if len(fields) < 2 or fields[1].strip() != version:
        raise Invalid("BAD_FILE", f"the 100 record does not say {version}", line=row)
    try:
        exactly(fields, 5)
        instant(fields[2], 12)
    except BadRecord as problem:
        raise Invalid("BAD_FILE", f"the 100 record is broken: {problem.message}", line=row) from None


def is_header(head: bytes, version: bytes) -> bool:
    """Whether a file's first bytes are a 100 record of a version."""
    first = head.removeprefix(b"\xef\xbb\xbf").lstrip().split(b"\n", 1)[0]
    return first.replace(b'"', b"").startswith(b"100," + version)


def exactly(fields: list[str], count: int) -> list[str]:
    """The fields of a record that must have `count`; empty ones beyond are what spreadsheets append."""
    if len(fields) < count or any(fields[count:]):
        raise BadRecord("WRONG_FIELD_COUNT", f"{len(fields)} fields where {count} are due")
    return fields[:count]


@lru_cache(maxsize=65_536)
def instant(text: str, digits: int) -> int:
    """Epoch seconds of a Date8, DateTime12 or DateTime14."""
    if len(text) != digits or not text.isdigit():
        raise BadRecord("BAD_DATE", f"{text[:20]!r} is not a date of {digits} digits")
    try:
        wall = datetime.strptime(text, _DIGITS[digits]).replace(tzinfo=UTC)
    except ValueError:
        raise BadRecord("BAD_DATE", f"{text!r} is a date that does not exist") from None
    at = int(wall.timestamp()) - MARKET_OFFSET_S
    if not is_usual(at):
        raise BadRecord("BAD_DATE", f"{text!r} is not in the years 1970 to 2099")
    return at


@lru_cache(maxsize=65_536)
def nmi(text: str) -> str:
    """The ten characters of a National Metering Identifier; an eleventh is checked and left out."""
    if not _NMI.fullmatch(text):
        raise BadRecord("BAD_NMI", f"{text[:20]!r} is not a National Metering Identifier")
    if len(text) == 11 and nmi_checksum(text[:10]) != int(text[10]):
        raise BadRecord("BAD_NMI", f"the check digit of {text} is wrong")
    return text[:10]


def nmi_checksum(name: str) -> int:
    """Check digit of a ten character NMI: Luhn over the ASCII codes, the last character doubled.

    Source: AEMO, National Metering Identifier procedure, appendix on the checksum.
    """
    total = 0
    for at, character in enumerate(reversed(name)):
        code = ord(character) * (2 if at % 2 == 0 else 1)
        total += sum(map(int, str(code)))
    return -total % 10


class Method(NamedTuple):
    """`label` keeps what the scale of qualities does not: the method, the reason and its description."""

    quality: Quality
    label: str
    variable: bool
    complete: bool


@lru_cache(maxsize=65_536)
def method(text: str, reason: str, description: str) -> Method:
    """A quality method with its reason.

    `complete` is False when the rules ask for a method or reason that is not there: E a method; S and F both; reason 0
    a description.
    """
    if not _METHOD.fullmatch(text):
        raise BadRecord("BAD_QUALITY", f"{text[:20]!r} is not a quality flag A, E, S, F, N or V with a method")
    if reason and not (reason.isdigit() and len(reason) <= 3):
        raise BadRecord("BAD_QUALITY", f"{reason[:20]!r} is not a reason code")
    flag = text[0]
    complete = not (flag in "ESF" and len(text) == 1) and not (flag in "SF" and not reason)
    complete &= not (reason and int(reason) == 0 and not description)
    quality = NEM_FLAGS.get(flag, Quality.UNKNOWN)
    label = " ".join(part for part in (text, reason, description) if part)
    return Method(quality, "" if label in {"A", "N"} else label[:100], flag == "V", complete)


def numbers(texts: list[str], *, blank_is_missing: bool) -> Float64s:
    """Values as written: decimals without sign or exponent. A blank is NaN where the quality says missing."""
    if blank_is_missing:
        texts = [text or "nan" for text in texts]
    elif ",".join(texts).encode().translate(None, _NUMERIC):
        raise BadRecord("BAD_NUMBER", "a value is not a decimal number without sign and exponent")
    try:
        values = np.array(list(map(float, texts)))
    except ValueError:
        raise BadRecord("BAD_NUMBER", "a value is not a decimal number without sign and exponent") from None
    if (values >= MOST).any():
        raise BadRecord("BAD_NUMBER", "a value has more than 15 digits before the point")
    return values


def series_key(meter_map: Mapping[str, str], name: str, suffix: str, uom: str, interval_s: int) -> SeriesKey:
    """The series of a channel; the suffix (E1, B1, Q1) tells channels of one meter apart."""
    meter = nmi(name)
    unit = _POWER_FACTOR if uom.strip().lower() == "pf" else unit_named(uom)
    if unit is None:
        raise BadRecord("UNKNOWN_UNIT", f"{uom[:16]!r} is not a known unit")
    if not _SUFFIX.fullmatch(suffix):
        raise BadRecord("BAD_SUFFIX", f"{suffix[:16]!r} is not an NMI suffix of two characters")
    commodity = unit.commodity or Commodity.ELECTRICITY
    meter_id = meter_map.get(meter, meter)
    return SeriesKey(meter_id, commodity, flow_of(suffix), unit.kind, unit.name, interval_s, suffix)


def flow_of(suffix: str) -> Flow:
    """Direction of a channel by its suffix's letter. The trade says export for energy taken out of the grid."""
    letter = suffix[:1]
    if letter in _DELIVERED:
        return Flow.DELIVERED
    if letter in _RECEIVED:
        return Flow.RECEIVED
    return Flow.NET if letter in _NET else Flow.TOTAL
