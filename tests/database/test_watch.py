import os
import signal
import time
from pathlib import Path

import psycopg
from sqlalchemy import text

from energygrid.database.embedded import EmbeddedServer
from energygrid.database.engine import Database
from energygrid.database.watch import kept_running
from energygrid.errors import Unavailable


def _answer(database: Database) -> int | None:
    try:
        return database.read(lambda db: db.execute(text("SELECT pg_backend_pid()")).scalar_one())
    except Unavailable:
        return None


def _answers_again(database: Database) -> None:
    deadline = time.monotonic() + 30
    while _answer(database) is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _kill(server: EmbeddedServer) -> None:
    """The server of now: connections of the one before may still answer for a moment."""
    killed = server.pid
    os.kill(killed, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while _pid(server) in {None, killed}:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _pid(server: EmbeddedServer) -> int | None:
    try:
        return server.pid
    except (FileNotFoundError, ValueError):
        return None


def test_a_server_that_dies_is_started_again_every_time_and_pools_reconnect(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "data")
    with kept_running(server):
        database = Database(server.url, pool_size=2)
        for _ in range(3):
            _answers_again(database)
            _kill(server)
        _answers_again(database)
        database.close()
        url = server.url.render_as_string(hide_password=False)
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return
    raise AssertionError("the server runs on")


def test_a_pool_never_hands_out_a_connection_of_the_server_that_was(tmp_path: Path) -> None:
    """No request pays for a restart that happened while nobody asked."""
    server = EmbeddedServer(tmp_path / "data")
    with server:
        database = Database(server.url, pool_size=1)
        before = _answer(database)
        os.kill(server.pid, signal.SIGKILL)
        server.revive()
        assert _answer(database) not in {None, before}
        database.close()
