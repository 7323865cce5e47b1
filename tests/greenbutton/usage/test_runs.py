"""The fast writer against the slow one."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from energygrid.greenbutton.atom import xml_entry
from energygrid.greenbutton.usage.codes import MOST, UOMS, ReadingCodes
from energygrid.greenbutton.usage.run_xml import xml_run
from energygrid.greenbutton.usage.runs import NO_COST, IntervalRun

CODES = ReadingCodes(4, 1, 12, 1, 900, 12, 0, 0, UOMS["kWh"])
READING = "https://dc.example.org/100%25/Subscription/1/UsagePoint/2/MeterReading/3"


def run_of(sizes: list[int], **columns: Any) -> IntervalRun:
    n, b = sum(sizes), len(sizes)
    facts: dict[str, Any] = {
        "ids": np.arange(b) + 5 * 10**15,
        "published": np.full(b, 1_700_000_000),
        "updated": np.full(b, 1_700_000_001),
        "start": 1_767_243_600 + np.arange(n) * 900,
        "duration": np.full(n, 900),
        "value": np.arange(n),
        "quality": np.full(n, 17),
    } | columns
    bounds = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
    return IntervalRun("2", "3", READING, CODES, bounds=bounds, **facts)


numbers = st.one_of(st.integers(-MOST, MOST), st.sampled_from([0, 9, 10, 9999, 10_000, 99_999_999, 100_000_000, -1]))


@given(st.data())
def test_columns_are_written_as_entries_are(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    n = sum(sizes)

    def column(of: st.SearchStrategy[int]) -> np.ndarray:
        return np.array(data.draw(st.lists(of, min_size=n, max_size=n)), np.int64)

    optional = st.one_of(st.just(NO_COST), numbers)
    run = run_of(
        sizes,
        start=column(st.integers(0, 4_102_444_800)),
        duration=column(st.sampled_from([0, 900, 82_800, 86_400])),
        value=column(numbers),
        quality=column(st.sampled_from([17, 8, 10, 16])),
        cost=column(optional) if data.draw(st.booleans()) else None,
        tou=column(optional) if data.draw(st.booleans()) else None,
    )
    assert b"".join(xml_run(run)) == b"".join(map(xml_entry, run.entries()))


def test_a_run_without_blocks_is_nothing() -> None:
    assert list(xml_run(run_of([]))) == []


def test_a_long_run_is_written_as_its_entries_are() -> None:
    rng = np.random.default_rng(1)
    run = run_of([96] * 50, value=rng.integers(-(10**6), 10**9, 4800), quality=rng.choice([17, 8], 4800))
    assert b"".join(xml_run(run)) == b"".join(map(xml_entry, run.entries()))


def test_pieces_are_of_whole_blocks_and_bounded_however_long_the_run() -> None:
    run = run_of([96] * 400 + [3000] + [96])
    pieces = list(xml_run(run))
    assert all(piece.startswith(b"<entry>") and piece.endswith(b"</entry>\n") for piece in pieces)
    longest = sum(map(len, pieces)) * 3000 / len(run.start)
    assert max(map(len, pieces)) < 1.2 * longest
    assert len(pieces) == 22
