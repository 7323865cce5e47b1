import math
from datetime import date, time, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from energygrid.flexibility.accuracy import Verdict, backtest, days_to_load, measure, placebo_days, rank
from energygrid.flexibility.baselines import catalogue
from energygrid.flexibility.baselines.days import Usage, holidays

HALF_HOUR = 1800
KWH = st.integers(0, 5000).map(lambda wh: wh / 1000)
EVENING = (time(17), time(19))
ON = date(2026, 1, 15)
BL01 = catalogue.find("BL01_NO_IDA", ON)


def test_the_measures_worked_by_hand() -> None:
    """Errors 0.1, -0.2, 0.3, 0 over actuals 0.5, 1, 0.004, 0.5."""
    actual = np.array([[[0.5, 1.0], [0.004, 0.5]]])
    error = np.array([[[0.1, -0.2], [0.3, 0.0]]])
    found = measure(actual + error, actual, HALF_HOUR)
    assert (found.days.tolist(), found.n.tolist()) == ([2], [4])
    assert found.bias[0] == pytest.approx(0.05)
    assert found.nmbe[0] == pytest.approx(0.2 / 2.004)
    assert found.mae[0] == pytest.approx(0.15)
    assert found.wape[0] == pytest.approx(0.6 / 2.004)
    assert found.mape[0] == pytest.approx((0.2 + 0.2 + 0) / 3)
    assert found.rmse[0] == pytest.approx(math.sqrt(0.14 / 4))
    assert found.cvrmse[0] == pytest.approx(math.sqrt(0.14 / 4) / 0.501)
    assert found.rrmse[0] == pytest.approx(math.sqrt((0.01 + 0.09) / 2) / 1.002)
    assert found.verdict.tolist() == [Verdict.UNKNOWN]


@pytest.mark.parametrize(
    ("days", "error", "verdict"),
    [(20, 0.2, Verdict.PASS), (20, 0.21, Verdict.FAIL), (19, 0.2, Verdict.UNKNOWN)],
)
def test_twenty_percent_over_twenty_days_is_good_enough(days: int, error: float, verdict: Verdict) -> None:
    actual = np.ones((1, days, 2))
    assert measure(actual - error, actual, HALF_HOUR).verdict.tolist() == [verdict]


def test_without_days_or_use_there_is_nothing_to_say() -> None:
    unused, none = np.zeros((1, 20, 2)), np.full((1, 20, 2), np.nan)
    found = measure(np.concatenate([unused + 1, none]), np.concatenate([unused, none]), HALF_HOUR)
    assert found.n.tolist() == [40, 0]
    assert found.bias[0] == 1
    for figure in (found.nmbe, found.wape, found.mape, found.cvrmse, found.rrmse, found.bias[1:]):
        assert np.isnan(figure).all()
    assert found.verdict.tolist() == [Verdict.UNKNOWN] * 2


@given(arrays(float, (3, 4, 3), elements=KWH), arrays(float, (3, 4, 3), elements=KWH))
def test_the_measures_bound_each_other_and_do_not_depend_on_company(baseline, actual) -> None:
    found = measure(baseline, actual, HALF_HOUR)
    assert (np.abs(found.bias) <= found.mae * (1 + 1e-9)).all()
    assert (found.mae <= found.rmse * (1 + 1e-9)).all()
    for asset in range(3):
        alone = measure(baseline[[asset]], actual[[asset]], HALF_HOUR)
        assert np.array_equal(alone.rmse, found.rmse[[asset]])
        assert np.array_equal(alone.rrmse, found.rrmse[[asset]], equal_nan=True)


def fleet(rules, placebo: tuple[date, ...], seed: int = 1) -> Usage:
    days = days_to_load([rules], "Europe/London", EVENING, placebo)
    return Usage(days, np.random.default_rng(seed).gamma(4, 0.1, (3, days.offset[-1])))


def test_placebo_days_are_like_the_events_day() -> None:
    off = holidays("GB-ENG", date(2025, 1, 1), ON)
    found = placebo_days(BL01, ON, 22, off)
    assert len(found) == 22
    assert all(day < ON and day.weekday() < 5 and day not in off for day in found)
    assert found[-1] == date(2026, 1, 14)
    assert placebo_days(BL01, date(2026, 1, 18), 3, off) == (date(2026, 1, 10), date(2026, 1, 11), date(2026, 1, 17))


