from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, text

from energygrid.database.engine import Database
from energygrid.database.queue import defer
from energygrid.errors import Invalid


def _waiting(db: Connection) -> list[tuple[str, dict[str, object]]]:
    query = text("SELECT task_name, args FROM procrastinate_jobs WHERE status = 'todo' ORDER BY id")
    return [(task, args) for task, args in db.execute(query)]


def test_a_job_is_enqueued_when_its_transaction_commits(database: Database) -> None:
    database.write(defer, "some.task", tenant_id=1, words=["a", "b"])
    assert database.read(_waiting) == [("some.task", {"tenant_id": 1, "words": ["a", "b"]})]


def test_a_job_of_a_transaction_that_fails_never_was(database: Database) -> None:
    def broken(db: Connection) -> None:
        defer(db, "some.task")
        raise Invalid("BROKEN", "as the test wants it")

    with pytest.raises(Invalid):
        database.write(broken)
    assert database.read(_waiting) == []


def test_a_queueing_lock_lets_one_job_wait_and_keeps_the_transaction(db: Connection) -> None:
    defer(db, "some.task", queueing_lock="one", n=1)
    defer(db, "some.task", queueing_lock="one", n=2)
    defer(db, "other.task")
    assert _waiting(db) == [("some.task", {"n": 1}), ("other.task", {})]


def test_a_job_may_wait_for_its_time(db: Connection) -> None:
    at = datetime.now(UTC) + timedelta(hours=1)
    defer(db, "some.task", at=at)
    assert db.execute(text("SELECT scheduled_at FROM procrastinate_jobs")).scalar_one() == at
