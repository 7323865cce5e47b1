"""Which importer a file is for."""

import io
from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType
from typing import BinaryIO, cast

from energygrid.errors import Invalid
from energygrid.metering.importers import cmep, energygrid_csv, espi, nem12, nem13
from energygrid.metering.importers.options import Importer, ImportOptions
from energygrid.metering.importers.sources import rewindable
from energygrid.metering.importers.zip_files import is_zip, unpacked
from energygrid.metering.readings import Parsed

HEAD_BYTES = 64 << 10
"""How much of a file `importer_for` wants to see."""

_MODULES: tuple[ModuleType, ...] = (energygrid_csv, nem12, nem13, cmep, espi)
IMPORTERS: dict[str, Importer] = {module.NAME: cast("Importer", module) for module in _MODULES}


def importer_for(head: bytes, name: str, format: str = "auto") -> Importer:  # noqa: A002 - the wire's word
    """The importer that was asked for by its name or, with `auto`, the one that knows the file by its first bytes.

    Raises Invalid UNSUPPORTED_FORMAT.
    """
    if format != "auto":
        chosen = IMPORTERS.get(format)
        if chosen is None:
            known = ", ".join(sorted(IMPORTERS))
            raise Invalid("UNSUPPORTED_FORMAT", f"{format[:32]!r} is not one of: auto, {known}", format=format[:32])
        return chosen
    for importer in IMPORTERS.values():
        if importer.sniff(head, name):
            return importer
    raise Invalid("UNSUPPORTED_FORMAT", "the file is in no format that is read here", name=name[:200])


def read_file(source: BinaryIO, options: ImportOptions, format: str = "auto") -> Iterator[Parsed]:  # noqa: A002
    """A file in any format that is read here, or a zip of one such file, as a stream of readings and complaints.

    `options.name` is the file's name; in a zip the name of the file inside counts.
    Raises Invalid UNSUPPORTED_FORMAT, BAD_ZIP and what the importer of the format raises.
    """
    text = (
        source if isinstance(source, io.BufferedReader) else io.BufferedReader(cast("io.RawIOBase", source), HEAD_BYTES)
    )
    if not is_zip(text.peek(4)):
        yield from _parse(text, options, format)
        return
    with rewindable(text, options) as packed:
        inside, name = unpacked(packed, options.name, options)
        yield from _parse(cast("io.BufferedReader", inside), replace(options, name=name), format)


def _parse(text: io.BufferedReader, options: ImportOptions, format_: str) -> Iterator[Parsed]:
    head = text.peek(HEAD_BYTES)[:HEAD_BYTES]
    yield from importer_for(head, options.name, format_).parse(text, options)
