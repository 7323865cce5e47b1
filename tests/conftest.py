"""One PostgreSQL for the whole run, shared by all workers; a clone of a migrated template where a test commits."""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import fasteners
import hypothesis
import psycopg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL

from energygrid.access import tenants
from energygrid.access.caller import Tenant
from energygrid.access.vault import Vault
from energygrid.database.embedded import EmbeddedServer
from energygrid.database.engine import Database
from energygrid.database.migrate import migrate
from energygrid.jobs.app import JobContext, run_worker
from energygrid.settings import Settings

TEMPLATE = "template_energygrid"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

hypothesis.settings.register_profile("suite", deadline=None)  # a busy machine breaks no law
hypothesis.settings.load_profile("suite")


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all parallel workers of this run see."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base


@pytest.fixture(scope="session")
def server(shared_folder: Path) -> Iterator[URL]:
    """The embedded server of this run. It may lose data in a power cut: tests that kill it start their own."""
    fast = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "400"}
    with EmbeddedServer(shared_folder / "server", settings=fast) as url:
        yield url


@pytest.fixture(scope="session")
def template(server: URL, shared_folder: Path) -> URL:
    """A migrated database, made once, that others are cloned from."""
    url = server.set(database=TEMPLATE)
    with fasteners.InterProcessLock(shared_folder / "template.lock"):
        done = shared_folder / "template.done"
        if not done.exists():
            _on_server(server, f'CREATE DATABASE "{TEMPLATE}"')
            database = Database(url, pool_size=1)
            migrate(database)
            database.close()
            done.touch()
    return url


def _on_server(server: URL, statement: str) -> None:
    with psycopg.connect(server.render_as_string(hide_password=False), autocommit=True) as db:
        db.execute(statement)


