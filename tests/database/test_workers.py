from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, text

from energygrid.database import workers
from energygrid.database.queue import defer

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("interrupted", "wait_s"), [(0, 0), (4, 0), (5, 32), (9, 512), (30, 600), (2_000_000_000, 600)]
)
def test_a_job_that_is_interrupted_again_and_again_lets_others_go_first(
    db: Connection, interrupted: int, wait_s: int
) -> None:
    defer(db, "some.task")
    db.execute(text("UPDATE procrastinate_jobs SET status = 'doing', attempts = :n"), {"n": interrupted})
    assert workers.requeue_orphans(db, NOW)
    row = db.execute(text("SELECT status, scheduled_at FROM procrastinate_jobs")).one()
    assert (row.status, (row.scheduled_at - NOW).total_seconds()) == ("todo", wait_s)
