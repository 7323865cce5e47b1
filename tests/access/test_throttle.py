"""The GCRA buckets: laws of the algorithm, and the published figures of contracts/powerbox.md 5.6."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from energygrid.access import housekeeping, queries, throttle
from energygrid.access.settings import AccessSettings
from energygrid.access.throttle import FailureRule, Rate
from energygrid.access.vault import Vault
from energygrid.database.engine import Database
from energygrid.errors import Throttled

from .conftest import NOW

TEN_A_MINUTE = Rate(10, timedelta(minutes=1))
FIVE_FAILURES = FailureRule(5, timedelta(minutes=15), timedelta(minutes=15))


def after(seconds: float):
    return NOW + timedelta(seconds=seconds)


def test_ten_at_once_and_then_one_every_six_seconds(db: Connection):
    assert [throttle.take(db, "k", TEN_A_MINUTE, NOW) for _ in range(12)] == [0] * 10 + [6, 6]
    assert throttle.take(db, "k", TEN_A_MINUTE, after(5)) == 1
    assert throttle.take(db, "k", TEN_A_MINUTE, after(6)) == 0
    assert throttle.take(db, "k", TEN_A_MINUTE, after(6)) == 6
    assert [throttle.take(db, "k", TEN_A_MINUTE, after(600)) for _ in range(11)] == [0] * 10 + [6]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.floats(0, 20), max_size=60), st.integers(1, 12), st.integers(1, 30))
def test_no_span_holds_more_than_the_burst_and_the_rate_allow(db, waits: list[float], burst: int, window: int):
    rate = Rate(burst, timedelta(seconds=window))
    throttle.forgive(db, "law")
    at, taken = 0.0, []
    for wait in waits:
        at += wait
        if throttle.take(db, "law", rate, after(at)) == 0:
            taken.append(at)
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            span = taken[last] - taken[first]
            assert last - first + 1 <= burst + span * burst / window + 1e-3


def test_who_waits_as_long_as_told_is_let_in(db: Connection):
    rate = Rate(3, timedelta(seconds=10))
    at = 0.0
    for _ in range(20):
        wait = throttle.take(db, "k", rate, after(at))
        if wait:
            at += wait
            assert throttle.take(db, "k", rate, after(at)) == 0


def test_the_fifth_failure_locks_for_fifteen_minutes(db: Connection):
    assert [throttle.fail(db, "k", FIVE_FAILURES, after(second)) for second in range(5)] == [4, 3, 2, 1, 0]
    with pytest.raises(Throttled) as caught:
        throttle.require_unlocked(db, "k", after(4))
    assert caught.value.retry_after == 900
    throttle.require_unlocked(db, "k", after(4 + 900))


def test_failures_far_apart_never_lock(db: Connection):
    for number in range(20):
        assert throttle.fail(db, "k", FIVE_FAILURES, after(number * 181)) > 0
        throttle.require_unlocked(db, "k", after(number * 181))


def test_one_failure_may_be_enough(db: Connection):
    assert throttle.fail(db, "k", FailureRule(1, timedelta(minutes=1), timedelta(minutes=1)), NOW) == 0
    with pytest.raises(Throttled):
        throttle.require_unlocked(db, "k", NOW)


def test_forgiven_failures_are_forgotten(db: Connection):
    for _ in range(5):
        throttle.fail(db, "k", FIVE_FAILURES, NOW)
    throttle.forgive(db, "k")
    throttle.require_unlocked(db, "k", NOW)
    assert throttle.fail(db, "k", FIVE_FAILURES, NOW) == 4


def test_parallel_takers_get_exactly_the_burst(database: Database):
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda _: database.write(throttle.take, "k", TEN_A_MINUTE, NOW), range(40)))
    assert waits.count(0) == 10


def test_idle_buckets_are_swept_and_live_ones_stay(db: Connection, vault: Vault):
    throttle.take(db, "idle", TEN_A_MINUTE, NOW - timedelta(days=2))
    throttle.fail(db, "locked", FailureRule(1, timedelta(minutes=1), timedelta(days=9)), NOW - timedelta(days=2))
    housekeeping.sweep(db, vault, AccessSettings(), now=NOW, issues_tokens=False)
    assert queries.throttle_row(db, "idle") is None
    assert queries.throttle_row(db, "locked") is not None
