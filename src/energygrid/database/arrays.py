"""PostgreSQL arrays of columns with tens of thousands of entries, laid out at once in PostgreSQL's binary form.

psycopg takes an array element by element, which costs more than all else that a bulk statement does. Each function
gives a parameter for `%b`. Source of the form: array_send in PostgreSQL's src/backend/utils/adt/arrayfuncs.c.
"""

import struct
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
import psycopg
from numpy.typing import ArrayLike
from psycopg.adapt import Dumper
from psycopg.pq import Format

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_EPOCH_DAY = np.datetime64("2000-01-01", "D")
_MICROSECOND = timedelta(microseconds=1)


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
    return _fixed(np.asarray(values, np.int64), "int8", ">i8")


def ints(values: ArrayLike) -> PackedArray:
    """For `%b::int[]`."""
    return _fixed(np.asarray(values, np.int64), "int4", ">i4")


def dates(values: Sequence[date]) -> PackedArray:
    """For `%b::date[]`."""
    days = (np.array(values, "M8[D]") - _EPOCH_DAY).astype(np.int64)
    return _fixed(days, "date", ">i4")


def instants(values: Sequence[datetime]) -> PackedArray:
    """For `%b::timestamptz[]`; few distinct instants cost little."""
    known = {each: (each - _EPOCH) // _MICROSECOND for each in set(values)}
    return _fixed(np.array([known[each] for each in values], np.int64), "timestamptz", ">i8")


def byteas(values: Sequence[bytes | None]) -> PackedArray:
    """For `%b::bytea[]`."""
    return _varying(values, "bytea")


def texts(values: Sequence[str | None]) -> PackedArray:
    """For `%b::text[]`."""
    return _varying([None if each is None else each.encode() for each in values], "text")


def _fixed(values: np.ndarray[tuple[int, ...], np.dtype[np.int64]], element: str, kind: str) -> PackedArray:
    rows = np.empty(len(values), [("length", ">i4"), ("value", kind)])
    rows["length"] = np.dtype(kind).itemsize
    rows["value"] = values
    return PackedArray(_head(element, len(values), nulls=False) + rows.tobytes())


def _varying(values: Sequence[bytes | None], element: str) -> PackedArray:
    lengths = np.array([-1 if each is None else len(each) for each in values], ">i4").tobytes()
    pieces = [_head(element, len(values), nulls=None in values)]
    for at, each in enumerate(values):
        pieces.append(lengths[at * 4 : at * 4 + 4])
        if each is not None:
            pieces.append(each)
    return PackedArray(b"".join(pieces))


def _head(element: str, count: int, *, nulls: bool) -> bytes:
    """Dimensions, whether there are nulls, type of the elements; then length and lower bound of the one dimension."""
    oid = psycopg.adapters.types[element].oid
    if not count:
        return struct.pack("!iiI", 0, 0, oid)
    return struct.pack("!iiIii", 1, int(nulls), oid, count, 1)
