"""The same readings in every form, exactly; and tables of any length in the same memory."""

import csv as csv_reader
import io
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.greenbutton.usage.test_runs import CODES, READING, numbers, run_of

from energygrid.errors import Unavailable
from energygrid.greenbutton.atom import USAGE, Entry
from energygrid.greenbutton.feed import Feed
from energygrid.greenbutton.twins import WRITERS, csv, json_feed, parquet
from energygrid.greenbutton.twins.tables import SCHEMA, UNITS
from energygrid.greenbutton.usage.codes import UOMS
from energygrid.greenbutton.usage.runs import NO_COST, IntervalRun

AT = datetime(2026, 1, 2, tzinfo=UTC)


def feed_of(entries: Callable[[], Iterator[Any]]) -> Feed:
    return Feed("A feed", "https://dc.example.org/x", "espi-feed/Subscription", AT, "1", entries)


def rows_of(text: bytes) -> list[dict[str, str]]:
    return list(csv_reader.DictReader(io.StringIO(text.decode())))


@st.composite
def runs(draw: st.DrawFn) -> IntervalRun:
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    n = sum(sizes)

    def column(of: st.SearchStrategy[int]) -> np.ndarray:
        return np.array(draw(st.lists(of, min_size=n, max_size=n)), np.int64)

    tou = st.one_of(st.just(NO_COST), st.integers(-(2**15), 2**15 - 1))
    return run_of(
        sizes,
        start=column(st.integers(0, 4_102_444_800)),
        duration=column(st.sampled_from([0, 900, 82_800, 90_000])),
        value=column(numbers),
        quality=column(st.sampled_from([17, 8, 10, 16])),
        cost=column(st.one_of(st.just(NO_COST), numbers)) if draw(st.booleans()) else None,
        tou=column(tou) if draw(st.booleans()) else None,
    )


def optional(column: np.ndarray | None, n: int) -> list[int | None]:
    return [None] * n if column is None else [None if each == NO_COST else each for each in column.tolist()]


@given(runs())
def test_csv_parquet_and_json_say_what_the_columns_say(run: IntervalRun) -> None:
    feed, n = feed_of(lambda: iter([run])), len(run.start)
    costs, tous = optional(run.cost, n), optional(run.tou, n)
    expected = list(
        zip(
            run.start.tolist(),
            run.duration.tolist(),
            run.value.tolist(),
            run.quality.tolist(),
            costs,
            tous,
            strict=True,
        )
    )
    told = [
        reading for entry in json.loads(b"".join(json_feed(feed)))["entries"] for reading in entry["IntervalReading"]
    ]
    assert expected == [
        (
            each["timePeriod"]["start"],
            each["timePeriod"]["duration"],
            each["value"],
            each.get("ReadingQuality", [{"quality": 17}])[0]["quality"],
            each.get("cost"),
            each.get("tou"),
        )
        for each in told
    ]
    frame = pl.read_parquet(io.BytesIO(b"".join(parquet(feed))))
    assert frame.schema == SCHEMA
    assert [tuple(row) for row in frame.select(pl.col("start").dt.epoch("s"), "duration").rows()] == [
        each[:2] for each in expected
    ]
    rows = rows_of(b"".join(csv(feed)))
    for form, values in (("csv", [float(row["value"]) for row in rows]), ("parquet", frame["value"].to_list())):
        for value, exact in zip(values, run.value.tolist(), strict=True):
            assert value == pytest.approx(exact / 1000, rel=1e-15), form
    assert [int(row["quality"]) for row in rows] == frame["quality"].to_list() == run.quality.tolist()
    assert [int(row["tou"]) if row["tou"] else None for row in rows] == frame["tou"].to_list() == tous
    for cost, exact in zip(frame["cost"].to_list(), costs, strict=True):
        assert (None if cost is None else pytest.approx(cost * 100_000, rel=1e-12, abs=1e-6)) == exact
    assert [row["cost"] == "" for row in rows] == [each is None for each in costs]


def test_a_row_names_where_its_reading_is() -> None:
    [row] = rows_of(b"".join(csv(feed_of(lambda: iter([run_of([1])])))))
    assert row == {
        "usage_point": "2",
        "meter_reading": "3",
        "commodity": "1",
        "flow_direction": "1",
        "start": "2026-01-01T05:00:00Z",
        "duration": "900",
        "value": "0.0",
        "unit": "Wh",
        "cost": "",
        "quality": "17",
        "tou": "",
    }


@pytest.mark.parametrize("unit", sorted(UOMS))
def test_every_unit_that_readings_come_in_has_a_word(unit: str) -> None:
    assert UOMS[unit].code in UNITS
    run = replace(run_of([1], value=np.array([123_000])), codes=replace(CODES, uom=UOMS[unit]))
    [row] = rows_of(b"".join(csv(feed_of(lambda: iter([run])))))
    assert row["unit"] == UNITS[UOMS[unit].code]
    assert float(row["value"]) == pytest.approx(123_000 * 10.0 ** UOMS[unit].power)


def test_entries_without_readings_are_in_json_and_not_in_tables() -> None:
    line = (("amount", 5), ("note", "Energy"), ("itemKind", 1))
    content = (("costAdditionalDetailLastPeriod", line), ("statusTimeStamp", 7), ("id", "x"))
    entry = Entry("UsageSummary", USAGE, f"{READING}/1", READING, (), AT, AT, content)
    feed = feed_of(lambda: iter([entry]))
    [told] = json.loads(b"".join(json_feed(feed)))["entries"]
    assert told["costAdditionalDetailLastPeriod"] == [{"amount": 5, "note": "Energy", "itemKind": 1}]
    assert told["id"].startswith("urn:uuid:")
    assert told["UsageSummary.id"] == "x"
    assert rows_of(b"".join(csv(feed))) == []
    assert pl.read_parquet(io.BytesIO(b"".join(parquet(feed)))).is_empty()


@pytest.mark.parametrize("form", sorted(WRITERS))
def test_a_feed_that_breaks_off_says_why_and_leaves_no_file(
    form: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def entries() -> Iterator[Any]:
        yield run_of([96])
        raise Unavailable("DATA_CHANGED", "newer data came")

    with pytest.raises(Unavailable, match="newer data"):
        b"".join(WRITERS[form](feed_of(entries)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ["xml", "json", "csv"])
def test_pieces_come_before_the_feed_ends(form: str) -> None:
    """Of one that never does."""
    stopped = threading.Event()

    def entries() -> Iterator[Any]:
        try:
            while True:
                yield run_of([96] * 10)
        finally:
            stopped.set()

    pieces = WRITERS[form](feed_of(entries))
    assert all(next(pieces) for _ in range(5))
    pieces.close()  # type: ignore[attr-defined]
    assert stopped.is_set()


_MEASURED = """
import resource, sys
sys.path.insert(0, {root!r})
from tests.greenbutton.twins.test_twins import feed_of, run_of
from energygrid.greenbutton.twins import parquet

def peak(runs):
    feed = feed_of(lambda: (run_of([96] * 120) for _ in range(runs)))
    size = sum(len(piece) for piece in parquet(feed))
    return size, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

peak(2)
small, large = peak(20), peak(200)
print(large[0] / small[0], (large[1] - small[1]) / 1024)
"""


def test_a_parquet_file_of_any_length_takes_the_same_memory(pytestconfig: pytest.Config) -> None:
    """2.3 million readings are some 200 MB of columns."""
    script = _MEASURED.format(root=str(pytestconfig.rootpath))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    larger, grown_mib = map(float, done.stdout.split())
    assert larger > 5
    assert grown_mib < 50
