import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energygrid.flexibility.baselines.uncertainty import coverage, of_portfolio


def residuals(*days: list[float]) -> np.ndarray:
    """(assets, days, 1)"""
    return np.array(days)[:, :, None]


@pytest.mark.parametrize(("days", "expected"), [(20, (2, 10.5, 19)), (29, (3, 15, 27)), (39, (4, 20, 36))])
def test_quantiles_are_the_order_statistics_of_conformal_prediction(days: int, expected: tuple[float, ...]) -> None:
    shuffled = np.random.default_rng(1).permutation(np.arange(1.0, days + 1))
    found, count = of_portfolio(np.array([[100.0]]), shuffled[None, :, None])
    assert (found[:, 0].tolist(), count) == ([100 + each for each in expected], days)


def test_without_days_there_are_no_quantiles() -> None:
    found, count = of_portfolio(np.ones((1, 1)), np.full((1, 3, 1), np.nan))
    assert (np.isnan(found).all(), count) == (True, 0)


@given(st.integers(0, 10**6), st.integers(1, 40))
def test_quantiles_never_cross_and_do_not_depend_on_the_order_of_days(seed: int, days: int) -> None:
    dice = np.random.default_rng(seed)
    errors, base = dice.integers(-64, 64, (4, days, 2)) / 8, dice.integers(1, 64, (4, 2)) / 8
    errors[1, dice.random(days) < 0.5] = np.nan
    found, count = of_portfolio(base, errors)
    assert count == days
    assert (np.diff(found, axis=0) >= 0).all()
    assert np.array_equal(of_portfolio(base, errors[:, ::-1])[0], found)


def test_a_portfolio_keeps_what_its_assets_have_in_common() -> None:
    days = np.linspace(-1, 1, 21)
    together, apart = residuals(days, days), residuals(days, -days)
    base = np.ones((2, 1))
    assert of_portfolio(base, together)[0][:, 0].tolist() == pytest.approx([0.2, 2, 3.8], abs=0.11)
    assert of_portfolio(base, apart)[0][:, 0].tolist() == [2, 2, 2]


def test_an_asset_without_a_day_counts_as_the_others_did() -> None:
    found, days = of_portfolio(np.array([[1.0], [3.0]]), residuals([0.1, np.nan], [0.1, np.nan]))
    assert (found[:, 0].tolist(), days) == (pytest.approx([4.2] * 3), 1)
    found, days = of_portfolio(np.array([[1.0], [3.0]]), residuals([0.1], [np.nan]))
    assert (found[:, 0].tolist(), days) == (pytest.approx([4.4] * 3), 1)


def test_eight_days_of_ten_fall_between_the_outer_quantiles() -> None:
    """The promise of conformal prediction, on 2,000 assets with 29 older days and as many newer ones."""
    errors = np.random.default_rng(8).gamma(2, 0.3, (2000, 58, 1)) - 0.5
    assert coverage(errors).mean() == pytest.approx(0.8, abs=0.025)


def test_what_changes_is_not_covered() -> None:
    steady = np.tile([-0.2, 0.0, 0.2], 10)
    changed = np.where(np.arange(30) < 15, steady, steady + 1)
    half = np.where(np.arange(30) < 15, steady, np.where(np.arange(30) % 2, steady, 9.0))
    assert coverage(residuals(steady, changed, half)).tolist() == pytest.approx([1, 0, 8 / 15])


def test_coverage_needs_nine_older_days_and_a_newer_one() -> None:
    days = np.zeros((3, 20, 2))
    days[0, :2], days[1, :1], days[2, 10:] = np.nan, np.nan, np.nan
    assert coverage(days).tolist() == pytest.approx([np.nan, 1, np.nan], nan_ok=True)
    assert np.isnan(coverage(np.empty((2, 0, 1)))).all()
