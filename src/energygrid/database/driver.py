"""The psycopg connection below one of SQLAlchemy: for COPY, binary results and packed arrays."""

from typing import Any

import psycopg
from sqlalchemy import Connection


def driver(db: Connection) -> psycopg.Connection[Any]:
    """The same connection, in the same transaction."""
    connection = db.connection.driver_connection
    assert isinstance(connection, psycopg.Connection)
    return connection
