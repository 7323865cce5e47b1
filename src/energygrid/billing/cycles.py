"""Billing cycles: when the meters of a cycle are read and billed, and what looks wrong in a schedule.

Source: contracts/powerbox.md 1.7, 1.13 P-6 and C30.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Literal

MONTHLY_DAYS = range(25, 36)
BIMONTHLY_DAYS = range(55, 67)


@dataclass(frozen=True, slots=True)
class Period:
    """Local days [start, end)."""

    period_id: str
    start: date
    end: date

    @property
    def last_day(self) -> date:
        return date.fromordinal(self.end.toordinal() - 1)

    @property
    def days(self) -> int:
        return (self.end - self.start).days

    @property
    def billing_year(self) -> int:
        """The year in which the period ends: twelve monthly periods make one."""
        return self.last_day.year


@dataclass(frozen=True, slots=True)
class Cycle:
    """`periods` in order of time."""

    cycle_id: str
    name: str
    is_bimonthly: bool
    periods: tuple[Period, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    severity: Literal["error", "warning"]
    code: str
    period_id: str
    message: str


def check(periods: Sequence[Period], *, is_bimonthly: bool) -> list[Finding]:
    """What is wrong with a schedule, in order of time; an error refuses it, a warning does not."""
    found = [
        Finding("error", "PERIOD_ENDS_BEFORE_START", each.period_id, f"ends on {each.last_day}, before its start")
        for each in periods
        if each.days < 1
    ]
    if found:
        return found
    usual = BIMONTHLY_DAYS if is_bimonthly else MONTHLY_DAYS
    ordered = sorted(periods, key=lambda each: each.start)
    for before, after in pairwise(ordered):
        if after.start < before.end:
            message = f"starts on {after.start}, within period {before.period_id}"
            found.append(Finding("error", "PERIODS_OVERLAP", after.period_id, message))
        elif after.start > before.end:
            message = f"starts on {after.start}; period {before.period_id} ended on {before.last_day}"
            found.append(Finding("warning", "PERIODS_NOT_CONTIGUOUS", after.period_id, message))
    for each in ordered:
        if each.days not in usual:
            message = f"has {each.days} days instead of {usual.start} to {usual.stop - 1}"
            found.append(Finding("warning", "UNUSUAL_LENGTH", each.period_id, message))
    return found
