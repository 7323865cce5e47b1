import threading

import psycopg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import InternalError

from energygrid.database.engine import Database
from energygrid.errors import Invalid, Unavailable


def _count(db: Connection) -> int:
    return int(db.execute(text("SELECT count(*) FROM landed_chunk")).scalar_one())


def _add(db: Connection, upload: str) -> None:
    db.execute(
        text("INSERT INTO landed_chunk (tenant_id, upload_id, seq, body) VALUES (1, :upload, 0, '')"),
        {"upload": upload},
    )


def test_what_a_use_case_wrote_is_there_when_it_returned(database: Database) -> None:
    database.write(_add, "a")
    assert database.read(_count) == 1


def test_a_use_case_that_raises_leaves_nothing_behind(database: Database) -> None:
    def broken(db: Connection) -> None:
        _add(db, "a")
        raise Invalid("BROKEN", "as the test wants it")

    with pytest.raises(Invalid):
        database.write(broken)
    assert database.read(_count) == 0


def test_a_reading_use_case_cannot_write(database: Database) -> None:
    with pytest.raises(InternalError) as error:
        database.read(_add, "a")
    assert isinstance(error.value.orig, psycopg.errors.ReadOnlySqlTransaction)


def test_of_two_deadlocked_writers_both_succeed(database: Database) -> None:
    for upload in ("a", "b"):
        database.write(_add, upload)
    met = threading.Barrier(2)
    tries = {"a": 0, "b": 0}
    update = text("UPDATE landed_chunk SET body = body || 'x' WHERE upload_id = :upload")

    def cross(db: Connection, first: str, second: str) -> None:
        tries[first] += 1
        db.execute(update, {"upload": first})
        if tries[first] == 1:
            met.wait(10)
        db.execute(update, {"upload": second})

    threads = [threading.Thread(target=database.write, args=(cross, *pair)) for pair in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    lengths = database.read(lambda db: db.execute(text("SELECT length(body) FROM landed_chunk")).scalars().all())
    assert lengths == [2, 2]
    assert sum(tries.values()) == 3


def test_a_database_that_is_gone_is_unavailable() -> None:
    gone = Database("postgresql://nobody@127.0.0.1:1/none", pool_size=1)
    with pytest.raises(Unavailable) as error:
        gone.read(_count)
    assert error.value.code == "DATABASE_UNAVAILABLE"
    gone.close()
