import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from procrastinate.jobs import Job
from sqlalchemy import text

from energygrid.access.vault import Vault
from energygrid.database.embedded import EmbeddedServer
from energygrid.database.engine import Database, libpq_url
from energygrid.database.migrate import migrate
from energygrid.database.queue import defer
from energygrid.errors import Unavailable
from energygrid.jobs import app as jobs
from energygrid.jobs.app import JobContext, Patient, run_worker
from energygrid.settings import Settings


def _states(database: Database) -> list[str]:
    query = text("SELECT status FROM procrastinate_jobs WHERE task_name = 'messaging.fan_out' ORDER BY id")
    return list(database.read(lambda db: db.execute(query).scalars().all()))


def _interrupt_one(database: Database) -> None:
    """A job as a worker leaves it that was killed a moment ago."""
    database.write(defer, "messaging.fan_out", tenant_id=1)
    _begin_all(database)


def _begin_all(database: Database) -> None:
    begin = (
        "WITH worker AS (INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id)"
        " UPDATE procrastinate_jobs SET status = 'doing', worker_id = worker.id FROM worker WHERE status = 'todo'"
    )
    database.write(lambda db: db.execute(text(begin)) and None)


@contextmanager
def _at_work(database: Database, settings: Settings, vault: Vault) -> Iterator[None]:
    """A worker in a thread; it ends as on a signal."""
    started = threading.Event()
    loop = asyncio.new_event_loop()
    tasks: list[asyncio.Task[None]] = []

    async def work() -> None:
        context = JobContext(database, settings, vault)
        tasks.append(asyncio.create_task(run_worker(context, install_signal_handlers=False)))
        started.set()
        await asyncio.wait(tasks)

    thread = threading.Thread(target=loop.run_until_complete, args=(work(),))
    thread.start()
    assert started.wait(10)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(tasks[0].cancel)
        thread.join(30)
        loop.close()


def _wait_for(database: Database, states: list[str]) -> None:
    deadline = time.monotonic() + 20
    while _states(database) != states:
        assert time.monotonic() < deadline, _states(database)
        time.sleep(0.02)


def test_a_worker_whose_database_goes_away_goes_on_when_it_is_back(
    tmp_path: Path, settings: Settings, vault: Vault
) -> None:
    server = EmbeddedServer(tmp_path / "data")
    with server as url:
        database = Database(url, pool_size=2)
        migrate(database)
        with _at_work(database, settings, vault):
            database.write(defer, "messaging.fan_out", tenant_id=1)
            _wait_for(database, ["succeeded"])
            os.kill(server.pid, signal.SIGKILL)
            server.revive()
            database.write(defer, "messaging.fan_out", tenant_id=2)
            _wait_for(database, ["succeeded", "succeeded"])
        database.close()


def test_what_a_killed_worker_was_doing_is_done_by_the_next_at_once(
    database: Database, settings: Settings, vault: Vault
) -> None:
    _interrupt_one(database)
    with _at_work(database, settings, vault):
        _wait_for(database, ["succeeded"])


def test_an_interrupted_job_makes_way_for_the_one_that_waits_under_its_lock(
    database: Database, settings: Settings, vault: Vault
) -> None:
    """Of all that were interrupted under one queueing lock, one is left; the worker lives."""
    for _ in range(2):
        database.write(defer, "messaging.fan_out", queueing_lock="twins", tenant_id=1)
        _begin_all(database)
    database.write(defer, "messaging.fan_out", queueing_lock="twins", tenant_id=1)
    assert _states(database) == ["doing", "doing", "todo"]
    with _at_work(database, settings, vault):
        _wait_for(database, ["succeeded"])
    database.write(defer, "messaging.fan_out", queueing_lock="twins", tenant_id=1)
    _begin_all(database)
    database.write(defer, "messaging.fan_out", queueing_lock="twins", tenant_id=1)
    _begin_all(database)
    with _at_work(database, settings, vault):
        _wait_for(database, ["succeeded", "succeeded"])


def test_what_a_living_worker_is_doing_is_left_to_it(
    database: Database, settings: Settings, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_LOOKS", 1)
    _interrupt_one(database)
    with psycopg.connect(libpq_url(database.url)) as living:
        living.execute("SELECT pg_advisory_lock_shared(%s)", [0x456E6577])
        with _at_work(database, settings, vault):
            database.write(defer, "messaging.fan_out", tenant_id=2)
            _wait_for(database, ["doing", "succeeded"])


@pytest.mark.parametrize(("lock", "told"), [("lane", 1), (None, 0)])
def test_workers_are_told_when_a_lock_is_free(database: Database, lock: str | None, told: int) -> None:
    database.write(defer, "messaging.fan_out", tenant_id=1, lock=lock)
    with psycopg.connect(libpq_url(database.url), autocommit=True) as worker:
        worker.execute("UPDATE procrastinate_jobs SET status = 'doing'")
        worker.execute("LISTEN procrastinate_any_queue_v1")
        worker.execute("UPDATE procrastinate_jobs SET status = 'succeeded'")
        assert len(list(worker.notifies(timeout=0.2))) == told


def _job(attempts: int) -> Job:
    return Job(
        id=1, queue="q", lock=None, queueing_lock=None, task_name="t", priority=0, attempts=attempts, task_kwargs={}
    )


def test_a_fault_is_tried_a_few_times_and_what_does_not_answer_for_as_long_as_it_takes() -> None:
    patient = Patient(max_attempts=3, exponential_wait=2)
    assert patient.get_retry_decision(exception=ValueError(), job=_job(2)) is not None
    assert patient.get_retry_decision(exception=ValueError(), job=_job(3)) is None
    silent = Unavailable("HEAD_END_SILENT", "it does not answer", retry_after=5)
    late = patient.get_retry_decision(exception=silent, job=_job(30))
    assert late is not None
    assert late.retry_at is not None
    assert (late.retry_at - datetime.now(UTC)).total_seconds() <= 600