@pytest.mark.parametrize("name", ["BL01", "CAISO_5_OF_10", "PJM_3_DAY_TYPES", "NYISO_5_OF_10"])
def test_a_placebo_baseline_knows_nothing_of_its_own_hours_or_of_later_days(name: str) -> None:
    rules = catalogue.find(name, ON)
    placebo = placebo_days(rules, ON, 5, ())
    usage = fleet(rules, placebo)
    before = backtest(rules, usage, EVENING, placebo).baseline
    changed = usage.kwh.copy()
    days = usage.days
    own = days.offset[days.index(placebo[2])]
    changed[:, own + 34 : own + 38] *= 3
    changed[:, days.offset[days.index(placebo[3])] :] *= 3
    after = backtest(rules, Usage(days, changed), EVENING, placebo).baseline
    assert np.array_equal(before[:, :3], after[:, :3])
    assert not np.isclose(before[:, 4], after[:, 4]).any()


def test_event_days_short_histories_and_gaps_are_no_placebo_days() -> None:
    placebo = placebo_days(BL01, ON, 4, ())
    usage = fleet(BL01, placebo)
    days = usage.days
    kwh = usage.kwh.copy()
    kwh[0, days.offset[days.index(placebo[1])] + 34] = np.nan
    kwh[2, : days.offset[days.index(placebo[0] - timedelta(days=6))]] = np.nan
    events = np.zeros((3, len(days.number)), bool)
    events[1, days.index(placebo[2])] = True
    found = backtest(BL01, Usage(days, kwh), EVENING, placebo, event_days=events)
    none = np.isnan(found.actual).all(axis=2)
    assert none[:2].tolist() == [[False, True, False, False], [False, False, True, False]]
    assert none[2].tolist() == [True, False, False, False], "four working days before the first, five before the others"
    assert np.array_equal(np.isnan(found.actual), np.isnan(found.baseline))
    assert found.accuracy().days.tolist() == [3, 3, 3]


def test_days_on_which_clocks_change_are_left_out() -> None:
    placebo = (date(2025, 10, 25), date(2025, 10, 26), date(2025, 11, 1))
    usage = fleet(BL01, placebo)
    assert backtest(BL01, usage, EVENING, placebo).days == (placebo[0], placebo[2])
    assert backtest(BL01, usage, EVENING, placebo[1:2]).accuracy().days.tolist() == [0, 0, 0]


def test_a_meter_that_repeats_itself_is_foretold_exactly() -> None:
    placebo = placebo_days(BL01, ON, 20, ())
    days = days_to_load([BL01], "Europe/London", EVENING, placebo)
    found = backtest(BL01, Usage(days, np.full((1, days.offset[-1]), 0.25)), EVENING, placebo).accuracy()
    assert (found.rmse[0], found.rrmse[0], found.verdict[0]) == (0, 0, Verdict.PASS)


def test_the_interquartile_range_is_the_one_of_numpy() -> None:
    dice = np.random.default_rng(6)
    actual = dice.gamma(2, 0.2, (4, 7, 3))
    actual[1, 2] = np.nan
    actual[2, 1:] = np.nan
    actual[3] = np.nan
    found = measure(actual + 0.1, actual, HALF_HOUR).pnrmse
    expected = [0.1 / np.subtract(*np.nanpercentile(each, [75, 25])) for each in actual[:3]]
    np.testing.assert_allclose(found, [*expected, np.nan])


def test_methods_are_ranked_by_error_and_then_by_bias() -> None:
    actual = np.ones((3, 20, 2))
    alternating = np.where(np.arange(20) % 2, 0.1, -0.1)[None, :, None] * actual
    none = np.array([0, 0, np.nan])[:, None, None]
    methods = [measure(actual + error, actual + error * 0, HALF_HOUR) for error in (0.1 * actual + none, alternating)]
    worse = measure(actual * 1.2, actual, HALF_HOUR)
    assert rank([worse, *methods]).tolist() == [[2, 2, 1], [1, 1, 2], [0, 0, 0]]
