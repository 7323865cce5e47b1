import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energygrid.flexibility.baselines.uncertainty import (
    chance_delivered,
    coverage,
    of_portfolio,
    pinball,
    pool,
    quantiles,
)


def residuals(*days: list[float]) -> np.ndarray:
    """(assets, days, 1)"""
    return np.array(days)[:, :, None]


NONE = pool(residuals([0.0]), np.array([0.0]))


@pytest.mark.parametrize(("days", "expected"), [(20, (2, 10.5, 19)), (29, (3, 15, 27)), (39, (4, 20, 36))])
def test_quantiles_are_the_order_statistics_of_conformal_prediction(days: int, expected: tuple[float, ...]) -> None:
    shuffled = np.random.default_rng(1).permutation(np.arange(1.0, days + 1))
    found = quantiles(np.array([[100.0]]), shuffled[None, :, None], np.array([1.0]), NONE)
    assert found[:, 0, 0].tolist() == [100 + each for each in expected]


def test_an_asset_with_few_days_leans_on_the_pool_by_its_load() -> None:
    steady = np.tile(np.arange(-10.0, 11), (50, 1))[:, :, None]
    fleet = pool(steady, np.full(50, 2.0))
    assert fleet.quantiles[:, 0].tolist() == pytest.approx([-4, 0, 4], abs=0.5)
    nothing, half = np.full((1, 20, 1), np.nan), np.full((1, 20, 1), np.nan)
    half[0, :10] = 0.0
    one, load = np.array([[1.0]]), np.array([4.0])
    far = quantiles(one, nothing, load, fleet)[:, 0, 0]
    near = quantiles(one, half, load, fleet)[:, 0, 0]
    np.testing.assert_allclose(far, 1 + 4 * fleet.quantiles[:, 0])
    np.testing.assert_allclose(near, 1 + 2 * fleet.quantiles[:, 0])


def test_without_days_and_pool_there_are_no_quantiles() -> None:
    assert np.isnan(quantiles(np.ones((1, 1)), np.full((1, 3, 1), np.nan), np.ones(1), NONE)).all()
    assert np.isnan(chance_delivered(np.ones(1), np.full((1, 3, 1), np.nan))).all()


@given(st.integers(0, 10**6), st.integers(1, 40))
def test_quantiles_never_cross_and_do_not_depend_on_company_or_order(seed: int, days: int) -> None:
    dice = np.random.default_rng(seed)
    errors, load = dice.normal(size=(4, days, 2)), dice.gamma(2, 1, 4)
    errors[1, dice.random(days) < 0.5] = np.nan
    fleet, base = pool(errors, load), dice.gamma(2, 1, (4, 2))
    found = quantiles(base, errors, load, fleet)
    assert (np.diff(found, axis=0) >= 0).all()
    assert np.array_equal(pool(errors[::-1], load[::-1]).quantiles, fleet.quantiles)
    for asset in range(4):
        alone = quantiles(base[[asset]], errors[[asset]], load[[asset]], fleet)
        assert np.array_equal(alone, found[:, [asset]])


def test_eight_days_of_ten_fall_between_the_outer_quantiles() -> None:
    """The promise of conformal prediction, on 2,000 assets with 29 days and one new day each."""
    dice = np.random.default_rng(8)
    errors = dice.gamma(2, 0.3, (2000, 30, 1)) - 0.5
    low, _, high = quantiles(np.zeros((2000, 1)), errors[:, :29], np.ones(2000), NONE)
    assert coverage(low, high, errors[:, 29]) == pytest.approx(0.8, abs=0.025)


def test_the_chance_of_having_delivered_counts_days() -> None:
    errors = residuals([-0.3, -0.1, 0.1, 0.3, np.nan])
    assert chance_delivered(np.array([0.2]), errors).tolist() == [0.75]
    assert chance_delivered(np.array([-0.2]), errors).tolist() == [0.25]
    lopsided = residuals([0.3, 0.3, 0.3, -0.1])
    assert chance_delivered(np.array([0.2]), lopsided).tolist() == [1.0]
    assert chance_delivered(np.array([0.2]), lopsided, turn_up=True).tolist() == [0.25]


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


def test_pinball_loss_is_lowest_at_the_quantile() -> None:
    actual = np.arange(1.0, 101)
    losses = {forecast: pinball(0.9, np.full(100, float(forecast)), actual) for forecast in (50, 80, 90, 95)}
    assert min(losses, key=losses.get) == 90
    assert pinball(0.9, np.array([1.0]), np.array([2.0])) == pytest.approx(0.9)
    assert pinball(0.9, np.array([2.0]), np.array([1.0])) == pytest.approx(0.1)


def test_what_is_missing_is_left_out_of_a_score() -> None:
    assert coverage(np.zeros(2), np.ones(2), np.array([0.5, np.nan])) == 1
    assert math.isnan(coverage(np.zeros(1), np.ones(1), np.array([np.nan])))
    assert math.isnan(pinball(0.5, np.zeros(1), np.array([np.nan])))
