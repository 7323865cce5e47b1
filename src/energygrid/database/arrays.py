"""Columns with tens of thousands of entries as PostgreSQL arrays, laid out and read at once in their binary form.

psycopg takes and gives an array element by element, which costs more than all else that a bulk statement does. Each
function gives a parameter for `%b`; a `columns` cursor reads arrays of numbers, days and instants as numpy's.
Source of the form: array_send in PostgreSQL's src/backend/utils/adt/arrayfuncs.c.
"""

import struct
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Self

import numpy as np
import psycopg
from numpy.typing import ArrayLike, NDArray
from psycopg.abc import Buffer, Params
from psycopg.adapt import Dumper, Loader
from psycopg.pq import Format
from sqlalchemy import Connection

from energygrid.database.driver import driver

_DAYS_TO_2000 = 10_957
_MICROSECONDS_TO_2000 = _DAYS_TO_2000 * 86_400 * 1_000_000
_KINDS = {"int8": ">i8", "int4": ">i4", "date": ">i4", "timestamptz": ">i8"}
_ORIGINS = {"int8": 0, "int4": 0, "date": _DAYS_TO_2000, "timestamptz": _MICROSECONDS_TO_2000}
_NULL = struct.pack("!i", -1)
_COPY_HEAD, _COPY_END = b"PGCOPY\n\xff\r\n\0" + bytes(8), struct.pack("!h", -1)

Instants = NDArray[np.datetime64]
"""datetime64[us], UTC."""


def to_instant(at: datetime) -> np.datetime64:
    """The aware datetime as numpy has it."""
    return np.datetime64(at.astimezone(UTC).replace(tzinfo=None), "us")


def to_datetime(instant: np.datetime64) -> datetime:
    """The inverse: aware, UTC."""
    naive: datetime = instant.astype("M8[us]").item()
    return naive.replace(tzinfo=UTC)


class PackedArray(bytes):
    """An array in PostgreSQL's binary form; the statement casts it to its type."""

    __slots__ = ()


class _PackedArrayDumper(Dumper):
    format = Format.BINARY
    oid = 0  # the server takes the type from the cast

    def dump(self, obj: bytes) -> bytes:
        return obj


psycopg.adapters.register_dumper(PackedArray, _PackedArrayDumper)


def bigints(values: ArrayLike) -> PackedArray:
    """For `%b::bigint[]`."""
    return _fixed(np.asarray(values, np.int64), "int8")


def ints(values: ArrayLike) -> PackedArray:
    """For `%b::int[]`."""
    return _fixed(np.asarray(values, np.int64), "int4")


def dates(days: ArrayLike) -> PackedArray:
    """For `%b::date[]`, of days since 1970."""
    return _fixed(np.asarray(days, np.int64), "date")


def instants(values: Instants) -> PackedArray:
    """For `%b::timestamptz[]`."""
    return _fixed(values, "timestamptz")


def byteas(values: Sequence[bytes | None]) -> PackedArray:
    """For `%b::bytea[]`."""
    return _varying(values, "bytea")


def texts(values: Sequence[str | None]) -> PackedArray:
    """For `%b::text[]`."""
    return _varying([None if each is None else each.encode() for each in values], "text")


