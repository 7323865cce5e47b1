import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL

from energygrid.database.embedded import EmbeddedServer
from energygrid.errors import Conflict


def _connect(url: URL) -> psycopg.Connection:
    return psycopg.connect(url.render_as_string(hide_password=False), connect_timeout=5)


def _runs(url: URL) -> bool:
    try:
        _connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def test_the_server_starts_on_an_empty_folder_and_stops_with_its_last_user(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path / "data") as url, _connect(url) as db:
        assert db.execute("SHOW server_version_num").fetchone()[0].startswith("18")
    assert not _runs(url)


def test_nobody_connects_without_the_password(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path / "data") as url:
        with pytest.raises(psycopg.OperationalError, match="password"):
            _connect(url.set(password="guessed"))
        assert (tmp_path / "data" / "postgresql.password").stat().st_mode & 0o077 == 0


def test_a_second_process_joins_and_the_server_outlives_the_first_to_leave(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    code = (
        "import sys; from pathlib import Path; from energygrid.database.embedded import EmbeddedServer\n"
        "with EmbeddedServer(Path(sys.argv[1])) as url: print('in', flush=True); sys.stdin.read()"
    )
    server = EmbeddedServer(folder)
    url = server.start()
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with other:
        assert other.stdout.readline() == "in\n"
        server.stop()
        with _connect(url) as db:
            assert db.execute("SELECT 1").fetchone() == (1,)
        other.communicate("")
    assert not _runs(url)


def test_a_killed_server_and_a_killed_user_do_not_stop_the_next_start(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    code = (
        "import sys, os, signal; from pathlib import Path; from energygrid.database.embedded import EmbeddedServer\n"
        "s = EmbeddedServer(Path(sys.argv[1])); s.start(); os.kill(s.pid, signal.SIGKILL); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(folder)], check=False).returncode == -signal.SIGKILL
    with EmbeddedServer(folder) as url, _connect(url) as db:
        assert db.execute("SELECT 1").fetchone() == (1,)
    assert not _runs(url)


def test_an_interrupted_first_start_is_made_anew(tmp_path: Path) -> None:
    half_made = tmp_path / "data" / "postgresql.new"
    half_made.mkdir(parents=True)
    (half_made / "PG_VERSION").write_text("18\n")
    with EmbeddedServer(tmp_path / "data") as url, _connect(url) as db:
        assert db.execute("SELECT 1").fetchone() == (1,)


def test_a_folder_of_another_version_is_refused_with_what_to_do(tmp_path: Path) -> None:
    cluster = tmp_path / "data" / "postgresql"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("16\n")
    with pytest.raises(Conflict, match="pg_dump of PostgreSQL 16") as error:
        EmbeddedServer(tmp_path / "data").start()
    assert error.value.code == "OLD_DATA_DIRECTORY"


def test_two_holders_in_one_process_are_two_holders(tmp_path: Path) -> None:
    """`serve` and its application each hold the server; the first to leave must not take it from the other."""
    folder = tmp_path / "data"
    outer, inner = EmbeddedServer(folder), EmbeddedServer(folder)
    url = outer.start()
    inner.start()
    inner.stop()
    assert _runs(url)
    outer.stop()
    assert not _runs(url)


def test_leaving_a_server_that_has_died_is_no_error(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "data")
    server.start()
    os.kill(server.pid, signal.SIGKILL)
    server.stop()


def test_a_dead_servers_number_that_another_process_bears_now_does_not_stop_the_next_start(tmp_path: Path) -> None:
    """As after a restart of a container, where numbers begin anew: PostgreSQL alone would refuse to start."""
    folder = tmp_path / "data"
    server = EmbeddedServer(folder)
    server.start()
    dead = server.pid
    os.kill(dead, signal.SIGKILL)
    server.stop()
    # The other process must be one that the server's own user can see.
    with subprocess.Popen(["sleep", "60"], user=server._user) as other:
        for file in (folder / "postgresql" / "postmaster.pid", folder / "postgresql" / ".s.PGSQL.5432.lock"):
            file.write_text(file.read_text().replace(str(dead), str(other.pid), 1))
        with server as url:
            assert _runs(url)
            assert server.pid != other.pid
        other.kill()


def test_children_that_outlive_a_killed_server_do_not_hold_up_the_next_start(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    server = EmbeddedServer(folder)
    busy = "DO $$ BEGIN LOOP END LOOP; END $$"  # never looks up from its work, so never notices
    url = server.start()
    with _connect(url) as db:
        db.execute("SET statement_timeout = '60s'")
        backend = db.info.backend_pid
        thread = threading.Thread(target=_suppressed, args=(db, busy))
        thread.start()
        os.kill(server.pid, signal.SIGKILL)
        server.revive()
        assert _runs(url)
        assert not Path(f"/proc/{backend}/exe").exists()
        thread.join(10)
    server.stop()


def _suppressed(db: psycopg.Connection, statement: str) -> None:
    with suppress(psycopg.OperationalError):
        db.execute(statement)
