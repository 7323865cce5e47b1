"""When a delivery is tried again, and what an answer means.

Sources: contracts/powerbox.md 5.7, contracts/flexibility.md 1.8.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Plan:
    """How a surface tries.

    waits    wait before each attempt, the first included; there are no more attempts than that
    timeout  of one attempt
    excerpt  how much of an answer is kept [characters]
    pause    how long nothing at all is sent to an endpoint that does not answer; doubles up to `longest_pause`
    """

    waits: tuple[timedelta, ...]
    timeout: timedelta
    excerpt: int
    pause: timedelta = timedelta(seconds=5)
    longest_pause: timedelta = timedelta(minutes=5)


def _plan(timeout_s: int, excerpt: int, *waits_s: int) -> Plan:
    return Plan(tuple(timedelta(seconds=wait) for wait in waits_s), timedelta(seconds=timeout_s), excerpt)


_HOUR = 3600
STANDARD = _plan(20, 256, 0, 5, 300, 1800, 2 * _HOUR, 5 * _HOUR, 10 * _HOUR, 14 * _HOUR, 20 * _HOUR, 24 * _HOUR)
"""Ten attempts over some 75.6 hours."""
FLEX = _plan(10, 2048, 0, 10, 60, 300, 1800, 2 * _HOUR, 6 * _HOUR, 24 * _HOUR, 24 * _HOUR, 24 * _HOUR)
"""Ten attempts over some 80.6 hours: the last wait comes again until three days are over."""

JITTER = 0.1
"""A wait is stretched by up to this share, so that receivers that failed together are not called together."""

LONGEST_RETRY_AFTER = timedelta(hours=24)


class Outcome(StrEnum):
    """What one attempt came to; the first is the only success. A sandbox may drop a message by itself."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    REDIRECTED = "redirected"
    GONE = "gone"
    THROTTLED = "throttled"
    DROPPED = "dropped"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    FORBIDDEN = "forbidden"


_SILENT = frozenset({Outcome.UNREACHABLE, Outcome.TIMED_OUT})


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back from the receiver.

    status       HTTP status, None when no answer came
    retry_after  what the receiver asked for, if it did
    excerpt      the start of the answer, or the reason why there is none
    """

    status: int | None
    milliseconds: int
    excerpt: str
    failure: Outcome | None = None
    retry_after: timedelta | None = None

    @property
    def outcome(self) -> Outcome:
        if self.failure is not None:
            return self.failure
        match self.status:
            case 410:
                return Outcome.GONE
            case 429 | 502 | 503 | 504:
                return Outcome.THROTTLED
            case int() as status if 200 <= status < 300:
                return Outcome.DELIVERED
            case int() as status if 300 <= status < 400:
                return Outcome.REDIRECTED
        return Outcome.REFUSED


def wait_before(plan: Plan, attempt: int, answer: Answer, stretch: float) -> timedelta | None:
    """Wait before attempt number `attempt` (0 is the first), None when there is no such attempt.

    stretch  a random number in [0, 1)
    """
    if attempt >= len(plan.waits):
        return None
    planned = plan.waits[attempt] * (1 + JITTER * stretch)
    return max(planned, min(answer.retry_after or timedelta(), LONGEST_RETRY_AFTER))


def breather(plan: Plan, answer: Answer, failures: int, *, reached: bool = False) -> timedelta | None:
    """How long nothing at all is sent to the endpoint after this answer, None when that makes no difference.

    An endpoint that asks for less, or does not answer, is not called for every waiting event in turn.
    failures  attempts since the last success, this one included
    reached   another message arrived at the same time: a single lost connection says nothing then
    """
    if answer.retry_after is not None and answer.outcome is Outcome.THROTTLED:
        return min(answer.retry_after, LONGEST_RETRY_AFTER)
    if answer.outcome is Outcome.THROTTLED or (answer.outcome in _SILENT and not reached):
        return min(plan.pause * (1 << min(max(failures - 1, 0), 10)), plan.longest_pause)
    return None
