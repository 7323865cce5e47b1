"""The usage CSV of the EnergyGrid documentation, with optional columns (powerbox.md 1.7, 1.13 P-5, C26).

AccountNumber,ExternalSiteID,MeterID,TimeStamp,TotalUnit in any order, and optionally IntervalSeconds, UnitOfMeasure,
Direction, Quality, EndTimeStamp, UtcOffset. Slabs are worked on as columns; only complaints are made row by row.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import BinaryIO, NamedTuple

from energygrid.errors import Invalid
from energygrid.metering.importers.csv_rows import RowReader
from energygrid.metering.importers.csv_table import read_table
from energygrid.metering.importers.options import ImportOptions
from energygrid.metering.importers.sources import Slab, cut, slabs
from energygrid.metering.readings import Commodity, Note, Parsed, Reject

NAME = "energygrid"

REQUIRED = ("AccountNumber", "ExternalSiteID", "MeterID", "TimeStamp", "TotalUnit")
OPTIONAL = ("IntervalSeconds", "UnitOfMeasure", "Direction", "Quality", "EndTimeStamp", "UtcOffset")
_READ = {*REQUIRED[2:], *OPTIONAL}
_CANONICAL = {name.lower(): name for name in (*REQUIRED, *OPTIONAL)}
_FILE_NAME = re.compile(
    r"(?P<company>.+)_(?P<d>\d{2})(?P<m>\d{2})(?P<y>\d{4})_(?P<fuel>Electric|Gas)\.csv", re.IGNORECASE
)


class FileName(NamedTuple):
    """What `CompanyCode_DDMMYYYY_Electric.csv` says."""

    company: str
    day: date
    commodity: Commodity


def read_file_name(name: str) -> FileName | None:
    """None when the name is not of the published form (then it says nothing)."""
    found = _FILE_NAME.fullmatch(name.rsplit("/", 1)[-1].removesuffix(".zip"))
    if found is None:
        return None
    try:
        day = date(int(found["y"]), int(found["m"]), int(found["d"]))
    except ValueError:
        return None
    fuel = Commodity.ELECTRICITY if found["fuel"].lower() == "electric" else Commodity.GAS
    return FileName(found["company"], day, fuel)


@dataclass(frozen=True, slots=True)
class Header:
    """Names in the order of the file; a column that nobody reads has its position as its name."""

    names: list[str]
    notes: list[Note]


def sniff(head: bytes, name: str) -> bool:
    """A header with the five published columns; the file's name does not matter."""
    del name
    first = head.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0].decode("ascii", "replace")
    return {column.lower() for column in REQUIRED} <= set(_fields(first.lower()))


def parse(source: BinaryIO, options: ImportOptions) -> Iterator[Parsed]:
    """Readings by slab of some 300,000 rows.

    Raises Invalid BAD_FILE (no such header), AMBIGUOUS_DATE_ORDER, COMMODITY_UNKNOWN and UNIT_UNKNOWN.
    """
    told = read_file_name(options.name)
    header: Header | None = None
    reader: RowReader | None = None
    for slab in slabs(source, options):
        body = slab
        notes: list[Note] = []
        if header is None:
            header, body = _split_header(slab)
            notes = header.notes
            commodity = told.commodity if told else options.commodity
            reader = RowReader(options, commodity, set(header.names))
        assert reader is not None
        unfinished = _unfinished(body, options)
        if unfinished:
            body = Slab(body.data[: body.data.rfind(b"\n", 0, -1) + 1], body.first_row)
        parsed = reader.read(read_table(body, header.names, _READ))
        yield Parsed(parsed.readings, rejects=[*unfinished, *parsed.rejects], notes=notes)
    if reader is None:
        raise Invalid("BAD_FILE", "the file is empty", line=1)
    yield reader.finish()


def _unfinished(slab: Slab, options: ImportOptions) -> list[Reject]:
    if not (slab.unfinished and options.final_newline and slab.data.strip()):
        return []
    text = slab.data[slab.data.rfind(b"\n", 0, -1) + 1 : -1].decode("ascii")
    row = slab.first_row + slab.data.count(b"\n") - 1
    return [Reject(row, "UNFINISHED_LINE", "the file ends inside this line; its value may be cut", cut(text))]


def _split_header(slab: Slab) -> tuple[Header, Slab]:
    first, _, rest = slab.data.partition(b"\n")
    header = read_header(first.decode("ascii"))
    return header, Slab(rest, slab.first_row + 1, slab.unfinished and bool(rest))


def read_header(line: str) -> Header:
    """Raises Invalid BAD_FILE when a published column is missing or a column comes twice."""
    names, notes = [], []
    for at, text in enumerate(_fields(line)):
        name = _CANONICAL.get(text.lower())
        if name is None:
            notes.append(Note(1, "IGNORED_COLUMN", f"column {text[:64]!r} is not read"))
        elif name in names:
            raise Invalid("BAD_FILE", f"column {name} comes twice in the header", line=1)
        names.append(name or str(at))
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise Invalid("BAD_FILE", f"the header lacks {', '.join(missing)}", line=1)
    return Header(names, notes)


def _fields(line: str) -> list[str]:
    try:
        return [text.strip() for text in next(csv.reader([line.rstrip("\r\n")]), [])]
    except csv.Error:
        return []
