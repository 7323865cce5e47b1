"""What a tenant says about the files it sends, and the limits every importer keeps."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import BinaryIO, Literal, Protocol

from energygrid.metering.quality import Quality
from energygrid.metering.readings import Commodity, Parsed

DateOrder = Literal["MDY", "DMY", "YMD"]
Fold = Literal["first_dst", "earlier", "later", "refuse"]
Stamp = Literal["start", "end"]

_NO_QUALITY: Mapping[str, Quality] = MappingProxyType({})
_NO_METERS: Mapping[str, str] = MappingProxyType({})
_UNITS: Mapping[Commodity, str] = MappingProxyType({Commodity.ELECTRICITY: "kWh"})


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """Settings of one import; each importer reads the ones its format leaves open (docs/formats.md has the table).

    zone             IANA zone of local stamps and of local days
    now              the present, for "is this from the future" and nothing else
    name             the file's own name, where a format hides facts in it
    date_order       of dates such as 1/2/2017; None = such a date is refused, not guessed
    stamp            what a time stamp marks: the start or the end of its interval
    fold             a wall clock that comes twice in autumn: in order of appearance, always the earlier pass,
                     always the later, or refused unless the stamp carries its offset
    commodity, units for formats that do not say
    interval_s       the interval length to take when a series is too short to show it
    quality_letters  the sender's own letters, before the published table
    purposes         CMEP purposes that are loaded
    meter_map        source's meter name -> meter id here; a name that is not in it is the meter id
    final_newline    refuse a last line without its line end: it may have been cut, and 0.51 of 0.512 is a number too
    max_bytes        of the file, after decompression
    batch_rows       about how many readings one step of the stream holds
    check_schema     compare ESPI with the published schemas and note every difference
    """

    zone: str
    now: datetime
    name: str = ""
    date_order: DateOrder | None = None
    stamp: Stamp = "start"
    fold: Fold = "first_dst"
    commodity: Commodity | None = None
    units: Mapping[Commodity, str] = field(default_factory=lambda: _UNITS)
    interval_s: int | None = None
    quality_letters: Mapping[str, Quality] = field(default_factory=lambda: _NO_QUALITY)
    purposes: frozenset[str] = frozenset({"OK"})
    meter_map: Mapping[str, str] = field(default_factory=lambda: _NO_METERS)
    final_newline: bool = True
    max_bytes: int = 8 << 30
    max_line_bytes: int = 4 << 20
    batch_rows: int = 200_000
    check_schema: bool = True


class Importer(Protocol):
    """What the module of a format offers."""

    NAME: str

    def sniff(self, head: bytes, name: str) -> bool:
        """Whether the first bytes of a file (and, as a hint, its name) look like this format."""
        ...

    def parse(self, source: BinaryIO, options: ImportOptions) -> Iterator[Parsed]:
        """Stream of readings and complaints.

        Raises Invalid when the file as a whole cannot be believed; what was yielded before must then not be kept.
        """
        ...
