"""`migrate`: the schema of this version."""

from energygrid.cli.common import Data, DatabaseUrl, console, open_command
from energygrid.database.migrate import migrate


def migrate_command(data: Data = None, database_url: DatabaseUrl = None) -> None:
    """Bring the database to the schema of this version."""
    with open_command(data, database_url) as services:
        applied = migrate(services.database)
    console.print(f"applied {', '.join(applied)}" if applied else "nothing to do")
