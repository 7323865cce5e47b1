import functools
import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from energygrid.flexibility.baselines.rule_set import Floor
from energygrid.flexibility.settlement.delivery import Direction, Metering, Pair, Portfolio, Terms, deliver

KWH = st.floats(0, 5).map(lambda value: round(value, 6))
FLEET = st.integers(1, 6).flatmap(
    lambda assets: st.tuples(arrays(float, (assets, 3), elements=KWH), arrays(float, (assets, 3), elements=KWH))
)


def pair(baseline: list[float], actual: list[float]) -> Pair:
    return Pair(np.array([baseline]), np.array([actual]))


def total(terms: Terms, *flows: Pair) -> float:
    return deliver(terms, *flows).total[0] / 1e6


@pytest.mark.parametrize(("baseline", "delivered"), [((0.598, 0.603), 341_000), ((0.5971, 0.6021), 339_200)])
def test_the_golden_vector(baseline: tuple[float, float], delivered: int) -> None:
    found = deliver(Terms(), pair([*baseline], [0.4272, 0.4328]))
    assert found.total.tolist() == [delivered]


def test_what_is_published_adds_up() -> None:
    found = deliver(Terms(floor=Floor.NET), pair([0.33333349, 0.2], [0.1000004, 0.3]))
    channel = found.channels[0]
    assert (channel.baseline - channel.actual).tolist() == channel.raw.tolist() == [[233_333, -100_000]]
    assert found.total.tolist() == [133_333]


@pytest.mark.parametrize(
    ("floor", "loss", "delivered"),
    [
        (Floor.PER_INTERVAL, 0.3, 0.2),
        (Floor.NET, 0.3, -0.1),
        (Floor.EVENT, 0.3, 0.0),
        (Floor.EVENT, 0.1, 0.1),
    ],
)
def test_a_floor_holds_for_what_it_is_named_after(floor: Floor, loss: float, delivered: float) -> None:
    assert total(Terms(floor=floor), pair([1.0, 1.0], [0.8, 1 + loss])) == delivered


def test_turning_up_counts_what_was_used_beyond_the_baseline() -> None:
    assert total(Terms(Direction.TURN_UP), pair([1.0, 1.0], [1.5, 0.5])) == 0.5


def test_no_more_is_delivered_than_the_baseline_had() -> None:
    """An import meter below zero, or a negative baseline of a house with panels."""
    capped = Terms(cap_at_baseline=True)
    assert total(capped, pair([0.5], [-0.2])) == 0.5
    assert total(capped, pair([-0.5], [-0.9])) == 0
    assert total(Terms(), pair([0.5], [-0.2])) == 0.7


def test_a_portfolios_interval_counts_up_to_what_it_was_sold_for() -> None:
    sold = Portfolio.of(deliver(Terms(), pair([2.0, 2.0], [0.0, 1.5])))
    assert sold.at_portfolio(Terms(), most=1_200_000).total.tolist() == [1_700_000]
    assert sold.sum_of_assets == 2_500_000


def test_export_counts_with_import_or_beside_it() -> None:
    taken, given_ = pair([0.2], [0.5]), pair([0.1], [0.9])
    assert total(Terms(metering=Metering.IMPORT), taken) == 0
    assert total(Terms(metering=Metering.NET), taken, given_) == 0.5
    assert total(Terms(metering=Metering.SEPARATE), taken, given_) == 0.8
    assert total(Terms(Direction.TURN_UP, metering=Metering.SEPARATE), taken, given_) == 0.3
    with pytest.raises(ValueError, match="exported energy"):
        deliver(Terms(metering=Metering.NET), taken)


def test_an_asset_that_lacks_a_value_counts_as_nothing_and_says_so() -> None:
    fleet = Pair(np.array([[1.0, 1.0], [1.0, 1.0]]), np.array([[0.5, np.nan], [0.5, 0.5]]))
    found = deliver(Terms(), fleet)
    assert found.complete.tolist() == [False, True]
    assert found.total.tolist() == [0, 1_000_000]
    assert Portfolio.of(found).assets == 1


def test_floored_assets_deliver_more_than_their_floored_portfolio() -> None:
    fleet = Pair(np.array([[1.0], [1.0]]), np.array([[0.4], [1.5]]))
    settled = Portfolio.of(deliver(Terms(), fleet))
    assert (settled.sum_of_assets, settled.at_portfolio(Terms()).total.tolist()) == (600_000, [100_000])


@given(FLEET)
def test_floors_never_add_up_to_less(fleet: tuple[np.ndarray, np.ndarray]) -> None:
    settled = Portfolio.of(deliver(Terms(), Pair(*fleet)))
    assert settled.sum_of_assets >= settled.at_portfolio(Terms()).total[0]


@given(FLEET, st.sampled_from(list(Metering)))
def test_without_floors_assets_add_up_to_their_portfolio(fleet, metering) -> None:
    terms = Terms(floor=Floor.NET, metering=metering)
    settled = Portfolio.of(deliver(terms, Pair(*fleet), Pair(fleet[1], fleet[0])))
    assert settled.sum_of_assets == settled.at_portfolio(terms).total[0]


@given(FLEET, st.sampled_from(list(Floor)), st.randoms())
def test_a_fleet_settled_in_parts_is_the_fleet(fleet, floor, random) -> None:
    terms = Terms(floor=floor)
    whole = Portfolio.of(deliver(terms, Pair(*fleet)))
    order = random.sample(range(len(fleet[0])), len(fleet[0]))
    parts = [Portfolio.of(deliver(terms, Pair(fleet[0][[at]], fleet[1][[at]]))) for at in order]
    together = functools.reduce(operator.add, parts)
    assert together.sum_of_assets == whole.sum_of_assets
    assert np.array_equal(together.figures, whole.figures)