def uuids(values: bytes) -> PackedArray:
    """For `%b::uuid[]`, of sixteen bytes each."""
    rows = np.empty(len(values) // 16, [("length", ">i4"), ("value", "V16")])
    rows["length"] = 16
    rows["value"] = np.frombuffer(values, "V16")
    return PackedArray(_head("uuid", len(rows), nulls=False) + rows.tobytes())


def _fixed(values: NDArray[Any], element: str) -> PackedArray:
    return PackedArray(_head(element, len(values), nulls=False) + _fields([(element, values)]).tobytes())


def _fields(columns: Sequence[tuple[str, NDArray[Any]]]) -> NDArray[np.void]:
    """Each value behind its length, a row after the other."""
    fields = [
        field
        for at, (element, _) in enumerate(columns)
        for field in ((f"length{at}", ">i4"), (f"value{at}", _KINDS[element]))
    ]
    rows = np.empty(len(columns[0][1]), fields)
    for at, (element, values) in enumerate(columns):
        since = values.astype("M8[us]").astype(np.int64) if element == "timestamptz" else values
        rows[f"length{at}"] = np.dtype(_KINDS[element]).itemsize
        rows[f"value{at}"] = since - _ORIGINS[element]
    return rows


def _varying(values: Sequence[bytes | None], element: str) -> PackedArray:
    head = _head(element, len(values), nulls=None in values)
    return PackedArray(head + b"".join(chain.from_iterable(zip(*_marked(values), strict=True))))


def _marked(values: Sequence[bytes | None]) -> list[Sequence[bytes]]:
    """Lengths of some values, and the values; only the former when all are null."""
    nulls = values.count(None)
    if nulls == len(values):
        return [[_NULL] * nulls]
    lengths = np.array([-1 if each is None else len(each) for each in values], ">i4").tobytes()
    return [_cut(lengths, 4), [each or b"" for each in values]]


def _cut(joined: bytes, size: int) -> list[bytes]:
    return [joined[at : at + size] for at in range(0, len(joined), size)]


def copy(
    db: Connection,
    statement: str,
    numbers: Sequence[tuple[str, NDArray[Any]]],
    bodies: Sequence[Sequence[bytes | None]],
) -> None:
    """Run `COPY ... FROM STDIN (FORMAT BINARY)`.

    numbers  the first columns, with their types: int8, int4, date as days since 1970, timestamptz
    bodies   the columns after them, of bytea or text in UTF-8
    """
    fields = _fields(numbers)
    count = [struct.pack("!h", len(numbers) + len(bodies))] * len(fields)
    heads = _cut(fields.tobytes(), fields.itemsize)
    rows = b"".join(chain.from_iterable(zip(count, heads, *chain.from_iterable(map(_marked, bodies)), strict=True)))
    with driver(db).cursor() as cursor, cursor.copy(statement) as stream:
        stream.write(_COPY_HEAD + rows + _COPY_END)


def _head(element: str, count: int, *, nulls: bool) -> bytes:
    """Dimensions, whether there are nulls, type of the elements; then length and lower bound of the one dimension."""
    oid = psycopg.adapters.types[element].oid
    if not count:
        return struct.pack("!iiI", 0, 0, oid)
    return struct.pack("!iiIii", 1, int(nulls), oid, count, 1)


class _Column(Loader):
    """An array whose elements are all there and of one length."""

    format = Format.BINARY
    element = "int8"

    def load(self, data: Buffer) -> NDArray[Any]:
        dimensions, nulls = struct.unpack_from("!ii", data)
        if not dimensions:
            return np.empty(0, np.int64)
        if nulls:
            raise psycopg.DataError("a column of numbers has a null")
        rows = np.frombuffer(data, [("length", ">i4"), ("value", _KINDS[self.element])], offset=20)
        return rows["value"].astype(np.int64) + _ORIGINS[self.element]


class _Ints(_Column):
    element = "int4"


class _Dates(_Column):
    element = "date"


class _Instants(_Column):
    element = "timestamptz"

    def load(self, data: Buffer) -> NDArray[Any]:
        return super().load(data).astype("M8[us]")


class ColumnCursor(psycopg.Cursor[Any]):
    """A cursor for statements whose parameters are columns, or lists of thousands."""

    def execute(self, query: Any, params: Params | None = None, **how: Any) -> Self:
        """Planned anew each time: without its values, a plan compares each row with each element of a long array."""
        return super().execute(query, params, **{"prepare": False} | how)


def columns(db: Connection) -> ColumnCursor:
    """A cursor that gives arrays of bigint and int as int64, of date as days since 1970, of timestamptz as instants.

    Such an array has no nulls. Arrays of other types are lists, as ever.
    """
    cursor = ColumnCursor(driver(db))
    cursor.format = Format.BINARY
    for loader in (_Column, _Ints, _Dates, _Instants):
        cursor.adapters.register_loader(psycopg.adapters.types[loader.element].array_oid, loader)
    return cursor
