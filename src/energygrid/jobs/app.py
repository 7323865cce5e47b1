"""The Procrastinate application, and what its tasks work with.

Tasks are thin edges like endpoints: they open the transaction and call one use case.
"""

import asyncio
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime

import procrastinate
import psycopg
import structlog
from procrastinate import PsycopgConnector, RetryDecision, RetryStrategy
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job

from energygrid.access.vault import Vault
from energygrid.database import workers
from energygrid.database.engine import Database, libpq_url
from energygrid.database.queue import defer
from energygrid.devices.gateways import dispatch
from energygrid.errors import Unavailable
from energygrid.messaging.webhooks import delivery
from energygrid.settings import Settings

TASK_MODULES = [
    "energygrid.jobs.access",
    "energygrid.jobs.customers",
    "energygrid.jobs.devices",
    "energygrid.jobs.billing",
    "energygrid.jobs.flexibility",
    "energygrid.jobs.greenbutton",
    "energygrid.jobs.messaging",
    "energygrid.jobs.metering",
]

_SWEEPS = ("devices.advance", "flexibility.sweep", "greenbutton.sweep", "messaging.sweep")
_AGAIN_S = 1.0
_POLL_S = 1.0
"""How late a job may begin that was enqueued for a later time."""
_LOOKS = 20
_LOOK_S = 0.05
_log = structlog.get_logger("energygrid.jobs")

app = procrastinate.App(connector=PsycopgConnector(), import_paths=TASK_MODULES)


@dataclass(frozen=True, slots=True)
class JobContext:
    database: Database
    settings: Settings
    vault: Vault


_context: list[JobContext] = []


def context() -> JobContext:
    """What this worker process works with; set once by `run_worker`."""
    return _context[-1]


class Patient(RetryStrategy):
    """A fault is tried again so many times; what does not answer is tried for as long as it takes."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if not isinstance(exception, Unavailable):
            return super().get_retry_decision(exception=exception, job=job)
        lost = exception.code == "DATABASE_UNAVAILABLE"
        return RetryDecision(retry_in={"seconds": 1 if lost else min(2 ** (job.attempts + 1), 600)})


async def run_worker(
    job_context: JobContext,
    *,
    wait: bool = True,
    concurrency: int = 4,
    install_signal_handlers: bool = True,
) -> None:
    """Run jobs until SIGINT or SIGTERM; with wait=False until no job is due.

    A worker whose database goes away begins anew when it answers again. Without signal handlers, cancel it.
    """
    _context.append(job_context)
    try:
        if not wait:
            await _work(job_context, concurrency, wait=False)
            return
        working = asyncio.create_task(_work_on(job_context, concurrency))
        with _ended_by_signals(working) if install_signal_handlers else nullcontext():
            await working
    finally:
        _context.pop()


async def _work_on(job_context: JobContext, concurrency: int) -> None:
    while True:
        try:
            await asyncio.to_thread(_take_over, job_context)
            await _work(job_context, concurrency, wait=True)
        except (ConnectorException, psycopg.OperationalError, Unavailable) as error:
            _log.warning("the worker has lost its database", error=str(error), again_in_s=_AGAIN_S)
        await asyncio.sleep(_AGAIN_S)


async def _work(job_context: JobContext, concurrency: int, *, wait: bool) -> None:
    """One life of a worker: it ends when cancelled, when nothing is due, or with its connections."""
    connector = PsycopgConnector(
        conninfo=libpq_url(job_context.database.url),
        min_size=1,
        max_size=concurrency + 2,
        configure=workers.mark_as_worker,
    )
    with app.replace_connector(connector) as worker_app:
        async with worker_app.open_async():
            await worker_app.run_worker_async(
                wait=wait,
                concurrency=concurrency,
                install_signal_handlers=False,
                listen_notify=wait,
                fetch_job_polling_interval=_POLL_S,
                shutdown_graceful_timeout=20,
            )


def _take_over(here: JobContext) -> None:
    """If no other worker lives, what the last one left unfinished is this one's, at once."""
    for _ in range(_LOOKS):
        now = datetime.now(UTC)
        with here.database.transaction() as db:
            if workers.requeue_orphans(db, now):
                dispatch.forget_leases(db)
                delivery.forget_leases(db)
                for sweep in _SWEEPS:
                    defer(db, sweep, queueing_lock=sweep, timestamp=int(now.timestamp()))
                return
        time.sleep(_LOOK_S)  # the connections of a worker that was killed just now take a moment to go


@contextmanager
def _ended_by_signals(task: asyncio.Task[None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        loop.add_signal_handler(number, task.cancel)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
