"""`serve`, `worker` and `migrate`: the processes of an installation."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from energygrid import logs
from energygrid import sandbox as fixtures
from energygrid.cli.common import Data, DatabaseUrl, console, open_command, settings_from
from energygrid.cli.sandbox import print_exports
from energygrid.database.migrate import migrate
from energygrid.jobs.app import JobContext, run_worker
from energygrid.services import open_services

_WORKER_STOP_S = 25


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
    data: Data = None,
    database_url: DatabaseUrl = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that answer requests.")] = 1,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Load fixtures and simulate devices.")] = False,
    jobs: Annotated[bool, typer.Option(help="Also run one process for background jobs.")] = True,
) -> None:
    """Start everything: the embedded database, migrations, the API and a process for background jobs."""
    if sandbox:
        os.environ["ENERGYGRID_ENVIRONMENT"] = "sandbox"
    os.environ.setdefault("ENERGYGRID_PUBLIC_URL", f"http://{host}:{port}")
    settings = settings_from(data, database_url)
    logs.configure(settings)
    # uvicorn passes the signal that stopped it on to the handler from before; everything below must still be closed.
    signal.signal(signal.SIGTERM, _stop)
    with suppress(KeyboardInterrupt), open_services(settings) as services:
        applied = migrate(services.database)
        if applied:
            console.print(f"database brought to revision {applied[-1]}")
        if settings.environment == "sandbox":
            credentials = fixtures.load(services)
        with _job_process(enabled=jobs), _shared_figures(workers, settings.data_dir):
            console.print(f"\nEnergyGrid ({settings.environment}) on [bold]{settings.public_url}[/]", soft_wrap=True)
            for surface in ("powerbox", "identity"):
                console.print(f"API documents: {settings.public_url}/docs/{surface}", soft_wrap=True)
            if settings.environment == "sandbox":
                console.print("\nSandbox credentials (also: energygrid sandbox credentials):")
                print_exports(credentials)
            sys.stdout.flush()
            uvicorn.run(
                "energygrid.app:create_app",
                factory=True,
                host=host,
                port=port,
                workers=workers if workers > 1 else None,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=20,
                limit_concurrency=1000,
                proxy_headers=False,
            )


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


@contextmanager
def _job_process(*, enabled: bool) -> Iterator[None]:
    """The background jobs of this installation in a process of their own, which never outlives this one."""
    if not enabled:
        yield
        return
    process = subprocess.Popen(
        [sys.executable, "-m", "energygrid", "worker", "--with-parent"], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(_WORKER_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def _shared_figures(workers: int, data_dir: Path) -> Iterator[None]:
    """With several processes, /metrics of any of them shows the sum of all."""
    if workers == 1:
        yield
        return
    folder = data_dir / "metrics"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.db"):
        old.unlink()
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    yield


def worker(
    data: Data = None,
    database_url: DatabaseUrl = None,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Jobs at the same time.")] = 4,
    with_parent: Annotated[bool, typer.Option("--with-parent", hidden=True)] = False,
) -> None:
    """Run background jobs: any number of these, on any number of machines."""
    settings = settings_from(data, database_url)
    logs.configure(settings)
    if with_parent:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    with open_services(settings) as services:
        context = JobContext(services.database, settings, services.vault)
        with suppress(asyncio.CancelledError):
            asyncio.run(run_worker(context, concurrency=concurrency))


def _end_with_parent() -> None:
    """The parent's end of standard input closes when the parent dies, however it dies."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


def migrate_command(data: Data = None, database_url: DatabaseUrl = None) -> None:
    """Bring the database to the schema of this version."""
    with open_command(data, database_url) as services:
        applied = migrate(services.database)
    console.print(f"applied {', '.join(applied)}" if applied else "nothing to do")
