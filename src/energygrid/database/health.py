"""What an operator wants to know about the database itself."""

from datetime import datetime

from sqlalchemy import Connection, text

LEAST_VERSION = 15


def server_version(db: Connection) -> int:
    """Major version."""
    return int(db.execute(text("SHOW server_version_num")).scalar_one()) // 10_000


def server_time(db: Connection) -> datetime:
    now: datetime = db.execute(text("SELECT clock_timestamp()")).scalar_one()
    return now


def unsafe_settings(db: Connection) -> list[tuple[str, str]]:
    """Settings under which an acknowledged write can be lost."""
    query = text(
        "SELECT name, setting FROM pg_settings"
        " WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes') AND setting = 'off' ORDER BY name"
    )
    return [(name, value) for name, value in db.execute(query)]


def failed_jobs(db: Connection) -> int:
    return int(db.execute(text("SELECT count(*) FROM procrastinate_jobs WHERE status = 'failed'")).scalar_one())
