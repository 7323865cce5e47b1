"""Each transition happens once, in its order, whatever happens to the jobs that make it."""

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from tests.flexibility.events.conftest import NOW, Stage

from energygrid.access import tenants
from energygrid.access.audit import SYSTEM
from energygrid.access.caller import Tenant
from energygrid.database.engine import Database
from energygrid.flexibility.events import clock, events
from energygrid.flexibility.events.event import Event
from energygrid.flexibility.events.lifecycle import StatsState, Status
from energygrid.flexibility.events.queries import events as queries

HOUR = timedelta(hours=1)
COURSE = ["EVENT.SCHEDULED", "EVENT.STARTED", "EVENT.ENDED"]
FIGURES = ["EVENT.BASELINES_READY", "EVENT.STATS_CALCULATION_STARTED", "EVENT.STATS_READY"]


def _scheduled(stage: Stage, **members: Any) -> Event:
    portfolio = stage.portfolio()
    stage.assets(1, portfolio=portfolio)
    return stage.event(portfolio, **members)


def _course(stage: Stage, event: Event) -> list[str]:
    return [each for each in stage.told(event.uuid) if each in COURSE]


def _foreseen(stage: Stage) -> list[float]:
    """Hours after NOW for which jobs that advance events are enqueued."""
    query = "SELECT scheduled_at FROM procrastinate_jobs WHERE task_name = :task AND args->>'tenant_id' = :tenant"
    rows = stage.db.execute(text(query + " ORDER BY id"), {"task": clock.ADVANCE, "tenant": str(stage.tenant.id)})
    return [(row.scheduled_at - NOW) / HOUR for row in rows]


def test_nothing_happens_before_its_time(stage: Stage) -> None:
    event = _scheduled(stage)
    early = clock.advance(stage.db, stage.tenant, event.uuid, event.starts_at - timedelta(seconds=1))
    assert early == event


def test_an_event_starts_and_ends_at_its_own_times_however_late_the_job(stage: Stage) -> None:
    event = _scheduled(stage)
    started = clock.advance(stage.db, stage.tenant, event.uuid, event.starts_at)
    assert started is not None
    assert (started.status, started.stats_state) == (Status.STARTED, StatsState.NONE)
    ended = clock.advance(stage.db, stage.tenant, event.uuid, event.ends_at + 9 * HOUR)
    assert ended is not None
    assert (ended.status, ended.stats_state) == (Status.ENDED, StatsState.PENDING)
    assert queries.transitions(stage.db, stage.tenant.id, event.uuid) == {
        "SCHEDULED": NOW,
        "STARTED": event.starts_at,
        "ENDED": event.ends_at,
    }


def test_a_night_switched_off_is_caught_up_with_in_order(stage: Stage) -> None:
    event = _scheduled(stage)
    assert clock.sweep(stage.db, NOW + 20 * HOUR) == 1
    clock.advance(stage.db, stage.tenant, event.uuid, NOW + 20 * HOUR)
    assert _course(stage, event) == COURSE
    assert clock.sweep(stage.db, NOW + 20 * HOUR) == 0


def test_each_transition_has_a_job_of_its_own_time(stage: Stage) -> None:
    event = _scheduled(stage)
    assert _foreseen(stage) == [5]
    clock.advance(stage.db, stage.tenant, event.uuid, event.starts_at)
    assert _foreseen(stage) == [5, 6]
    clock.advance(stage.db, stage.tenant, event.uuid, event.ends_at)
    assert _foreseen(stage) == [5, 6]


def test_a_moved_event_is_advanced_at_its_new_time_and_not_at_its_old(stage: Stage) -> None:
    event = _scheduled(stage)
    later = {"starts_at": event.starts_at + HOUR, "ends_at": event.ends_at + HOUR}
    events.change(stage.db, stage.tenant, event.uuid, later, who=SYSTEM, now=NOW)
    assert _foreseen(stage) == [5, 6]
    same = clock.advance(stage.db, stage.tenant, event.uuid, event.starts_at)
    assert same is not None
    assert same.status is Status.SCHEDULED


