"""The processes of an installation, forked from one that has loaded the program already: a restart costs no imports.

They are the real ones: the API under uvicorn, the worker, and the watch over the embedded PostgreSQL that is otherwise
part of `energygrid serve`. The process that forks has one thread only.
"""

import http.client
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from energygrid.cli import serve
from energygrid.database.embedded import EmbeddedServer
from energygrid.database.watch import kept_running

_START_S = 60
_STOP_S = 60
API, WORKER, WATCH, POSTGRESQL = "api", "worker", "watch", "postgresql"


@dataclass
class Processes:
    """Everything that was started, by role."""

    folder: Path
    port: int
    alive: dict[str, int] = field(default_factory=dict)
    unclean: list[str] = field(default_factory=list)
    """Processes that ended although nobody killed them, or ended badly when asked to."""

    def __post_init__(self) -> None:
        self._server = EmbeddedServer(self.folder)
        self._work: dict[str, Callable[[], None]] = {
            API: self._answer,
            WORKER: serve.worker,
            WATCH: self._watch,
        }

    def start(self, *roles: str) -> None:
        for role in roles:
            self.alive[role] = self.fork(role, self._work[role])

    def fork(self, name: str, work: Callable[[], None]) -> int:
        child = os.fork()
        if child:
            return child
        status = 1
        try:
            log = os.open(self.folder.parent / f"{name}.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            for stream in (1, 2):
                os.dup2(log, stream)
            work()
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        except BaseException:  # noqa: BLE001 - a forked process must never go on as its parent
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _answer(self) -> None:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn hands the signal on when it is done
        serve.answer_requests("127.0.0.1", self.port)

    def _watch(self) -> None:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        with kept_running(self._server):
            while True:
                signal.pause()

    def kill(self, *roles: str) -> None:
        """End processes of ours as the power does."""
        for role in roles:
            pid = self._postmaster() if role == POSTGRESQL else self.alive[role]
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
        for role in roles:
            if role != POSTGRESQL:
                os.waitpid(self.alive.pop(role), 0)

    def _postmaster(self) -> int | None:
        """The running server's process id; None while it is between two lives."""
        try:
            pid = self._server.pid
            ours = Path(f"/proc/{pid}/cwd").readlink() == self.folder / "postgresql"
        except (OSError, ValueError):
            return None
        return pid if ours else None

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + _START_S
        while not self._is_ready():
            self.note_ended()
            if API not in self.alive or time.monotonic() > deadline:
                raise RuntimeError(f"the API did not become ready; see {self.folder.parent}")
            time.sleep(0.005)

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def note_ended(self) -> None:
        for role, pid in list(self.alive.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                del self.alive[role]
                self.unclean.append(f"{role} ended by itself with {os.waitstatus_to_exitcode(status)}")

    def stop(self) -> None:
        """Ask everybody to end, as Ctrl-C does; the last one stops PostgreSQL."""
        for role in (API, WORKER, WATCH):
            if role in self.alive:
                self.stop_child(role, self.alive.pop(role))
        if self._postmaster() is not None:
            self.unclean.append("PostgreSQL runs on although everybody has left")

    def stop_child(self, name: str, pid: int) -> None:
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_S
        while True:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                break
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                status = signal.SIGKILL
                break
            time.sleep(0.01)
        if status:
            self.unclean.append(f"{name} asked to end: {os.waitstatus_to_exitcode(status)}")
