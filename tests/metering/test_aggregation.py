"""Adding readings up. The calendar's own tests cite the clock changes used here."""

import itertools
import time
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energygrid.errors import Invalid
from energygrid.metering import calendar
from energygrid.metering.aggregation import Totals, aggregate, how
from energygrid.metering.calendar import Grain, Span
from energygrid.metering.quality import Quality
from energygrid.metering.readings import DAY_S, Kind

NEW_YORK = "America/New_York"


def quarter_hours(first: date, days: int, zone: str = NEW_YORK) -> np.ndarray:
    start, end = calendar.day_starts(calendar.day_number(first) + np.array([0, days]), zone)
    return np.arange(start, end, 900)


def total(start, value, periods, interval_s=900, **options) -> Totals:
    quality = options.pop("quality", np.full(len(start), Quality.ACTUAL, np.uint8))
    return aggregate(start, value, quality, interval_s, periods, **options)


@given(
    st.sampled_from([NEW_YORK, "Australia/Lord_Howe", "Asia/Kolkata", "America/St_Johns", "Pacific/Apia"]),
    st.dates(date(2009, 1, 1), date(2026, 1, 1)),
    st.integers(1, 60),
    st.sampled_from(list(Grain)),
    st.integers(0, 2**32 - 1),
)
def test_every_way_to_cut_time_keeps_the_sum(zone, first, days, grain, seed):
    start = quarter_hours(first, days, zone)
    if not start.size:
        return  # a skipped day
    value = np.random.default_rng(seed).integers(0, 5000, len(start)) / 1000
    edges = calendar.edges(grain, Span.of(int(start[0]), int(start[-1]) + 900), zone)
    found = total(start, value, edges, allow_missing=1.0)
    assert np.nansum(found.value) == pytest.approx(value.sum(), rel=1e-12)
    assert found.present.sum() == len(start)


@given(st.data(), st.floats(0, 1))
def test_vector_sums_are_those_of_a_plain_loop(data, allow_missing):
    n = data.draw(st.integers(1, 40))
    kept = sorted(data.draw(st.sets(st.integers(0, n), min_size=1)))
    start = np.array(kept) * 900
    value = np.array(
        data.draw(st.lists(st.sampled_from([0.0, 0.5, 3.0, np.nan]), min_size=len(kept), max_size=len(kept)))
    )
    edges = np.array(sorted(data.draw(st.sets(st.integers(0, n + 3), min_size=2)))) * 900
    for way, function in (("sum", sum), ("max", max), ("mean", lambda v: sum(v) / len(v))):
        found = total(start, value, edges, how=way, allow_missing=allow_missing)
        for i, (low, high) in enumerate(itertools.pairwise(edges)):
            inside = [v for s, v in zip(start, value, strict=True) if low <= s < high and not np.isnan(v)]
            expected = (high - low) // 900
            assert found.present[i] == len(inside)
            assert found.expected[i] == expected
            if inside and expected - len(inside) <= allow_missing * expected:
                assert found.value[i] == pytest.approx(function(inside))
            else:
                assert np.isnan(found.value[i])


@pytest.mark.parametrize(
    ("day", "readings"), [(date(2024, 3, 10), 92), (date(2024, 7, 1), 96), (date(2024, 11, 3), 100)]
)
def test_a_local_day_of_quarter_hours_has_92_96_or_100_readings(day, readings):
    start = quarter_hours(day, 1)
    found = total(start, np.ones(len(start)), calendar.edges(Grain.DAY, calendar.day_span(day, NEW_YORK), NEW_YORK))
    assert (found.value.tolist(), found.expected.tolist()) == ([readings], [readings])


def test_a_missing_quarter_hour_makes_the_hour_missing_and_no_other():
    start = quarter_hours(date(2024, 7, 1), 1)
    value = np.ones(len(start))
    value[5] = np.nan
    found = total(start, value, calendar.edges(Grain.HOUR, Span.of(start[0], start[-1] + 900), NEW_YORK))
    assert np.flatnonzero(np.isnan(found.value)).tolist() == [1]
    assert found.quality[1] == Quality.MISSING
    assert found.coverage[1] == 0.75


def test_a_period_that_the_readings_do_not_reach_is_not_complete():
    start = quarter_hours(date(2024, 7, 1), 1)
    edges = calendar.edges(Grain.MONTH, Span.of(start[0], start[-1] + 900), NEW_YORK)
    assert np.isnan(total(start, np.ones(len(start)), edges).value).all()


