"""`worker`: a process for background jobs."""

import asyncio
import os
import signal
import threading
from contextlib import suppress
from typing import Annotated

import typer

from energygrid import logs
from energygrid.cli.common import Data, DatabaseUrl, settings_from
from energygrid.cli.processes import collect_seldom, end_after, stop
from energygrid.database.migrate import require_complete
from energygrid.jobs.app import JobContext, run_worker
from energygrid.services import open_services


def worker(
    data: Data = None,
    database_url: DatabaseUrl = None,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Jobs at the same time.")] = 4,
    with_parent: Annotated[bool, typer.Option("--with-parent", hidden=True)] = False,
) -> None:
    """Run background jobs: any number of these, on any number of machines."""
    settings = settings_from(data, database_url)
    logs.configure(settings)
    signal.signal(signal.SIGTERM, stop)
    with suppress(KeyboardInterrupt, asyncio.CancelledError), open_services(settings) as services:
        require_complete(services.database)
        if with_parent:  # only now: who has joined the database also stops it when everybody else is gone
            threading.Thread(target=end_after, args=(_parents_death,), daemon=True).start()
        collect_seldom()
        asyncio.run(run_worker(JobContext(services.database, settings, services.vault), concurrency=concurrency))


def _parents_death() -> None:
    """Standard input is a pipe from the parent, which closes when the parent dies."""
    while os.read(0, 1):
        pass