@contextmanager
def copied(server: URL, template: str) -> Iterator[URL]:
    """Address of a copy of a database on the server, which is dropped at the end."""
    name = f"copy_{os.getpid()}_{os.urandom(4).hex()}"
    _on_server(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
    try:
        yield server.set(database=name)
    finally:
        _on_server(server, f'DROP DATABASE "{name}" WITH (FORCE)')


def pytest_xdist_auto_num_workers() -> int:
    """Much of what tests do is waiting, so there are more of them at a time than a small machine has cores."""
    return max(4, os.cpu_count() or 1)


@dataclass
class Clones:
    """Databases like the template, for one test at a time: a copy costs far more than emptying one.

    What `keep_contents` has kept in the template is put back. A database that a test has left with another schema, or
    with somebody still connected, is dropped.
    """

    server: URL
    template: URL
    free: list[tuple[str, object]] = field(default_factory=list)

    def take(self) -> tuple[str, object]:
        if self.free:
            return self.free.pop()
        name = f"test_{os.getpid()}_{os.urandom(4).hex()}"
        _on_server(self.server, f'CREATE DATABASE "{name}" TEMPLATE "{self.template.database}" STRATEGY FILE_COPY')
        with self._open(name) as db:
            return name, db.execute(_SCHEMA).fetchone()

    @contextmanager
    def database(self, pool_size: int = 32) -> Iterator[Database]:
        clone = self.take()
        database = Database(self.server.set(database=clone[0]), pool_size=pool_size)
        yield database
        database.close()
        self.give_back(*clone)

    def give_back(self, name: str, schema: object) -> None:
        with self._open(name) as db:
            until = time.monotonic() + 1  # connections that were closed just now take a moment to go
            while (alone := db.execute(_OTHERS).fetchone() == (0,)) is False and time.monotonic() < until:
                time.sleep(0.002)
            if alone and db.execute(_SCHEMA).fetchone() == schema:
                db.execute("SET session_replication_role = replica")  # what is append-only is emptied, too
                for statements in (_EMPTY, _RESTORE):
                    db.execute("; ".join(each for (each,) in db.execute(statements).fetchall()))
                self.free.append((name, schema))
                return
        _on_server(self.server, f'DROP DATABASE "{name}" WITH (FORCE)')

    def _open(self, name: str) -> psycopg.Connection[tuple[object, ...]]:
        address = self.server.set(database=name).render_as_string(hide_password=False)
        return psycopg.connect(address, autocommit=True)


_SCHEMA = """
    SELECT (SELECT array_agg(oid ORDER BY oid) FROM pg_class WHERE relnamespace = 'public'::regnamespace),
           (SELECT count(*) FROM pg_attribute WHERE NOT attisdropped), (SELECT count(*) FROM pg_trigger),
           (SELECT version_num FROM alembic_version)
"""
_KEEP = """
    SELECT format('CREATE TABLE kept.%I AS TABLE public.%I', relname, relname) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'alembic_version'
      AND pg_relation_size(oid) > 0
"""
_RESTORE = """
    SELECT format('INSERT INTO public.%I OVERRIDING SYSTEM VALUE TABLE kept.%I', tablename, tablename)
    FROM pg_tables WHERE schemaname = 'kept'
    UNION ALL
    SELECT format('SELECT setval(%L, %s, false)', format('%I.%I', schemaname, sequencename),
                  CASE WHEN to_regnamespace('kept') IS NULL THEN 1 ELSE 1000000 END)
    FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL
"""
_OTHERS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
_EMPTY = """
    SELECT format(CASE WHEN pg_relation_size(oid) > 262144 THEN 'TRUNCATE %I CASCADE' ELSE 'DELETE FROM %I' END,
                  relname)
    FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'alembic_version'
      AND pg_relation_size(oid) > 0
"""


def keep_contents(url: URL) -> None:
    """Have copies of this database begin with what is in it now."""
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as db:
        db.execute("CREATE SCHEMA kept")
        for (keep,) in db.execute(_KEEP).fetchall():
            db.execute(keep)


@pytest.fixture(scope="session")
def clones(server: URL, template: URL) -> Clones:
    return Clones(server, template)


@pytest.fixture
def new_database(clones: Clones) -> Iterator[Callable[[], Database]]:
    """Makes databases of their own: like the migrated template, and nobody else's while the test runs."""
    with ExitStack() as opened:
        yield lambda: opened.enter_context(clones.database())


@pytest.fixture
def database(new_database: Callable[[], Database]) -> Database:
    """A database of this test's own, for tests that commit, use threads or run jobs."""
    return new_database()


@pytest.fixture(scope="session")
def _worker_database(server: URL, template: URL) -> Iterator[Database]:
    with copied(server, str(template.database)) as url:
        database = Database(url, pool_size=2)
        yield database
        database.close()


@pytest.fixture
def db(_worker_database: Database) -> Iterator[Connection]:
    """A connection whose transaction is rolled back after the test."""
    with _worker_database._writing.connect() as connection:
        transaction = connection.begin()
        yield connection
        transaction.rollback()


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def vault() -> Vault:
    return Vault(bytes(range(32)))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, environment="sandbox")


@pytest.fixture
def tenant(db: Connection) -> Tenant:
    """A sandbox tenant inside the transaction of `db`."""
    return tenants.create_tenant(db, "testville", environment="sandbox", now=NOW)


@pytest.fixture
def committed_tenant(database: Database) -> Tenant:
    """A sandbox tenant in `database`."""
    return database.write(tenants.create_tenant, "testville", environment="sandbox", now=NOW)


@pytest.fixture
def run_jobs(database: Database, settings: Settings, vault: Vault) -> Callable[[], None]:
    """Run every due job of `database` on a real worker, until none is left."""
    due = text(
        "SELECT count(*) FROM procrastinate_jobs"
        " WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now())"
    )

    def run() -> None:
        while database.read(lambda db: db.execute(due).scalar_one()):
            asyncio.run(run_worker(JobContext(database, settings, vault), wait=False, install_signal_handlers=False))

    return run


@pytest.fixture
def failed_jobs(database: Database) -> Callable[[], list[str]]:
    """Names of tasks whose job ended in failure, to tell a quiet queue from a broken one."""

    def failed() -> list[str]:
        query = text("SELECT task_name FROM procrastinate_jobs WHERE status = 'failed' ORDER BY id")
        return list(database.read(lambda db: db.execute(query).scalars().all()))

    return failed
