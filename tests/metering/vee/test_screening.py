"""Rules that refuse rows. Limits: powerbox.md 4.7."""

import time
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energygrid.metering.calendar import day_span
from energygrid.metering.quality import Quality
from energygrid.metering.readings import DAY_S, Commodity, Flow, Kind, ReadingBatch, SeriesKey
from energygrid.metering.vee.findings import Rule, Severity
from energygrid.metering.vee.screening import Expected, Verdict, duplicate_findings, duplicates, screen
from energygrid.metering.vee.settings import VeeSettings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MIDNIGHT = int(datetime(2026, 2, 1, tzinfo=UTC).timestamp())


def key(meter="1", flow=Flow.DELIVERED, kind=Kind.ENERGY, unit="kWh", interval_s=900) -> SeriesKey:
    return SeriesKey(meter, Commodity.ELECTRICITY, flow, kind, unit, interval_s)


def batch(start, value=None, series=None, index=None) -> ReadingBatch:
    start = np.array(start, np.int64)
    n = len(start)
    return ReadingBatch(
        series=series or [key()],
        index=np.zeros(n, np.int32) if index is None else np.array(index, np.int32),
        start=start,
        value=np.ones(n) if value is None else np.array(value, np.float64),
        quality=np.full(n, Quality.UNKNOWN, np.uint8),
        row=np.arange(2, n + 2),
    )


def verdicts(rows: ReadingBatch, **how) -> list[Verdict]:
    how.setdefault("settings", VeeSettings())
    return [Verdict(code) for code in screen(rows, now=NOW, **how).verdict]


def test_good_rows_are_taken():
    assert verdicts(batch(MIDNIGHT + np.arange(96) * 900)) == [Verdict.TAKEN] * 96


@pytest.mark.parametrize(
    ("flow", "kind", "verdict"),
    [
        (Flow.DELIVERED, Kind.ENERGY, Verdict.NEGATIVE),
        (Flow.RECEIVED, Kind.ENERGY, Verdict.NEGATIVE),
        (Flow.NET, Kind.ENERGY, Verdict.TAKEN),
        (Flow.DELIVERED, Kind.REACTIVE_ENERGY, Verdict.TAKEN),
        (Flow.TOTAL, Kind.TEMPERATURE, Verdict.TAKEN),
    ],
)
def test_v04_only_what_flows_both_ways_may_be_negative(flow, kind, verdict):
    assert verdicts(batch([MIDNIGHT], [-0.1], [key(flow=flow, kind=kind)])) == [verdict]


def test_v03_a_stamp_between_two_boundaries_is_off_the_grid():
    assert verdicts(batch([MIDNIGHT, MIDNIGHT + 60])) == [Verdict.TAKEN, Verdict.OFF_GRID]


def test_v03_the_grid_may_start_at_half_past():
    half_past = batch([MIDNIGHT, MIDNIGHT + 1800], series=[key(interval_s=3600)])
    assert verdicts(half_past, offsets=[1800]) == [Verdict.OFF_GRID, Verdict.TAKEN]


def test_v03_a_local_day_starts_at_local_midnight_whatever_the_clock_did():
    zone = "America/New_York"
    starts = [int(day_span(date(2025, month, 9), zone).start.timestamp()) for month in (3, 4)]
    days = batch([*starts, starts[1] + 3600], series=[key(interval_s=DAY_S)])
    assert verdicts(days, zones=[zone]) == [Verdict.TAKEN, Verdict.TAKEN, Verdict.OFF_GRID]


def test_v13_an_hour_ahead_is_taken_and_more_is_not():
    ahead = int(NOW.timestamp()) + np.array([3600, 4500])
    assert verdicts(batch(ahead)) == [Verdict.TAKEN, Verdict.FUTURE]


