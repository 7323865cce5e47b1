"""The ladder E1 to E5 (powerbox.md 4.7)."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from energygrid.metering.calendar import day_number
from energygrid.metering.quality import Quality
from energygrid.metering.readings import DAY_S
from energygrid.metering.vee.estimation import Bracket, Estimates, Step, estimate
from energygrid.metering.vee.settings import VeeSettings
from energygrid.metering.vee.stretch import Stretch

MONDAY = date(2025, 9, 1)
DEFAULTS = VeeSettings()
AFTER_30_DAYS = 30 * 96


def cut(stretch: Stretch, low: int, high: int) -> np.ndarray:
    """Remove the values of `[low, high)`; the mask of what is then wanted."""
    stretch.value[low:high] = np.nan
    stretch.quality[low:high] = Quality.MISSING
    return stretch.unmeasured.copy()


def steps(found: Estimates, wanted: np.ndarray) -> set[int]:
    return set(found.step[wanted].tolist())


def test_e1_two_hours_between_good_neighbours_are_a_straight_line(household):
    stretch = household(MONDAY, 40)
    low = AFTER_30_DAYS + 40
    wanted = cut(stretch, low, low + 8)
    stretch.value[low - 1], stretch.value[low + 8] = 1.0, 1.9
    found = estimate(stretch, wanted, DEFAULTS)
    assert steps(found, wanted) == {Step.LINEAR}
    assert found.value[wanted].tolist() == pytest.approx([1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8])


@pytest.mark.parametrize("neighbour", [Quality.ESTIMATED, Quality.SUSPECT, Quality.MISSING])
def test_e1_needs_neighbours_that_were_measured(household, neighbour):
    stretch = household(MONDAY, 40)
    low = AFTER_30_DAYS + 40
    stretch.quality[low - 1] = neighbour
    wanted = cut(stretch, low, low + 8)
    assert steps(estimate(stretch, wanted, DEFAULTS), wanted) == {Step.LIKE_DAYS}


def test_e2_an_hour_with_one_good_neighbour_takes_its_value(household):
    stretch = household(MONDAY, 40)
    low = AFTER_30_DAYS + 40
    stretch.quality[low + 4] = Quality.SUSPECT
    wanted = cut(stretch, low, low + 4)
    found = estimate(stretch, wanted, DEFAULTS)
    assert steps(found, wanted) == {Step.FLAT}
    assert found.value[wanted].tolist() == [stretch.value[low - 1]] * 4


def test_e3_longer_gaps_take_the_wall_clock_of_like_days(household):
    stretch = household(MONDAY, 40)
    truth = stretch.value.copy()
    wanted = cut(stretch, AFTER_30_DAYS + 10, AFTER_30_DAYS + 3 * 96 + 50)  # Wednesday to Saturday
    found = estimate(stretch, wanted, DEFAULTS)
    assert steps(found, wanted) == {Step.LIKE_DAYS}
    assert found.value[wanted] == pytest.approx(truth[wanted], abs=1e-9)


def test_e3_is_the_mean_of_the_four_most_recent_like_days(household):
    stretch = household(MONDAY, 40, interval_s=DAY_S)
    stretch.value[:] = np.arange(40.0)
    wanted = cut(stretch, 37, 38)  # a Wednesday; the weekdays before it are 36, 35, 32, 31
    assert estimate(stretch, wanted, DEFAULTS).value[37] == (36 + 35 + 32 + 31) / 4


def test_e3_leaves_out_days_with_estimates_gaps_or_a_holiday(household):
    stretch = household(MONDAY, 40, interval_s=DAY_S)
    stretch.value[:] = np.arange(40.0)
    stretch.quality[36] = Quality.ESTIMATED
    stretch.value[35] = np.nan
    holiday = MONDAY + timedelta(days=32)
    wanted = np.arange(40) == 37
    found = estimate(stretch, wanted, VeeSettings(holidays=[holiday]))
    assert found.value[37] == (31 + 30 + 29 + 28) / 4


def test_e3_a_holiday_is_estimated_like_a_sunday(household):
    stretch = household(MONDAY, 40, interval_s=DAY_S)
    stretch.value[:] = np.arange(40.0)
    wanted = cut(stretch, 37, 38)
    found = estimate(stretch, wanted, VeeSettings(holidays=[MONDAY + timedelta(days=37)]))
    assert found.value[37] == (34 + 27 + 20 + 13) / 4


@pytest.mark.parametrize(("back", "step"), [(90, Step.LIKE_DAYS), (91, Step.NONE)])
def test_e3_looks_ninety_days_back_and_no_further(household, back, step):
    stretch = household(MONDAY, 120, interval_s=DAY_S)
    stretch.quality[:] = Quality.ESTIMATED
    stretch.quality[119 - back] = Quality.ACTUAL  # a Tuesday or a Monday
    wanted = cut(stretch, 119, 120)  # a Monday
    assert estimate(stretch, wanted, DEFAULTS).step[119] == step


@pytest.mark.parametrize("day", [date(2025, 3, 9), date(2025, 11, 2)])
def test_e3_follows_the_wall_clock_over_a_clock_change(household, day):
    stretch = household(day - timedelta(days=40), 45)
    truth = stretch.value.copy()
    low, high = np.searchsorted(stretch.day, day_number(day) + np.array([0, 1]))
    assert high - low in {92, 100}
    wanted = cut(stretch, low, high)
    found = estimate(stretch, wanted, DEFAULTS)
    assert found.value[wanted] == pytest.approx(truth[wanted], abs=1e-9)


def test_e4_without_like_days_the_same_month_of_the_year_before_gives_the_shape(household):
    stretch = household(MONDAY, 5)
    truth = stretch.value.copy()
    wanted = cut(stretch, 0, 3 * 96)
    stretch.quality[3 * 96 :] = Quality.SUSPECT
    past = household(date(2024, 8, 15), 60)
    found = estimate(stretch, wanted, DEFAULTS, history=[past])
    assert steps(found, wanted) == {Step.LAST_YEAR}
    assert found.value[wanted] == pytest.approx(truth[wanted], abs=1e-9)


def test_e5_with_nothing_to_estimate_from_the_gap_stays_missing(household):
    stretch = household(MONDAY, 5)
    wanted = cut(stretch, 0, 3 * 96)
    stretch.quality[3 * 96 :] = Quality.SUSPECT
    found = estimate(stretch, wanted, DEFAULTS, history=[household(date(2024, 7, 1), 20)])
    assert steps(found, wanted) == {Step.NONE}
    assert np.isnan(found.value).all()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.integers(0, 300), st.integers(1, 400), st.integers(0, 10**6))
def test_estimates_in_a_register_bracket_add_up_to_its_difference_to_the_last_digit(household, at, length, thousandths):
    stretch = household(MONDAY, 45)
    low = AFTER_30_DAYS + at
    wanted = cut(stretch, low, low + length)
    first, last = low - 20, low + length + 30
    measured = float(np.nansum(stretch.value[first:last]))
    bracket = Bracket(int(stretch.start[first]), int(stretch.end[last - 1]), round(measured + thousandths / 1000, 3))
    found = estimate(stretch, wanted, DEFAULTS, brackets=[bracket])
    assert found.fitted[wanted].all()
    assert (found.value[wanted] >= 0).all()
    whole = np.where(wanted, found.value, stretch.value)[first:last]
    assert whole.sum() == pytest.approx(bracket.difference, abs=1e-7)


def test_scaling_keeps_the_shape(household):
    stretch = household(MONDAY, 40)
    truth = stretch.value.copy()
    low = AFTER_30_DAYS
    wanted = cut(stretch, low, low + 96)
    bracket = Bracket(int(stretch.start[low]), int(stretch.end[low + 95]), float(truth[low : low + 96].sum()) * 1.5)
    found = estimate(stretch, wanted, DEFAULTS, brackets=[bracket])
    assert found.value[wanted][:-1] == pytest.approx(truth[wanted][:-1] * 1.5, abs=6e-4)


@pytest.mark.parametrize("difference", [0.0, 1e-3])
def test_a_register_that_counted_less_than_the_intervals_scales_nothing(household, difference):
    stretch = household(MONDAY, 40)
    low = AFTER_30_DAYS
    wanted = cut(stretch, low, low + 20)
    bracket = Bracket(int(stretch.start[low - 96]), int(stretch.end[low + 95]), difference)
    assert not estimate(stretch, wanted, DEFAULTS, brackets=[bracket]).fitted.any()


def test_gaps_of_a_bracket_are_scaled_together(household):
    stretch = household(MONDAY, 40)
    low = AFTER_30_DAYS
    cut(stretch, low, low + 20)
    del stretch.unmeasured
    wanted = cut(stretch, low + 60, low + 70)
    rest = float(np.nansum(stretch.value[low : low + 96]))
    bracket = Bracket(int(stretch.start[low]), int(stretch.end[low + 95]), rest + 30)
    found = estimate(stretch, wanted, DEFAULTS, brackets=[bracket])
    assert float(found.value[wanted].sum()) == pytest.approx(30, abs=1e-7)
    assert found.value[low] / found.value[low + 60] != 1


def test_nothing_is_estimated_from_values_that_failed(household):
    stretch = household(MONDAY, 40)
    low = AFTER_30_DAYS + 40
    wanted = cut(stretch, low, low + 4)
    failed = np.zeros(len(wanted), np.bool_)
    failed[low - 1] = True
    stretch.value[low - 1] = 99.0
    found = estimate(stretch, wanted, DEFAULTS, distrusted=failed)
    assert found.value[wanted].max() < 1
