"""Text files as slabs of whole lines: bounded memory, line numbers, no surprise in the bytes."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast

from energygrid.errors import Invalid
from energygrid.metering.importers.options import ImportOptions

_SLAB_BYTES = 8 << 20
_COPY_BYTES = 16 << 20
MOST = 1e15
"""Values from here on are no readings; below, floats keep units of a thousandth and better."""
_YEAR_2100 = 4_102_444_800
_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_CLEAN = bytes(b if 0x20 <= b < 0x7F or b in {0x09, 0x0A} else 0x7F for b in range(256))
"""Formats here are ASCII. Any other byte becomes DEL, which no field accepts, so that a foreign letter in a column that
nobody reads does no harm and in an id it is refused."""


@dataclass(frozen=True, slots=True)
class Slab:
    """Whole lines, each ending in LF, the bytes cleaned. `first_row` is the line number of the first."""

    data: bytes
    first_row: int
    unfinished: bool = False
    """The file ended inside the last line (the LF of that one was added here)."""


def slabs(source: BinaryIO, options: ImportOptions, size: int = _SLAB_BYTES) -> Iterator[Slab]:
    """The file in slabs of about `size` bytes.

    Raises Invalid FILE_TOO_LARGE, LINE_TOO_LONG and BAD_FILE (UTF-16).
    """
    row, total, rest = 1, 0, b""
    while chunk := source.read(size):
        if total == 0:
            if chunk.startswith(_UTF16_MARKS):
                raise Invalid("BAD_FILE", "the file is UTF-16; ASCII or UTF-8 is expected", line=1)
            chunk = chunk.removeprefix(_UTF8_MARK)
        total += len(chunk)
        if total > options.max_bytes:
            raise Invalid("FILE_TOO_LARGE", f"the file is larger than {options.max_bytes} bytes", line=row)
        cut = chunk.rfind(b"\n") + 1
        if cut:
            slab = Slab(_cleaned(rest + chunk[:cut]), row)
            row += slab.data.count(b"\n")
            yield slab
            rest = chunk[cut:]
        else:
            rest += chunk
        if len(rest) > max(options.max_line_bytes, size):
            raise Invalid("LINE_TOO_LONG", f"a line is longer than {options.max_line_bytes} bytes", line=row)
    if rest:
        yield Slab(_cleaned(rest + b"\n"), row, unfinished=True)


def _cleaned(data: bytes) -> bytes:
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
    return data if data.isascii() and b"\x00" not in data and b"\r" not in data else data.translate(_CLEAN)


def lines(source: BinaryIO, options: ImportOptions) -> Iterator[tuple[int, str, bool]]:
    """(line number, line without its end, whether its end was there), blank lines left out."""
    for slab in slabs(source, options, 1 << 20):
        found = slab.data.decode("ascii").split("\n")
        last = len(found) - 2
        for at, line in enumerate(found[:-1]):
            if line and not line.isspace():
                yield slab.first_row + at, line, not (slab.unfinished and at == last)


@contextmanager
def rewindable(source: BinaryIO, options: ImportOptions) -> Iterator[BinaryIO]:
    """The source itself when one can go back in it, else a copy: in memory up to 16 MB, then in a temporary file.

    Raises Invalid FILE_TOO_LARGE.
    """
    if source.seekable():
        yield source
        return
    with tempfile.SpooledTemporaryFile(_COPY_BYTES) as copy:
        total = 0
        while chunk := source.read(1 << 20):
            total += len(chunk)
            if total > options.max_bytes:
                raise Invalid("FILE_TOO_LARGE", f"the file is larger than {options.max_bytes} bytes")
            copy.write(chunk)
        copy.seek(0)
        yield cast("BinaryIO", copy)


def is_usual(instant: int) -> bool:
    """Whether an instant lies in 1970 to 2099: others are slips of the pen, and calendars end somewhere."""
    return 0 <= instant < _YEAR_2100


def cut(text: str) -> str:
    """A row as it goes into a complaint."""
    return text[:200]
