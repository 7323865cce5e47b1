"""Which workers live, told by the database itself.

Every connection of a worker holds one shared lock. The database frees it with the connection, however that ends, so a
worker that gets the lock for itself knows that no other worker is alive anywhere.
"""

from datetime import datetime

from psycopg import AsyncConnection
from sqlalchemy import Connection, text

_WORKING = 0x456E6577  # "Enew"


# One job at most may wait under a queueing lock. It does what an interrupted one would do again.
_DROP_TWINS = """
    DELETE FROM procrastinate_jobs interrupted
    WHERE status = 'doing' AND EXISTS (
        SELECT FROM procrastinate_jobs other
        WHERE other.queueing_lock = interrupted.queueing_lock
          AND (other.status = 'todo' OR other.status = 'doing' AND other.id > interrupted.id)
    )
"""


async def mark_as_worker(connection: AsyncConnection) -> None:
    """Makes a new connection a worker's; for the pool's `configure`."""
    await connection.execute("SELECT pg_advisory_lock_shared(%s)", [_WORKING])
    await connection.commit()


def requeue_orphans(db: Connection, now: datetime) -> bool:
    """When no worker lives, make all unfinished jobs due again; whether that was so.

    At once, unless a job has been interrupted so often that it may be what kills its workers: that one lets others go
    first, for up to ten minutes.
    """
    if not db.execute(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _WORKING}).scalar_one():
        return False
    db.execute(text(_DROP_TWINS))
    db.execute(
        text(
            "SELECT procrastinate_retry_job_v2(id, :now + make_interval(secs =>"
            " CASE WHEN attempts < 5 THEN 0 ELSE least(600, 2 ^ least(attempts, 20)) END), NULL, NULL, NULL)"
            " FROM procrastinate_jobs WHERE status = 'doing'"
        ),
        {"now": now},
    )
    return True
