"""Slabs of whole lines."""

import io
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energygrid.errors import Invalid
from energygrid.metering.importers.options import ImportOptions
from energygrid.metering.importers.sources import lines, slabs

OPTIONS = ImportOptions(zone="UTC", now=datetime(2026, 1, 1, tzinfo=UTC))


@given(st.lists(st.text("abc,", max_size=12), max_size=20), st.integers(1, 40), st.booleans())
def test_slabs_hold_every_line_once_with_its_number(texts, size, ended):
    data = "\n".join(texts) + ("\n" if ended else "")
    found = {}
    for slab in slabs(io.BytesIO(data.encode()), OPTIONS, size):
        for at, line in enumerate(slab.data.decode().split("\n")[:-1]):
            found[slab.first_row + at] = line
    expected = data.split("\n")
    expected = expected if expected[-1] else expected[:-1]
    assert found == dict(enumerate(expected, 1))


def test_lines_say_whether_their_end_was_there():
    assert list(lines(io.BytesIO(b"\xef\xbb\xbfa\r\n \n\nb\x00\xe9"), OPTIONS)) == [
        (1, "a", True),
        (4, "b\x7f\x7f", False),
    ]


@pytest.mark.parametrize(
    ("data", "changes", "code"),
    [
        (b"\xff\xfea\x00", {}, "BAD_FILE"),
        (b"a" * 100, {"max_bytes": 99}, "FILE_TOO_LARGE"),
        (b"a" * (3 << 20), {"max_line_bytes": 1 << 20}, "LINE_TOO_LONG"),
    ],
)
def test_limits(data, changes, code):
    with pytest.raises(Invalid) as raised:
        list(lines(io.BytesIO(data), replace(OPTIONS, **changes)))
    assert raised.value.code == code
