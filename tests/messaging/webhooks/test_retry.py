"""Waits and outcomes of contracts/powerbox.md 5.7 and contracts/flexibility.md 1.8."""

from datetime import UTC, datetime, timedelta

import pytest

from energygrid.messaging.webhooks.posting import read_retry_after
from energygrid.messaging.webhooks.retry import FLEX, STANDARD, Answer, Outcome, breather, wait_before


def answer(status: int | None, after: float | None = None) -> Answer:
    return Answer(status, 5, "", retry_after=None if after is None else timedelta(seconds=after))


def test_ten_attempts_over_some_seventy_five_hours() -> None:
    assert len(STANDARD.waits) == 10
    assert sum(STANDARD.waits, timedelta()) == timedelta(hours=75, minutes=35, seconds=5)


def test_flexibility_tries_as_its_contract_says_and_goes_on_until_three_days_are_over() -> None:
    seconds = [wait.total_seconds() for wait in FLEX.waits]
    assert seconds[:8] == [0, 10, 60, 300, 1800, 7200, 21_600, 86_400]
    assert sum(seconds[:-1]) < 3 * 86_400 < sum(seconds)
    assert FLEX.timeout == timedelta(seconds=10)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome.DELIVERED),
        (204, Outcome.DELIVERED),
        (301, Outcome.REDIRECTED),
        (307, Outcome.REDIRECTED),
        (400, Outcome.REFUSED),
        (410, Outcome.GONE),
        (429, Outcome.THROTTLED),
        (500, Outcome.REFUSED),
        (502, Outcome.THROTTLED),
        (503, Outcome.THROTTLED),
        (504, Outcome.THROTTLED),
    ],
)
def test_what_a_status_means(status: int, outcome: Outcome) -> None:
    assert answer(status).outcome is outcome


def test_jitter_only_stretches() -> None:
    assert wait_before(STANDARD, 2, answer(500), 0.0) == timedelta(minutes=5)
    assert wait_before(STANDARD, 2, answer(500), 0.5) == timedelta(minutes=5, seconds=15)


def test_after_the_last_attempt_there_is_none() -> None:
    assert wait_before(STANDARD, 9, answer(500), 0.0) == timedelta(hours=24)
    assert wait_before(STANDARD, 10, answer(500), 0.0) is None


def test_retry_after_lengthens_a_wait_but_not_beyond_a_day() -> None:
    assert wait_before(STANDARD, 1, answer(429, after=60), 0.0) == timedelta(seconds=60)
    assert wait_before(STANDARD, 2, answer(429, after=60), 0.0) == timedelta(minutes=5)
    assert wait_before(STANDARD, 1, answer(429, after=10**7), 0.0) == timedelta(hours=24)


def test_an_endpoint_that_does_not_answer_is_left_alone_longer_each_time() -> None:
    silent = Answer(None, 20_000, "", Outcome.TIMED_OUT)
    pauses = [breather(STANDARD, silent, failures) for failures in (1, 2, 3, 50)]
    assert pauses == [timedelta(seconds=s) for s in (5, 10, 20, 300)]
    assert breather(STANDARD, answer(500), 3) is None
    assert breather(STANDARD, silent, 1, reached=True) is None
    assert breather(STANDARD, answer(429), 1, reached=True) == timedelta(seconds=5)


def test_retry_after_is_seconds_or_a_date() -> None:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert read_retry_after("120", now) == timedelta(minutes=2)
    assert read_retry_after("Sun, 01 Mar 2026 12:00:30 GMT", now) == timedelta(seconds=30)
    assert read_retry_after("Sun, 01 Mar 2026 11:00:00 GMT", now) == timedelta()
    for nonsense in (None, "", "soon", "-5", "٣"):
        assert read_retry_after(nonsense, now) is None
