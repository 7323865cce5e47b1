"""The processes of an installation, forked from one that has loaded the program already: a restart costs no imports.

They are the real ones: the API under uvicorn, the worker, and the watch over the embedded PostgreSQL that is otherwise
part of `energygrid serve`. The process that forks has one thread only.
"""

import http.client
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from energygrid.cli import serve, worker
from energygrid.database.embedded import EmbeddedServer
from energygrid.database.watch import kept_running

_START_S = 60
_STOP_S = 60
API, WORKER, WATCH, POSTGRESQL, LOAD = "api", "worker", "watch", "postgresql", "load"


@dataclass
class Processes:
    """Everything that was started, by role."""

    folder: Path
    port: int
    alive: dict[str, int] = field(default_factory=dict)
    unclean: list[str] = field(default_factory=list)
    """Processes that ended although nobody killed them, or ended badly when asked to."""

    def __post_init__(self) -> None:
        self._leash, self._leashed = os.pipe()
        self._killed_postmaster: int | None = None
        self._server = EmbeddedServer(self.folder)
        self._work: dict[str, Callable[[], None]] = {
            API: self._answer,
            WORKER: worker.worker,
            WATCH: self._watch,
        }

    def start(self, *roles: str) -> None:
        for role in roles:
            self.fork(role, self._work[role])

    def fork(self, role: str, work: Callable[[], None]) -> None:
        child = os.fork()
        if child:
            self.alive[role] = child
            return
        status = 1
        try:
            os.close(self._leashed)
            threading.Thread(target=self._end_with_parent, daemon=True).start()
            log = os.open(self.folder.parent / f"{role}.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
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

    def _end_with_parent(self) -> None:
        """The pipe's other end closes when the process that forks ends, however it does."""
        os.read(self._leash, 1)
        os.kill(os.getpid(), signal.SIGTERM)

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
            if role == POSTGRESQL:
                self._killed_postmaster = pid
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
        if self._postmaster() in {None, self._killed_postmaster}:
            return False  # the API may be answering from a connection that has not heard yet
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
        for role in (LOAD, API, WORKER, WATCH):
            self.stop_one(role)
        if self._postmaster() is not None:
            self.unclean.append("PostgreSQL runs on although everybody has left")

    def stop_one(self, role: str) -> None:
        if role not in self.alive:
            return
        pid = self.alive.pop(role)
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
            self.unclean.append(f"{role} asked to end: {os.waitstatus_to_exitcode(status)}")
