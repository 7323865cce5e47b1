"""Readings in columns: what importers hand to the store, and what the store hands back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from energygrid.ingest.rows import Note, Reject
from energygrid.metering.told import Told

__all__ = [
    "DAY_S",
    "Bools",
    "Commodity",
    "Float64s",
    "Flow",
    "Int16s",
    "Int32s",
    "Int64s",
    "Kind",
    "Note",
    "Parsed",
    "ReadingBatch",
    "RegisterReads",
    "Reject",
    "SeriesKey",
    "UInt8s",
]

Int64s = NDArray[np.int64]
Int32s = NDArray[np.int32]
Int16s = NDArray[np.int16]
UInt8s = NDArray[np.uint8]
Float64s = NDArray[np.float64]
Bools = NDArray[np.bool_]

DAY_S = 86_400


class Commodity(StrEnum):
    ELECTRICITY = "electricity"
    GAS = "gas"
    WATER = "water"
    HEAT = "heat"


class Flow(StrEnum):
    """Direction, seen from the customer's side of the meter: `delivered` goes to the customer."""

    DELIVERED = "delivered"
    RECEIVED = "received"
    NET = "net"
    TOTAL = "total"


class Kind(StrEnum):
    ENERGY = "energy"
    VOLUME = "volume"
    POWER = "power"
    DEMAND = "demand"
    REACTIVE_ENERGY = "reactive_energy"
    APPARENT_ENERGY = "apparent_energy"
    REACTIVE_POWER = "reactive_power"
    APPARENT_POWER = "apparent_power"
    VOLTAGE = "voltage"
    CURRENT = "current"
    TEMPERATURE = "temperature"
    PRESSURE = "pressure"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class SeriesKey:
    """What identifies one series of a meter.

    interval_s  seconds of one interval; divides 86,400. 86,400 itself means one local calendar day (23 to 25 hours).
    channel     what the source tells two otherwise equal series apart by (a NEM suffix, an ESPI reading id); "" if none
    """

    meter_id: str
    commodity: Commodity
    flow: Flow
    kind: Kind
    unit: str
    interval_s: int
    channel: str = ""


@dataclass(slots=True)
class ReadingBatch:
    """Readings of many series in any order; every column has one entry a reading.

    index   position in `series`
    start   start of the interval, epoch seconds UTC (a local day: its midnight as UTC)
    value   in the series' unit; NaN = the source says that it is missing
    quality `metering.quality.Quality`
    row     1-based line number in the source, for complaints
    source_code  position in `source_labels` of the source's own quality text, -1 = it says no more than `quality`
    """

    series: list[SeriesKey]
    index: Int32s
    start: Int64s
    value: Float64s
    quality: UInt8s
    row: Int64s
    source_labels: list[str] = field(default_factory=list)
    source_code: Int16s | None = None

    def __len__(self) -> int:
        return len(self.start)


@dataclass(slots=True)
class RegisterReads:
    """Index reads of registers (`at` an instant); `series[i].interval_s` is 0."""

    series: list[SeriesKey]
    index: Int32s
    at: Int64s
    value: Float64s
    quality: UInt8s
    row: Int64s

    def __len__(self) -> int:
        return len(self.at)


@dataclass(slots=True)
class Parsed:
    """One step of an importer's stream; `told` is what the source says besides readings."""

    readings: ReadingBatch | None = None
    registers: RegisterReads | None = None
    rejects: Sequence[Reject] = ()
    notes: Sequence[Note] = ()
    told: Sequence[Told] = ()