def test_v13_twenty_five_months_back_is_taken_and_more_is_not():
    limit = int(datetime(2024, 2, 1, 12, tzinfo=UTC).timestamp())
    assert verdicts(batch([limit, limit - 900])) == [Verdict.TAKEN, Verdict.TOO_OLD]
    assert verdicts(batch([0]), settings=VeeSettings(oldest_months=None)) == [Verdict.TAKEN]


def test_v12_rows_of_a_series_that_its_meter_is_not_configured_for_fall_and_the_rest_of_the_file_stays():
    series = [key("1"), key("2", unit="Wh"), key("3", interval_s=1800), key("4", unit="KWH")]
    rows = batch([MIDNIGHT] * 4, series=series, index=range(4))
    expected = [Expected("kWh", 900)] * 3 + [None]
    assert verdicts(rows, expected=expected) == [
        Verdict.TAKEN,
        Verdict.UNIT_MISMATCH,
        Verdict.INTERVAL_MISMATCH,
        Verdict.TAKEN,
    ]
    assert verdicts(rows, expected=[Expected("kWh", 900)] * 4)[3] == Verdict.TAKEN


def test_complaints_name_row_code_and_reason_and_findings_sum_them_up():
    rows = batch([MIDNIGHT, MIDNIGHT + 900, MIDNIGHT + 1800, MIDNIGHT + 60], [-1, 1, -2, 1])
    screened = screen(rows, now=NOW, settings=VeeSettings())
    assert screened.counts == {"OFF_GRID": 1, "NEGATIVE": 2}
    assert [(reject.row, reject.code) for reject in screened.rejects(rows, 2)] == [(2, "NEGATIVE"), (4, "NEGATIVE")]
    found = {finding.rule: finding for _, finding in screened.findings(rows)}
    assert set(found) == {Rule.OFF_GRID, Rule.NEGATIVE}
    assert found[Rule.NEGATIVE].severity is Severity.REJECT
    assert found[Rule.NEGATIVE].measured == 2
    assert found[Rule.NEGATIVE].end - found[Rule.NEGATIVE].start == timedelta(minutes=45)


def test_v01_tells_repeated_rows_from_contradicting_ones():
    starts = [MIDNIGHT, MIDNIGHT + 900, MIDNIGHT, MIDNIGHT + 900, MIDNIGHT + 1800]
    rows = batch(starts, [1, 2, 1, 3, 4])
    assert [part.tolist() for part in duplicates(rows)] == [[0], [1]]
    ((series, finding),) = duplicate_findings(rows)
    assert (series, finding.severity, finding.facts["otherValue"]) == (0, Severity.WARN, 1)
    ((_, finding),) = duplicate_findings(batch(starts[:1] * 2))
    assert finding.severity is Severity.INFO
    assert duplicate_findings(batch([MIDNIGHT, MIDNIGHT], series=[key("1"), key("2")], index=[0, 1])) == []


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5), st.sampled_from([1.0, 2.0, np.nan])), max_size=30))
def test_v01_leaves_one_row_for_each_interval_and_series(rows):
    series, step, value = zip(*rows, strict=True) if rows else ((), (), ())
    found = duplicates(batch(MIDNIGHT + np.array(step, np.int64) * 900, value, [key(str(i)) for i in range(3)], series))
    assert len(rows) - len(found.same) - len(found.different) == len({(s, k) for s, k, _ in rows})


def test_an_empty_batch_is_screened_too():
    nothing = batch([])
    assert screen(nothing, now=NOW, settings=VeeSettings()).counts == {}
    assert duplicate_findings(nothing) == []


def test_a_million_rows_are_screened_in_fifty_milliseconds():
    n = 1_000_000
    series = [key(str(i)) for i in range(100)]
    rows = batch(MIDNIGHT - np.arange(n) // 100 * 900, np.ones(n), series, np.arange(n) % 100)
    expected = [Expected("kWh", 900)] * 100
    best = float("inf")
    for _ in range(5):
        begun = time.perf_counter()
        screen(rows, now=NOW, settings=VeeSettings(), expected=expected)
        best = min(best, time.perf_counter() - begun)
    assert best < 0.05
