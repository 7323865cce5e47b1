"""Rules on one series. Limits are the defaults of powerbox.md 4.7 unless a test says otherwise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energygrid.metering.vee import rules
from energygrid.metering.vee.findings import runs

values = st.lists(st.sampled_from([0.0, 0.4, 0.5, 3.0, np.nan]), max_size=40).map(np.array)


def pairs(hits) -> list[tuple[int, int]]:
    return list(zip(hits.low.tolist(), hits.high.tolist(), strict=True))


@given(st.lists(st.booleans(), max_size=50))
def test_runs_cover_what_is_true_and_nothing_else(mask):
    again = np.zeros(len(mask), bool)
    low, high = runs(np.array(mask, np.bool_))
    for a, b in zip(low, high, strict=True):
        again[a:b] = True
    assert again.tolist() == mask
    assert (low[1:] > high[:-1]).all()


def test_v02_a_gap_is_as_long_as_its_missing_intervals():
    hits = rules.gaps(np.array([False, True, True, False, True]))
    assert pairs(hits) == [(1, 3), (4, 5)]
    assert hits.measured.tolist() == [2, 1]


@pytest.mark.parametrize(("zeros", "found"), [(95, []), (96, [(1, 97)]), (200, [(1, 201)])])
def test_v05_a_day_of_zero_quarter_hours_is_found_and_a_little_less_is_not(zeros, found):
    value = np.concatenate(([0.2], np.zeros(zeros), [0.1]))
    hits = rules.zero_runs(value, 0.25, 24)
    assert pairs(hits) == found
    assert hits.measured.tolist() == [zeros / 4] * len(found)


def test_v05_a_missing_value_is_no_zero():
    value = np.zeros(96)
    value[50] = np.nan
    assert pairs(rules.zero_runs(value, 0.25, 24)) == []


@pytest.mark.parametrize(("times", "found"), [(11, []), (12, [(1, 13)])])
def test_v06_a_value_twelve_times_in_a_row_is_stuck(times, found):
    value = np.concatenate(([0.2], np.full(times, 0.5), [0.1]))
    assert pairs(rules.stuck(value, 12)) == found


@given(values)
def test_v06_never_speaks_of_zeros_or_gaps(value):
    for low, high in pairs(rules.stuck(value, 2)):
        assert len(set(value[low:high].tolist())) == 1
        assert value[low] > 0


def test_v07_more_than_180_percent_above_the_third_highest_of_the_day_is_a_spike():
    # Third highest 1.0: the limit is 2.8.
    day = np.repeat([0, 1], 5)
    value = np.array([0.5, 1.0, 1.2, 2.8, 0.1, 0.5, 1.0, 1.2, 2.9, 0.1])
    hits = rules.spikes(value, day, 1.8, 1.0)
    assert pairs(hits) == [(8, 9)]
    assert (hits.measured[0], hits.limit[0]) == (2.9, pytest.approx(2.8))


def test_v07_two_spikes_of_one_day_are_both_found():
    assert pairs(rules.spikes(np.array([0.5, 9.0, 0.5, 8.0, 0.5]), np.zeros(5, int), 1.8, 1.0)) == [(1, 2), (3, 4)]


def test_v07_what_is_below_one_kilowatt_hour_is_never_a_spike():
    assert pairs(rules.spikes(np.array([0.01, 0.01, 1.0, 0.01]), np.zeros(4, int), 1.8, 1.0)) == []
    assert pairs(rules.spikes(np.array([0.0, 0.0, 1.1, 0.0]), np.zeros(4, int), 1.8, 1.0)) == [(2, 3)]


def test_v07_a_day_with_two_readings_says_nothing():
    assert pairs(rules.spikes(np.array([0.1, 9.0, np.nan]), np.zeros(3, int), 1.8, 1.0)) == []


@given(st.lists(st.integers(3, 100), min_size=1, max_size=6), st.integers(0, 2**32 - 1))
def test_v07_is_the_formula_day_by_day(lengths, seed):
    random = np.random.default_rng(seed)
    day = np.repeat(np.arange(len(lengths)), lengths)
    value = np.round(random.lognormal(0, 1, len(day)), 3)
    expected = []
    for each in range(len(lengths)):
        third = sorted(value[day == each])[-3]
        expected += [i for i in np.flatnonzero(day == each) if value[i] > 1 and value[i] > third * 2.8]
    assert rules.spikes(value, day, 1.8, 1.0).low.tolist() == expected


def test_v08_more_than_the_service_can_carry_is_above_the_cap():
    # A 10 kVA service over a quarter hour with 20 % margin: 3 kWh.
    hits = rules.above_cap(np.array([1, 3, 3.1, 4, np.nan, 5]), 10 * 0.25 * 1.2)
    assert pairs(hits) == [(2, 4), (5, 6)]
    assert hits.measured.tolist() == [4, 5]


@pytest.mark.parametrize(
    ("average", "reference", "limit"),
    [(10, 4, []), (10.1, 4, [2.5]), (4, 10, []), (3.9, 10, [0.4]), (3, 0, []), (np.nan, 4, []), (3, np.nan, [])],
)
def test_v10_average_daily_use_between_40_and_250_percent_of_its_reference_is_normal(average, reference, limit):
    hits = rules.high_low(np.array([average]), np.array([reference]), (0.4, 2.5))
    assert hits.limit.tolist() == limit


def test_v14_more_than_seven_days_without_a_measured_value_is_prolonged():
    hourly = np.zeros(24 * 20, np.bool_)
    hourly[10 : 10 + 24 * 7] = True
    assert pairs(rules.prolonged(hourly, 1.0, 7.0)) == []
    hourly[10 + 24 * 7] = True
    assert pairs(rules.prolonged(hourly, 1.0, 7.0)) == [(10, 10 + 24 * 7 + 1)]


def test_v15_generation_is_told_day_by_day():
    hits = rules.generation(np.array([0, 0.5, np.nan, 0, 0, 1, 2, 0]), np.array([1, 1, 1, 2, 2, 3, 3, 3]))
    assert pairs(hits) == [(0, 3), (5, 8)]
    assert hits.measured.tolist() == [0.5, 3]


@given(values)
def test_no_rule_trips_over_missing_values_or_an_empty_series(value):
    day = np.arange(len(value)) // 7
    for hits in (
        rules.gaps(np.isnan(value)),
        rules.zero_runs(value, 1, 2),
        rules.stuck(value, 2),
        rules.spikes(value, day, 1.8, 1),
        rules.above_cap(value, 1),
        rules.generation(value, day),
        rules.prolonged(np.isnan(value), 1, 0.1),
    ):
        assert (hits.low < hits.high).all()
        assert (hits.high <= len(value)).all()
        assert not np.isnan(hits.measured).any()