def test_missing_readings_may_be_allowed_up_to_a_share():
    start = quarter_hours(date(2024, 7, 1), 1)
    value = np.ones(len(start))
    value[:5] = np.nan
    edges = calendar.edges(Grain.DAY, calendar.day_span(date(2024, 7, 1), NEW_YORK), NEW_YORK)
    assert total(start, value, edges, allow_missing=0.06).value.tolist() == [91]
    assert np.isnan(total(start, value, edges, allow_missing=0.05).value).all()


def test_the_worst_quality_of_a_period_stands_for_it():
    start = np.arange(8) * 900
    quality = np.full(8, Quality.ACTUAL, np.uint8)
    quality[1], quality[2], quality[5] = Quality.ESTIMATED, Quality.RAW, Quality.SUSPECT
    found = total(start, np.ones(8), np.array([0, 3600, 7200]), quality=quality)
    assert found.quality.tolist() == [Quality.ESTIMATED, Quality.SUSPECT]


@pytest.mark.parametrize(("interval_s", "grain"), [(7200, Grain.HOUR), (DAY_S, Grain.HOUR), (7200 * 2, Grain.HOUR)])
def test_an_interval_longer_than_the_period_is_refused(interval_s, grain):
    start = calendar.day_starts(calendar.day_number(date(2024, 7, 1)) + np.arange(3), NEW_YORK)
    edges = calendar.edges(grain, Span.of(int(start[0]), int(start[-1]) + DAY_S), NEW_YORK)
    with pytest.raises(Invalid) as refused:
        total(start, np.ones(3), edges, interval_s)
    assert refused.value.code == "TOO_COARSE"


def test_an_interval_across_local_midnight_is_refused():
    # Full UTC hours in India, where local days begin at half past.
    start = int(datetime(2024, 7, 1, tzinfo=UTC).timestamp()) + np.arange(48) * 3600
    edges = calendar.edges(Grain.DAY, Span.of(int(start[0]), int(start[-1])), "Asia/Kolkata")
    with pytest.raises(Invalid, match="do not fit"):
        total(start, np.ones(48), edges, 3600)


def test_local_days_of_any_length_add_up_to_months():
    start = calendar.day_starts(calendar.day_number(date(2024, 1, 1)) + np.arange(366), NEW_YORK)
    edges = calendar.edges(Grain.MONTH, Span.of(int(start[0]), int(start[-1]) + 3600), NEW_YORK)
    found = total(start, np.ones(366), edges, DAY_S)
    assert found.value.tolist() == [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]


def test_billing_periods_with_a_hole_between_them_take_only_their_own_days():
    start = quarter_hours(date(2024, 3, 1), 61)
    spans = calendar.billing_spans(
        [(date(2024, 3, 1), date(2024, 3, 31)), (date(2024, 4, 11), date(2024, 4, 20))], NEW_YORK
    )
    assert total(start, np.ones(len(start)), spans).value.tolist() == [31 * 96 - 4, 10 * 96]


def test_power_is_averaged_demand_takes_the_highest_and_energy_is_added():
    ways = {kind: how(kind) for kind in (Kind.ENERGY, Kind.VOLUME, Kind.POWER, Kind.DEMAND, Kind.VOLTAGE)}
    assert list(ways.values()) == ["sum", "sum", "mean", "max", "mean"]
    start, value = np.arange(4) * 900, np.array([1.0, 2.0, 3.0, 6.0])
    edges = np.array([0, 3600])
    assert [total(start, value, edges, how=way).value[0] for way in ("sum", "mean", "max")] == [12, 3, 6]


def test_no_readings_give_missing_periods():
    none = np.array([], np.int64)
    found = total(none, none.astype(float), np.array([0, 3600, 7200]))
    assert np.isnan(found.value).all()
    assert found.quality.tolist() == [Quality.MISSING] * 2


def test_a_meter_year_adds_up_to_months_in_less_than_a_millisecond():
    start = quarter_hours(date(2025, 1, 1), 365)
    value = np.ones(len(start))
    quality = np.full(len(start), Quality.ACTUAL, np.uint8)
    span = Span.of(int(start[0]), int(start[-1]) + 900)
    calendar.edges(Grain.MONTH, span, NEW_YORK)
    best = timedelta.max
    for _ in range(20):
        begun = time.perf_counter()
        aggregate(start, value, quality, 900, calendar.edges(Grain.MONTH, span, NEW_YORK))
        best = min(best, timedelta(seconds=time.perf_counter() - begun))
    assert best < timedelta(milliseconds=1)
