from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from tests.test_house import _tables

from energygrid.database.engine import Database
from energygrid.database.metadata import metadata
from energygrid.database.migrate import migrate, pending


def test_the_migrations_make_exactly_what_the_tables_say(db: Connection) -> None:
    _tables()
    ours = {table.name for table in metadata.tables.values()}

    def is_ours(_: object, name: str | None, kind: str, __: bool, ___: object) -> bool:
        return kind != "table" or (name in ours)

    context = MigrationContext.configure(
        db, opts={"include_object": is_ours, "compare_type": True, "target_metadata": metadata}
    )
    assert compare_metadata(context, metadata) == []


def test_a_migrated_database_has_nothing_pending_and_migrating_again_does_nothing(database: Database) -> None:
    assert database.read(pending) == []
    assert migrate(database) == []
