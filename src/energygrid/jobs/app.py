"""The Procrastinate application, and what its tasks work with.

Tasks are thin edges like endpoints: they open the transaction and call one use case.
"""

from dataclasses import dataclass

import procrastinate
from procrastinate import PsycopgConnector

from energygrid.access.vault import Vault
from energygrid.database.engine import Database, libpq_url
from energygrid.settings import Settings

TASK_MODULES = [
    "energygrid.jobs.access",
    "energygrid.jobs.customers",
    "energygrid.jobs.devices",
    "energygrid.jobs.billing",
    "energygrid.jobs.messaging",
    "energygrid.jobs.metering",
]

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


async def run_worker(
    job_context: JobContext,
    *,
    wait: bool = True,
    concurrency: int = 4,
    install_signal_handlers: bool = True,
) -> None:
    """Run jobs until stopped; with wait=False until no job is due."""
    connector = PsycopgConnector(conninfo=libpq_url(job_context.database.url), min_size=1, max_size=concurrency + 2)
    _context.append(job_context)
    try:
        with app.replace_connector(connector) as worker_app:
            async with worker_app.open_async():
                await worker_app.run_worker_async(
                    wait=wait,
                    concurrency=concurrency,
                    install_signal_handlers=install_signal_handlers,
                    listen_notify=wait,
                    fetch_job_polling_interval=5,
                    shutdown_graceful_timeout=20,
                )
    finally:
        _context.pop()
