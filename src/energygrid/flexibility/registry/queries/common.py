"""What the statements of the registry share."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Row, any_, literal
from sqlalchemy.dialects.postgresql import ARRAY

AnyRow: TypeAlias = Row[*tuple[Any, ...]]


def among(column: ColumnElement[Any], values: Sequence[object]) -> ColumnElement[bool]:
    """One parameter, however many values."""
    return column == any_(literal(list(values), ARRAY(column.type)))
