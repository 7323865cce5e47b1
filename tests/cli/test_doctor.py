"""`energygrid doctor` in each state that it tells apart: what it says, what it advises, and its exit code."""

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
from sqlalchemy.engine import URL
from typer.testing import CliRunner, Result

from energygrid.access.signing_keys import ensure_keys
from energygrid.access.vault import Vault
from energygrid.cli import app
from energygrid.database.engine import Database, libpq_url

KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))
FAILED = 6


class Said(NamedTuple):
    state: str
    found: str
    remedy: str


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ENERGYGRID_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("ENERGYGRID_ENVIRONMENT", "sandbox")
    monkeypatch.setenv("ENERGYGRID_SECRET_KEY", KEY.hex())
    # The command exports its options; this lets them go again.
    monkeypatch.setenv("ENERGYGRID_DATABASE_URL", "")
    monkeypatch.delenv("ENERGYGRID_DATABASE_URL")


@pytest.fixture
def doctor() -> Callable[..., tuple[int, dict[str, Said]]]:
    def run(*arguments: str) -> tuple[int, dict[str, Said]]:
        result = _typed(*arguments, "--json")
        said = {each.pop("name"): Said(**each) for each in json.loads(result.stdout)}
        return result.exit_code, said

    return run


def _typed(*arguments: str) -> Result:
    result = CliRunner().invoke(app, ["doctor", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture
def healthy(database: Database) -> str:
    """Address of a migrated database with something sealed in it."""
    database.write(ensure_keys, Vault(KEY), datetime.now(UTC))
    return libpq_url(database.url)


@pytest.fixture
def empty(server: URL) -> Iterator[str]:
    """Address of a database without a schema."""
    with psycopg.connect(libpq_url(server), autocommit=True) as admin:
        admin.execute("CREATE DATABASE doctor_empty")
        yield libpq_url(server.set(database="doctor_empty"))
        admin.execute("DROP DATABASE doctor_empty WITH (FORCE)")


def test_a_healthy_installation(doctor, healthy: str) -> None:
    code, said = doctor("--database-url", healthy)
    assert code == 0
    expected = ("configuration", "disk", "database", "migrations", "clock", "secret key", "tenants")
    assert [(name, said[name].state) for name in expected] == [(name, "ok") for name in expected]


def test_settings_under_which_writes_can_be_lost_are_a_warning(doctor, healthy: str) -> None:
    """The server of the tests runs without fsync, for speed."""
    code, said = doctor("--database-url", healthy)
    assert code == 0
    assert said["durability"].state == "warning"
    assert "acknowledged writes may be lost" in said["durability"].remedy


def test_a_database_without_migrations(doctor, empty: str) -> None:
    code, said = doctor("--database-url", empty)
    assert code == FAILED
    assert said["migrations"] == Said("failed", said["migrations"].found, "run `energygrid migrate`")
    assert said["migrations"].found.startswith("missing: 0001, ")
    assert "tenants" not in said


def test_a_secret_key_that_is_not_the_databases(doctor, healthy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENERGYGRID_SECRET_KEY", OTHER_KEY.hex())
    code, said = doctor("--database-url", healthy)
    assert code == FAILED
    assert said["secret key"].found == "it does not open what is sealed in this database"
    assert "ENERGYGRID_SECRET_KEY" in said["secret key"].remedy


@pytest.mark.parametrize("key", ["nonsense", "00ff"])
def test_a_secret_key_that_is_none(doctor, healthy: str, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("ENERGYGRID_SECRET_KEY", key)
    code, said = doctor("--database-url", healthy)
    assert code == FAILED
    assert "BAD_SECRET_KEY" in " ".join(each.found for each in said.values())


def test_a_database_that_does_not_answer(doctor) -> None:
    code, said = doctor("--database-url", "postgresql://somebody:hidden@127.0.0.1:1/none")
    assert code == FAILED
    assert "the database does not answer" in said["database"].found
    assert "refused" in said["database"].found
    assert "ENERGYGRID_DATABASE_URL" in said["database"].remedy
    assert "hidden" not in str(said)


def test_an_address_that_is_none(doctor) -> None:
    code, said = doctor("--database-url", "somewhere:hidden")
    assert code == FAILED
    assert "ENERGYGRID_DATABASE_URL" in said["configuration"].found
    assert "hidden" not in str(said)


def test_a_folder_without_an_installation_is_told_of_and_left_alone(doctor, tmp_path: Path) -> None:
    code, said = doctor("--data", str(tmp_path / "nothing"))
    assert code == FAILED
    assert "there is none in" in said["database"].found
    assert not (tmp_path / "nothing").exists()


def test_a_full_disk(doctor, healthy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")._replace(free=1 << 30)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    code, said = doctor("--database-url", healthy)
    assert code == FAILED
    assert said["disk"].found.startswith("1.0 GiB free at ")


def test_a_setting_that_is_none_is_named(doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENERGYGRID_BODY_LIMIT", "much")
    code, said = doctor()
    assert code == FAILED
    assert "ENERGYGRID_BODY_LIMIT" in said["configuration"].found


def test_people_read_a_line_a_check_and_the_remedy_below(healthy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENERGYGRID_SECRET_KEY", OTHER_KEY.hex())
    said = _typed("--database-url", healthy).stdout
    assert "failed   secret key" in said
    assert "set ENERGYGRID_SECRET_KEY" in said
