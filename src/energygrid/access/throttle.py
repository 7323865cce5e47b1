"""Limits that hold across processes and restarts: a GCRA bucket a row.

The generic cell rate algorithm keeps one instant, the theoretical arrival time: an empty bucket lies in the past, a
full one `burst` intervals ahead. There is no counter to reset, no window to double at its edge, nothing to clean up in
time. Source: ITU-T I.371 annex A; figures from contracts/powerbox.md 5.6.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from energygrid.access import queries
from energygrid.errors import Throttled


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` at once, and as many again in each `window`."""

    burst: int
    window: timedelta

    @property
    def interval(self) -> timedelta:
        return self.window / self.burst


@dataclass(frozen=True, slots=True)
class FailureRule:
    """The `count`-th failure within `window` locks for `lock`."""

    count: int
    window: timedelta
    lock: timedelta


def take(db: Connection, key: str, rate: Rate, now: datetime) -> int:
    """Count one use of `key`; the seconds to wait when it came too early, else 0."""
    tolerance = rate.interval * (rate.burst - 1)
    if queries.advance_throttle(db, key, interval=rate.interval, tolerance=tolerance, now=now):
        return 0
    row = queries.throttle_row(db, key)
    return 1 if row is None else _seconds(row.tat - tolerance - now)


def require_unlocked(db: Connection, key: str, now: datetime) -> None:
    """Raises Throttled("LOCKED") while `key` is locked."""
    row = queries.throttle_row(db, key)
    if row is not None and row.locked_until > now:
        raise Throttled("LOCKED", "too many failures; try again later", retry_after=_seconds(row.locked_until - now))


def fail(db: Connection, key: str, rule: FailureRule, now: datetime) -> int:
    """Count one failure of `key`; how many are left before it locks (0: it is locked now).

    The transaction must commit although what it was part of failed. Raises Throttled("LOCKED") when it was locked
    already, by another transaction perhaps that came first.
    """
    interval = rule.window / rule.count
    row = queries.add_failure(
        db, key, interval=interval, locks_after=interval * (rule.count - 1), lock=rule.lock, now=now
    )
    if row is None:
        require_unlocked(db, key, now)
        return 0
    if row.locked_until > now:
        return 0
    used: timedelta = row.tat - now
    return max(rule.count - math.ceil(used / interval), 0)


def forgive(db: Connection, key: str) -> None:
    """Forget the failures of `key`."""
    queries.delete_throttle(db, key)


def _seconds(wait: timedelta) -> int:
    return max(math.ceil(wait.total_seconds()), 1)
