"""The life of an event: which state follows which, and what may be changed in each.

Source: contracts/flexibility.md 1.5. STARTED and ENDED are the clock's words, never a request's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Status(StrEnum):
    DRAFT = "DRAFT"
    SCHEDULED = "SCHEDULED"
    STARTED = "STARTED"
    ENDED = "ENDED"
    CANCELLED = "CANCELLED"


class Signal(StrEnum):
    SCHEDULE = "schedule"
    START = "start"
    END = "end"
    CANCEL = "cancel"


class StatsState(StrEnum):
    """Of an event that has not ended: NONE."""

    NONE = "NONE"
    PENDING = "PENDING"
    CALCULATING = "CALCULATING"
    READY = "READY"


TRANSITIONS: Final[Mapping[tuple[Status, Signal], Status]] = MappingProxyType(
    {
        (Status.DRAFT, Signal.SCHEDULE): Status.SCHEDULED,
        (Status.SCHEDULED, Signal.START): Status.STARTED,
        (Status.SCHEDULED, Signal.CANCEL): Status.CANCELLED,
        (Status.STARTED, Signal.END): Status.ENDED,
        (Status.STARTED, Signal.CANCEL): Status.CANCELLED,
    }
)

STATS_FOLLOW: Final[Mapping[StatsState, frozenset[StatsState]]] = MappingProxyType(
    {
        StatsState.NONE: frozenset({StatsState.PENDING}),
        StatsState.PENDING: frozenset({StatsState.CALCULATING}),
        StatsState.CALCULATING: frozenset({StatsState.READY}),
        StatsState.READY: frozenset({StatsState.CALCULATING}),
    }
)
"""Late data lead from READY back to CALCULATING, and to READY again with a higher revision."""

_ABOUT = frozenset({"name", "incentive", "incentive_type", "currency", "terms"})
_TIMES = frozenset({"starts_at", "ends_at"})
_WHO = frozenset({"type", "scheme_uuid", "opt_in_required", "eligibility"})

CHANGEABLE: Final[Mapping[Status, frozenset[str]]] = MappingProxyType(
    {
        Status.DRAFT: _ABOUT | _TIMES | _WHO,
        Status.SCHEDULED: _ABOUT | _TIMES,
        Status.STARTED: frozenset({"name"}),
        Status.ENDED: frozenset(),
        Status.CANCELLED: frozenset(),
    }
)
"""Members that may be changed. Who takes part is settled when an event is scheduled, times when it starts."""


def step(status: Status, signal: Signal) -> Status | None:
    """The status after `signal`, or None when the signal is not legal there and changes nothing."""
    return TRANSITIONS.get((status, signal))


@dataclass(frozen=True, slots=True)
class Tick:
    """A transition that the clock brings, at the instant it belongs to."""

    signal: Signal
    at: datetime


def next_tick(status: Status, starts_at: datetime, ends_at: datetime) -> Tick | None:
    """What the clock has still to say first, due or not."""
    if status is Status.SCHEDULED:
        return Tick(Signal.START, starts_at)
    if status is Status.STARTED:
        return Tick(Signal.END, ends_at)
    return None


def effective(status: Status, starts_at: datetime, ends_at: datetime, at: datetime) -> Status:
    """The status that an event has at `at` by its times, however late the clock's jobs run: what requests go by."""
    while (tick := next_tick(status, starts_at, ends_at)) is not None and tick.at <= at:
        status = TRANSITIONS[status, tick.signal]
    return status
