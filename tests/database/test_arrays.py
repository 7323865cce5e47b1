"""Arrays laid out here are read by PostgreSQL as what they were."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection
from sqlalchemy.engine import URL

from energygrid.database import arrays

KINDS: list[tuple[str, Callable[[Any], arrays.PackedArray], st.SearchStrategy[Any]]] = [
    ("bigint", arrays.bigints, st.integers(-(2**63), 2**63 - 1)),
    ("int", arrays.ints, st.integers(-(2**31), 2**31 - 1)),
    ("date", arrays.dates, st.dates(date(1, 1, 1), date(9999, 12, 31))),
    ("timestamptz", arrays.instants, st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))),
    ("bytea", arrays.byteas, st.none() | st.binary(max_size=40)),
    ("text", arrays.texts, st.none() | st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=20)),
]


def _read_back(db: Connection, kind: str, packed: arrays.PackedArray) -> Sequence[Any]:
    driver = db.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    with driver.cursor(binary=True) as cursor:
        row = cursor.execute(f"SELECT %b::{kind}[]", (packed,)).fetchone()
    assert row is not None
    read: Sequence[Any] = row[0]
    return read


@pytest.mark.parametrize(("kind", "pack", "values"), KINDS, ids=[kind for kind, *_ in KINDS])
def test_what_is_packed_is_what_the_database_reads(
    db: Connection, kind: str, pack: Callable[[Any], arrays.PackedArray], values: st.SearchStrategy[Any]
) -> None:
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(values, max_size=12))
    def holds(given_values: list[Any]) -> None:
        assert list(_read_back(db, kind, pack(given_values))) == given_values

    holds()


def test_a_connection_that_is_older_than_the_first_array_knows_arrays_too(server: URL) -> None:
    """psycopg gives each connection the types that it knows by then."""
    url = server.set(drivername="postgresql").render_as_string(hide_password=False)
    steps = [
        "import energygrid.database.engine, psycopg",
        f"connection = psycopg.connect({url!r})",
        "from energygrid.database import arrays",
        "print(connection.execute('SELECT %b::bigint[]', [arrays.bigints([1, 2])]).fetchone())",
    ]
    done = subprocess.run([sys.executable, "-c", "\n".join(steps)], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("([1, 2],)\n", "")