def test_a_clock_that_jumps_brings_everything_forward(stage: Stage) -> None:
    event = _scheduled(stage)
    tenants.advance_clock(stage.db, stage.tenant, 2 * HOUR, who=SYSTEM, now=NOW)
    clock.wake(stage.db, stage.tenant, NOW)
    assert _foreseen(stage) == [5, 3]
    tenants.advance_clock(stage.db, stage.tenant, 3 * HOUR, who=SYSTEM, now=NOW)
    clock.wake(stage.db, stage.tenant, NOW)
    assert _foreseen(stage) == [5, 3, 0]
    started = clock.advance(stage.db, stage.tenant, event.uuid, NOW)
    assert started is not None
    assert started.status is Status.STARTED


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(looks=st.lists(st.integers(-2, 12), max_size=8), lost=st.sets(st.integers(0, 7)))
def test_whenever_jobs_run_and_whichever_die_each_transition_is_told_once(
    stage: Stage, looks: list[int], lost: set[int]
) -> None:
    """`looks` are hours after NOW at which a job runs, in any order; those in `lost` die before they commit."""
    with stage.db.begin_nested() as example:
        event = _scheduled(stage)
        for turn, hour in enumerate(looks):
            attempt = stage.db.begin_nested()
            clock.advance(stage.db, stage.tenant, event.uuid, NOW + hour * HOUR)
            attempt.rollback() if turn in lost else attempt.commit()
        survived = [hour for turn, hour in enumerate(looks) if turn not in lost]
        reached = max(survived, default=0)
        assert _course(stage, event) == COURSE[: 1 + (reached >= 5) + (reached >= 6)]
        example.rollback()


@pytest.fixture
def committed(database: Database, committed_tenant: Tenant) -> Callable[[], Event]:
    """Commits an event that was due half an hour ago and is over; its tenant is `committed_tenant`."""

    def make() -> Event:
        now = datetime.now(UTC)
        start = now.replace(minute=0, second=0, microsecond=0) - 2 * HOUR
        with database.transaction() as db:
            times = {"starts_at": start, "ends_at": start + HOUR}
            return _scheduled(Stage(db, committed_tenant), now=start - HOUR, **times)

    return make


def _told(database: Database, tenant: Tenant, event: Event) -> list[str]:
    return database.read(lambda db: _course(Stage(db, tenant), event))


def test_workers_that_come_at_once_make_one_transition_each(
    database: Database, committed_tenant: Tenant, committed: Callable[[], Event]
) -> None:
    event = committed()
    together = threading.Barrier(8)

    def work() -> None:
        together.wait()
        database.write(clock.advance, committed_tenant, event.uuid, datetime.now(UTC))

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert _told(database, committed_tenant, event) == COURSE


def test_a_worker_finds_what_became_due_while_none_ran(
    database: Database,
    committed_tenant: Tenant,
    committed: Callable[[], Event],
    run_jobs: Callable[[], None],
    failed_jobs: Callable[[], Sequence[str]],
) -> None:
    """The job was there at its time; with it lost, the sweep sees to it."""
    event, lost = committed(), committed()
    with database.transaction() as db:
        args = {"uuid": str(lost.uuid), "task": clock.ADVANCE}
        query = "DELETE FROM procrastinate_jobs WHERE args->>'event_uuid' = :uuid AND task_name = :task"
        assert db.execute(text(query), args).rowcount == 1
    database.write(clock.sweep, datetime.now(UTC))
    run_jobs()
    assert _told(database, committed_tenant, event) == COURSE
    assert _told(database, committed_tenant, lost) == COURSE
    told = database.read(lambda db: Stage(db, committed_tenant).told(lost.uuid))
    assert sorted(each for each in told if each in FIGURES) == sorted(FIGURES)
    assert failed_jobs() == []
