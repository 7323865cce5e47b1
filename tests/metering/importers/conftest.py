"""What every importer's tests need: options, and a whole stream read into plain rows."""

import io
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import numpy as np
import pytest

from energygrid.metering.importers.detect import IMPORTERS
from energygrid.metering.importers.options import ImportOptions
from energygrid.metering.quality import Quality
from energygrid.metering.readings import Commodity, Note, Reject, SeriesKey


@dataclass
class Read:
    """A stream read to its end. Rows: (key, start, value or None, quality, source's own quality text, line)."""

    rows: list[tuple[SeriesKey, int, float | None, Quality, str, int]] = field(default_factory=list)
    registers: list[tuple[SeriesKey, int, float, Quality, int]] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    @property
    def codes(self) -> list[tuple[int, str]]:
        return [(r.row, r.code) for r in self.rejects]

    @property
    def note_codes(self) -> list[tuple[int, str]]:
        return [(n.row, n.code) for n in self.notes]

    @property
    def values(self) -> dict[tuple[str, int], float | None]:
        return {(key.meter_id, start): value for key, start, value, *_ in self.rows}

    @property
    def lengths(self) -> set[int]:
        return {key.interval_s for key, *_ in self.rows}


OPTIONS = ImportOptions(
    zone="America/New_York",
    now=datetime(2026, 1, 1, tzinfo=UTC),
    commodity=Commodity.ELECTRICITY,
    date_order="MDY",
)


def read_all(importer: str, data: bytes | str, /, **changes: object) -> Read:
    source = io.BytesIO(data.encode() if isinstance(data, str) else data)
    read = Read()
    for step in IMPORTERS[importer].parse(source, replace(OPTIONS, **changes)):
        read.rejects += step.rejects
        read.notes += step.notes
        if step.readings is not None:
            b = step.readings
            codes = np.full(len(b), -1) if b.source_code is None else b.source_code
            for at in range(len(b)):
                value = None if np.isnan(b.value[at]) else float(b.value[at])
                label = b.source_labels[codes[at]] if codes[at] >= 0 else ""
                key = b.series[b.index[at]]
                read.rows.append((key, int(b.start[at]), value, Quality(b.quality[at]), label, int(b.row[at])))
        if step.registers is not None:
            g = step.registers
            for at in range(len(g)):
                key = g.series[g.index[at]]
                read.registers.append((key, int(g.at[at]), float(g.value[at]), Quality(g.quality[at]), int(g.row[at])))
    return read


@pytest.fixture(scope="session")
def read() -> Callable[..., Read]:
    return read_all


@pytest.fixture(scope="session")
def utc() -> Callable[..., int]:
    """Epoch seconds of a UTC date and time."""
    return lambda *parts: int(datetime(*parts, tzinfo=UTC).timestamp())
