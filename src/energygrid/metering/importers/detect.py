"""Which importer a file is for."""

from types import ModuleType
from typing import cast

from energygrid.errors import Invalid
from energygrid.metering.importers import cmep, energygrid_csv, espi, nem12, nem13
from energygrid.metering.importers.options import Importer

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
