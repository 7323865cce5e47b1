"""`serve`: all processes of an installation on one machine."""

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from importlib import import_module
from pathlib import Path
from typing import Annotated

import structlog
import typer
import uvicorn
from starlette.applications import Starlette

from energygrid import logs
from energygrid.cli.common import Data, DatabaseUrl, console, print_exports, settings_from
from energygrid.cli.processes import STOPPING, collect_later, collect_seldom, end_after, stop
from energygrid.database.embedded import EmbeddedServer
from energygrid.database.migrate import migrate
from energygrid.database.watch import kept_running
from energygrid.errors import Conflict
from energygrid.services import open_services
from energygrid.settings import Settings

_WORKER_STOP_S = 25
_AGAIN_S = 1.0
_log = structlog.get_logger("energygrid.serve")


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
    _require_free(host, port)
    # uvicorn passes the signal that stopped it on to the handler from before; everything below must still be closed.
    for number in STOPPING:
        signal.signal(number, stop)
    collect_later()
    if workers == 1:
        _import_beside("energygrid.app")
    with suppress(KeyboardInterrupt), _database_kept(settings), open_services(settings) as services:
        applied = migrate(services.database)
        if applied:
            console.print(f"database brought to revision {applied[-1]}")
        if settings.environment == "sandbox":
            from energygrid import sandbox as fixtures  # noqa: PLC0415 - no other installation has to load it

            credentials = fixtures.load(services)
        with _job_process() if jobs else nullcontext(), _shared_figures(workers, settings.data_dir):
            console.print(f"\nEnergyGrid ({settings.environment}) on [bold]{settings.public_url}[/]", soft_wrap=True)
            console.print(f"API documents: links on {settings.public_url}/", soft_wrap=True)
            for surface in ("powerbox", "identity", "greenbutton", "flex"):
                console.print(f"  {settings.public_url}/docs/{surface}", soft_wrap=True)
            if settings.environment == "sandbox":
                console.print("\nSandbox credentials (also: energygrid sandbox credentials):")
                print_exports(credentials)
            sys.stdout.flush()
            collect_seldom()
            answer_requests(host, port, workers)


def _import_beside(module: str) -> None:
    """Import what is needed a moment later, while the database starts: most of that is waiting."""
    threading.Thread(target=import_module, args=(module,), name="imports", daemon=True).start()


def _require_free(host: str, port: int) -> None:
    """Raise Conflict PORT_TAKEN before anything is started that would have to be stopped again."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            message = f"cannot listen on {host}:{port} ({error.strerror}); choose another with --host or --port"
            raise Conflict("PORT_TAKEN", message) from error


def answer_requests(host: str, port: int, workers: int = 1) -> None:
    """Run the API until SIGINT or SIGTERM."""
    uvicorn.run(
        "energygrid.cli.serve:application",
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


def application() -> Starlette:
    """The API of one process; as one of several it ends with the process that started it, however that ends."""
    collect_later()
    from energygrid.app import create_app  # noqa: PLC0415 - no other command has to load every surface

    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=end_after, args=(parent.join,), daemon=True).start()
    app = create_app()
    collect_seldom()
    return app


def _database_kept(settings: Settings) -> AbstractContextManager[None]:
    """An embedded database that dies is started again; a configured one is its operator's."""
    return kept_running(EmbeddedServer(settings.data_dir)) if settings.has_embedded_database else nullcontext()


@contextmanager
def _job_process() -> Iterator[None]:
    """The background jobs of this installation, in a process of their own which is started again when it dies."""
    leaving = threading.Event()
    processes: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        command = [sys.executable, "-m", "energygrid", "worker", "--with-parent"]
        processes.append(subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True))  # noqa: S603

    def keep() -> None:
        while True:
            code = processes[-1].wait()
            if leaving.wait(_AGAIN_S):
                return
            _log.warning("the process for background jobs has ended, starting it again", exit_code=code)
            start()

    start()
    keeper = threading.Thread(target=keep, name="job process watch")
    keeper.start()
    try:
        yield
    finally:
        leaving.set()
        while keeper.is_alive():  # it may be starting another one just now
            _end(processes[-1])
            keeper.join(0.1)


def _end(process: subprocess.Popen[bytes]) -> None:
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
