from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energygrid.flexibility.events.lifecycle import CHANGEABLE, Signal, Status, effective, next_tick, step

START = datetime(2026, 1, 15, 17, tzinfo=UTC)
END = START + timedelta(hours=1)


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("signal", Signal)
def test_only_the_steps_of_the_contract_are_legal(status: Status, signal: Signal) -> None:
    """1.5: DRAFT -> SCHEDULED -> STARTED -> ENDED; SCHEDULED|STARTED -> CANCELLED."""
    legal = {
        ("DRAFT", "schedule"): "SCHEDULED",
        ("SCHEDULED", "start"): "STARTED",
        ("STARTED", "end"): "ENDED",
        ("SCHEDULED", "cancel"): "CANCELLED",
        ("STARTED", "cancel"): "CANCELLED",
    }
    assert step(status, signal) == legal.get((status.value, signal.value))


def test_times_are_immutable_once_started() -> None:
    for status in (Status.STARTED, Status.ENDED, Status.CANCELLED):
        assert not CHANGEABLE[status] & {"starts_at", "ends_at"}


@given(st.sampled_from(Status), st.integers(-7200, 7200))
def test_the_status_by_the_clock_is_where_its_ticks_lead(status: Status, seconds: int) -> None:
    at = START + timedelta(seconds=seconds)
    now = effective(status, START, END, at)
    tick = next_tick(now, START, END)
    assert tick is None or tick.at > at
    assert effective(now, START, END, at) is now
    if status in {Status.DRAFT, Status.CANCELLED, Status.ENDED}:
        assert now is status
