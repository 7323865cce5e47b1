"""One scale of quality for every source, and how each source's own marks fall on it (powerbox.md 4.7).

The scale is for rules and charts. It loses what only the source says ("substituted by method 14"), therefore importers
keep the source's text beside it as a label.
"""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import TypeVar

K = TypeVar("K", str, int)


class Quality(IntEnum):
    """How far a value can be trusted; stored as one byte."""

    MISSING = 0
    ACTUAL = 1
    ESTIMATED = 2
    SUBSTITUTED = 3
    SUSPECT = 4
    RAW = 5
    UNKNOWN = 6


def _table(entries: dict[K, Quality]) -> Mapping[K, Quality]:
    return MappingProxyType(entries)


NEM_FLAGS = _table(
    {
        "A": Quality.ACTUAL,
        "E": Quality.ESTIMATED,
        "S": Quality.SUBSTITUTED,
        "F": Quality.SUBSTITUTED,
        "N": Quality.MISSING,
    }
)
"""First letter of a NEM12 or NEM13 quality method. V (variable) is not a quality: 400 records say it per interval."""

USAGE_CSV_LETTERS = NEM_FLAGS
"""The Quality column of the usage CSV takes the same five letters (powerbox.md 1.13 P-5)."""

CMEP_LETTERS = _table({"R": Quality.ACTUAL, "A": Quality.ACTUAL, "E": Quality.ESTIMATED, "N": Quality.MISSING})
"""First letter of a CMEP data quality flag; the number behind it is a bit field of the sender (powerbox.md 4.3)."""

ESPI_CODES = _table(
    {
        0: Quality.ACTUAL,
        7: Quality.SUBSTITUTED,
        8: Quality.ESTIMATED,
        9: Quality.ESTIMATED,
        10: Quality.SUSPECT,
        11: Quality.SUBSTITUTED,
        12: Quality.ESTIMATED,
        14: Quality.RAW,
        17: Quality.ACTUAL,
        18: Quality.SUSPECT,
        19: Quality.ACTUAL,
    }
)
"""ESPI QualityOfReading. 13 (mixed), 15 (weather-normalised) and 16 (other) say nothing that the scale knows."""

_WORST_FIRST = (
    Quality.MISSING,
    Quality.SUSPECT,
    Quality.ESTIMATED,
    Quality.SUBSTITUTED,
    Quality.UNKNOWN,
    Quality.RAW,
    Quality.ACTUAL,
)


def worst(qualities: list[Quality]) -> Quality:
    """The one to believe when a source gives several marks for one value; UNKNOWN when it gives none."""
    return min(qualities, key=_WORST_FIRST.index, default=Quality.UNKNOWN)
