"""Findings: what a rule says about a stretch of a series. Values, never exceptions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from energygrid.metering.readings import Bools, Float64s, Int64s


class Rule(StrEnum):
    DUPLICATE = "V01"
    GAP = "V02"
    OFF_GRID = "V03"
    NEGATIVE = "V04"
    ZERO_RUN = "V05"
    STUCK = "V06"
    SPIKE = "V07"
    CAP = "V08"
    SUM_CHECK = "V09"
    HIGH_LOW = "V10"
    UNKNOWN_METER = "V11"
    MISMATCH = "V12"
    TIME = "V13"
    PROLONGED = "V14"
    GENERATION = "V15"
    CORRECTION = "CORRECTION"
    """Not a check: an actual value took the place of an estimate."""


class Severity(StrEnum):
    INFO = "info"
    WARN = "warn"
    ESTIMATE = "estimate"
    FAIL = "fail"
    REJECT = "reject"
    PARK = "park"
    ALERT = "alert"


SEVERITY = MappingProxyType(
    {
        Rule.DUPLICATE: Severity.WARN,
        Rule.GAP: Severity.ESTIMATE,
        Rule.OFF_GRID: Severity.REJECT,
        Rule.NEGATIVE: Severity.REJECT,
        Rule.ZERO_RUN: Severity.WARN,
        Rule.STUCK: Severity.WARN,
        Rule.SPIKE: Severity.FAIL,
        Rule.CAP: Severity.FAIL,
        Rule.SUM_CHECK: Severity.FAIL,
        Rule.HIGH_LOW: Severity.WARN,
        Rule.UNKNOWN_METER: Severity.PARK,
        Rule.MISMATCH: Severity.REJECT,
        Rule.TIME: Severity.REJECT,
        Rule.PROLONGED: Severity.ALERT,
        Rule.GENERATION: Severity.WARN,
        Rule.CORRECTION: Severity.INFO,
    }
)
"""Severity of each rule (powerbox.md 4.7). V01 is only INFO when the repeated value is the same."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule found in `[start, end)`.

    measured, limit  in the measure of the rule (docs/vee.md); None where it has none
    facts            what else a person needs to judge it; JSON
    """

    rule: Rule
    severity: Severity
    start: datetime
    end: datetime
    measured: float | None = None
    limit: float | None = None
    facts: Mapping[str, object] = field(default_factory=dict)


class Hits(NamedTuple):
    """Stretches `[low, high)` of positions in a series that a rule speaks of, with what it measured and allows."""

    low: Int64s
    high: Int64s
    measured: Float64s
    limit: Float64s


def runs(mask: Bools) -> tuple[Int64s, Int64s]:
    """Stretches `[low, high)` of True."""
    step = np.diff(mask.view(np.int8), prepend=np.int8(0), append=np.int8(0))
    return np.flatnonzero(step == 1), np.flatnonzero(step == -1)


def moment(instant: float) -> datetime:
    return datetime.fromtimestamp(int(instant), UTC)
