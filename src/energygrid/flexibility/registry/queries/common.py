"""What the statements of the registry share."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from psycopg import Connection as Driver
from sqlalchemy import ColumnElement, Connection, Row, any_, literal
from sqlalchemy.dialects.postgresql import ARRAY

AnyRow: TypeAlias = Row[*tuple[Any, ...]]


def among(column: ColumnElement[Any], values: Sequence[object]) -> ColumnElement[bool]:
    """One parameter, however many values."""
    return column == any_(literal(list(values), ARRAY(column.type)))


def driver(db: Connection) -> Driver[Any]:
    connection = db.connection.driver_connection
    assert isinstance(connection, Driver)
    return connection
