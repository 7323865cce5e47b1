"""Bringing a database to the schema of this version."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from energygrid.database.engine import Database
from energygrid.errors import Conflict

_SCRIPTS = Path(__file__).parent / "migrations"
_LOCK = 0x456E6572  # "Ener": one process migrates, the others wait


def migrate(database: Database) -> list[str]:
    """Apply the missing migrations in one transaction and return their revisions, oldest first."""
    with database.transaction() as db:
        db.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        missing = pending(db)
        if missing:
            config = _config()
            config.attributes["connection"] = db
            command.upgrade(config, "head")
        return missing


def require_complete(database: Database) -> None:
    """Raise Conflict MIGRATIONS_MISSING unless the database has the schema of this version."""
    if missing := database.read(pending):
        raise Conflict(
            "MIGRATIONS_MISSING", f"the database lacks migrations {', '.join(missing)}: run `energygrid migrate`"
        )


def pending(db: Connection) -> list[str]:
    """Revisions that this version has and the database lacks, oldest first."""
    applied = set(MigrationContext.configure(db).get_current_heads())
    scripts = ScriptDirectory.from_config(_config())
    missing: list[str] = []
    for revision in scripts.walk_revisions():
        if revision.revision in applied:
            break
        missing.insert(0, revision.revision)
    return missing


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    return config
