"""GCRA in one process."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energygrid.errors import Throttled
from energygrid.surfaces.common.rate_limit import RateLimits


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def passes(limits: RateLimits, per_second: float, key: str = "k", burst: int | None = None) -> bool:
    try:
        limits.require(key, per_second, burst=burst)
    except Throttled:
        return False
    return True


def test_a_burst_passes_and_then_the_rate_holds() -> None:
    clock = Clock()
    limits = RateLimits(clock)
    assert [passes(limits, 5) for _ in range(6)] == [True] * 5 + [False]
    clock.now += 0.2
    assert [passes(limits, 5) for _ in range(2)] == [True, False]
    assert passes(limits, 5, "another key")


def test_a_refusal_tells_when_to_come_again() -> None:
    clock = Clock()
    limits = RateLimits(clock)
    limits.require("k", 0.1, burst=1)
    with pytest.raises(Throttled) as caught:
        limits.require("k", 0.1, burst=1)
    assert caught.value.retry_after == 10
    clock.now += caught.value.retry_after
    limits.require("k", 0.1, burst=1)


@given(st.lists(st.floats(0, 2), max_size=200), st.integers(1, 20))
def test_no_span_lets_more_through_than_burst_and_rate(waits: list[float], per_second: int) -> None:
    clock = Clock()
    limits = RateLimits(clock)
    passed = []
    for wait in waits:
        clock.now += wait
        if passes(limits, per_second):
            passed.append(clock.now)
    for first in range(len(passed)):
        for last in range(first, len(passed)):
            allowed = per_second + (passed[last] - passed[first]) * per_second
            assert last - first + 1 <= allowed + 1e-6
