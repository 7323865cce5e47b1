"""Lines of a comma separated file into text columns: rows that do not fit are taken out first, by byte arithmetic."""

import csv
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from energygrid.metering.importers.sources import Slab, cut
from energygrid.metering.readings import Bools, Int64s, Reject, UInt8s

_LF, _COMMA = 10, 44


@dataclass(slots=True)
class Table:
    """Text columns by name, as they stand; `row` is the line number of each; `lines` gives the row back as text."""

    columns: dict[str, pl.Series]
    row: Int64s
    text: Callable[[int], str]
    rejects: list[Reject] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.row)

    def mapped(self, name: str, value: Callable[[str], int]) -> Int64s:
        """`value` of each text of a column, asked once for each different text; of "" when there is no such column."""
        column = self.columns.get(name)
        if column is None or not len(self):
            return np.full(len(self), value("") if len(self) else 0, np.int64)
        different, at = distinct_texts(column)
        values = np.fromiter(map(value, different), np.int64, len(different))
        found: Int64s = values[at]
        return found


class _Lines:
    """Where the lines and commas of a slab are."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        raw: UInt8s = np.frombuffer(data, np.uint8)
        self.raw = raw
        self.ends = np.flatnonzero(raw == _LF)
        self.starts = np.concatenate(([0], self.ends[:-1] + 1))
        self.commas = np.flatnonzero(raw == _COMMA)

    def are_regular(self, commas: int) -> bool:
        if len(self.commas) != len(self.ends) * commas:
            return False
        grid = self.commas.reshape(-1, commas)
        return bool((grid[:, 0] > self.starts).all() and (grid[:, -1] < self.ends).all())

    def comma_counts(self) -> Int64s:
        before = np.searchsorted(self.commas, self.ends)
        counts: Int64s = np.diff(before, prepend=0)
        return counts

    def without(self, dropped: Bools) -> bytes:
        keep = np.repeat(~dropped, self.ends - self.starts + 1)
        return self.raw[keep].tobytes()

    def text(self, at: int) -> str:
        return self.data[self.starts[at] : self.ends[at]].decode("ascii", "replace")


def read_table(slab: Slab, names: list[str], wanted: set[str]) -> Table:
    """The `wanted` ones of the columns `names`; rows with another number of fields, or bad quotes, are refused."""
    data, bad_quotes = _unquoted(slab.data) if b'"' in slab.data else (slab.data, {})
    lines = _Lines(data)
    rows = slab.first_row + np.arange(len(lines.ends))
    rejects = [
        Reject(slab.first_row + at, "BAD_QUOTES", "quotes are not closed, or hold a comma", cut(text))
        for at, text in bad_quotes.items()
    ]
    if not lines.are_regular(len(names) - 1):
        counts = lines.comma_counts()
        blank = lines.ends == lines.starts
        uneven = (counts != len(names) - 1) & ~blank
        for at in np.flatnonzero(uneven).tolist():
            message = f"{counts[at] + 1} fields where the header has {len(names)}"
            rejects.append(Reject(int(rows[at]), "WRONG_FIELD_COUNT", message, cut(lines.text(at))))
        rows, lines = rows[~(blank | uneven)], _Lines(lines.without(blank | uneven))
    return Table(_columns(lines.data, names, wanted), rows, lines.text, rejects)


def _columns(data: bytes, names: list[str], wanted: set[str]) -> dict[str, pl.Series]:
    if not data:
        return {name: pl.Series(name, [], pl.String) for name in names if name in wanted}
    frame = pl.read_csv(
        data,
        has_header=False,
        new_columns=names,
        schema=dict.fromkeys(names, pl.String),
        columns=[at for at, name in enumerate(names) if name in wanted],
        quote_char=None,
        empty_string_is_null=False,
    )
    return {name: frame[name] for name in frame.columns}


def _unquoted(data: bytes) -> tuple[bytes, dict[int, str]]:
    """The same lines without quotes, and the lines (by position) that were emptied because that cannot be done."""
    bad: dict[int, str] = {}
    lines = data.decode("ascii", "replace").split("\n")
    for at, line in enumerate(lines):
        if '"' not in line:
            continue
        try:
            fields = next(csv.reader([line], strict=True))
        except csv.Error:
            fields = [","]
        plain = ",".join(fields)
        if '"' in plain or plain.count(",") != len(fields) - 1:
            bad[at], plain = line, ""
        lines[at] = plain
    return "\n".join(lines).encode("ascii", "replace"), bad


def distinct_texts(column: pl.Series) -> tuple[pl.Series, Int64s]:
    """The different texts of a column without space around them, and which of them each row has.

    Two of them may be equal when rows differ by space alone.
    """
    coded = column.cast(pl.Categorical(pl.Categories.random()))
    different = coded.unique()
    place = np.zeros(len(different), np.int64)
    place[different.to_physical().to_numpy()] = np.arange(len(different))
    return different.cast(pl.String).str.strip_chars(), place[coded.to_physical().to_numpy()]
