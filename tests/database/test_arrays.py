"""Arrays laid out here are read by PostgreSQL as what they were."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL

from energygrid.database import arrays

EPOCH = datetime(1970, 1, 1)
INSTANTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))

KINDS: list[tuple[str, Callable[[Any], arrays.PackedArray], st.SearchStrategy[Any]]] = [
    ("bigint", arrays.bigints, st.integers(-(2**63), 2**63 - 1)),
    ("int", arrays.ints, st.integers(-(2**31), 2**31 - 1)),
    ("date", lambda days: arrays.dates([(day - EPOCH.date()).days for day in days]), st.dates()),
    (
        "timestamptz",
        lambda instants: arrays.instants(np.array([arrays.to_instant(each) for each in instants], "M8[us]")),
        INSTANTS,
    ),
    ("uuid", lambda uuids: arrays.uuids(b"".join(each.bytes for each in uuids)), st.uuids()),
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


COLUMNS: list[tuple[str, st.SearchStrategy[Any], Callable[[Any], object]]] = [
    ("bigint", st.integers(-(2**63), 2**63 - 1), int),
    ("int", st.integers(-(2**31), 2**31 - 1), int),
    ("date", st.dates(), lambda days: (EPOCH + timedelta(days=int(days))).date()),
    (
        "timestamptz",
        INSTANTS,
        arrays.to_datetime,
    ),
    ("bytea", st.none() | st.binary(max_size=40), lambda each: each),
]


@pytest.mark.parametrize(("kind", "values", "told"), COLUMNS, ids=[kind for kind, *_ in COLUMNS])
def test_a_column_that_the_database_gives_is_what_it_was(
    db: Connection, kind: str, values: st.SearchStrategy[Any], told: Callable[[Any], object]
) -> None:
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(values, max_size=12))
    def holds(given_values: list[Any]) -> None:
        with arrays.columns(db) as cursor:
            row = cursor.execute(f"SELECT %s::{kind}[]", (given_values,)).fetchone()
        assert row is not None
        assert [told(each) for each in row[0]] == given_values

    holds()


ROW = st.tuples(
    st.integers(-(2**63), 2**63 - 1),
    st.dates(),
    INSTANTS,
    st.none() | st.binary(max_size=40),
    st.none() | st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=20),
)


def test_rows_that_are_copied_are_what_the_table_holds(db: Connection) -> None:
    db.execute(text("CREATE TEMPORARY TABLE copied (id bigint, day date, at timestamptz, body bytea, mark text)"))

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(ROW, min_size=1, max_size=12))
    def holds(rows: list[tuple[Any, ...]]) -> None:
        ids, days, instants, bodies, marks = zip(*rows, strict=True)
        numbers = [
            ("int8", np.array(ids, np.int64)),
            ("date", np.array([(day - EPOCH.date()).days for day in days])),
            ("timestamptz", np.array([arrays.to_instant(each) for each in instants], "M8[us]")),
        ]
        encoded = [None if each is None else each.encode() for each in marks]
        arrays.copy(db, "COPY copied FROM STDIN (FORMAT BINARY)", numbers, [bodies, encoded])
        held = db.execute(text("DELETE FROM copied RETURNING *")).all()
        assert [tuple(row) for row in held] == rows

    holds()


def test_a_column_of_numbers_has_no_nulls(db: Connection) -> None:
    with arrays.columns(db) as cursor, pytest.raises(psycopg.DataError, match="null"):
        cursor.execute("SELECT ARRAY[1, NULL]::int[]").fetchone()


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


def test_a_statement_with_columns_is_planned_for_its_values_however_often_it_is_run(db: Connection) -> None:
    """A plan without them compares every row with every element: 50,000 of both took minutes."""
    for _ in range(12):
        with arrays.columns(db) as cursor:
            cursor.execute("SELECT 'columns' WHERE 1 = ANY(%b::bigint[])", (arrays.bigints([1, 2]),))
    kept = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%columns%ANY%'"
    assert db.execute(text(kept)).scalar_one() == 0
