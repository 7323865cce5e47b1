import random
from datetime import UTC, date, datetime
from uuid import UUID, uuid5

import numpy as np
import pytest

from energygrid.flexibility.baselines import catalogue, control_group
from energygrid.flexibility.baselines.compute import Baselines, State, compute
from energygrid.flexibility.baselines.control_group import (
    Called,
    Control,
    ControlGroup,
    Validity,
    distances,
    habits,
    held_out,
    validity,
)
from energygrid.flexibility.baselines.days import LocalDays, Usage
from energygrid.flexibility.settlement.energy import micro
from energygrid.metering.calendar import Span

EVENT = Span(datetime(2026, 1, 15, 17, tzinfo=UTC), datetime(2026, 1, 15, 18, tzinfo=UTC))
ON = date(2026, 1, 15)
RULES = catalogue.find("CONTROL_GROUP", ON)
BASE = catalogue.find(RULES.base, ON)
DAYS = LocalDays.around("Europe/London", EVENT, [BASE])
OWN = int(DAYS.offset[DAYS.index(ON)])


def flat(*levels: float) -> np.ndarray:
    return np.repeat(np.array(levels)[:, None], DAYS.offset[-1], axis=1)


def based(kwh: np.ndarray) -> tuple[Baselines, Usage]:
    usage = Usage(DAYS, kwh)
    return compute(BASE, usage, EVENT), usage


def group(kwh: np.ndarray) -> ControlGroup:
    """Of the controls with a profile and all readings of the event."""
    base, usage = based(kwh)
    actual = usage.over(EVENT)
    there = np.logical_not(np.isnan(actual).any(axis=1))
    known = zip(habits(base, usage, EVENT), micro(base.unadjusted).tolist(), micro(actual).tolist(), there, strict=True)
    return ControlGroup.of([Control(*each) for *each, here in known if here and each[0] is not None], 2)


def called(kwh: np.ndarray, of: ControlGroup) -> Baselines:
    base, usage = based(kwh)
    return control_group.compute(RULES, base, habits(base, usage, EVENT), of)


def compared(called: np.ndarray, controls: np.ndarray) -> Validity:
    theirs, ours = ([each for each in habits(*based(kwh), EVENT) if each is not None] for kwh in (called, controls))
    days = [np.array([each.day for each in some]).reshape(-1, 48) for some in (theirs, ours)]
    near = [None if np.isnan(each) else float(each) for each in distances(*days)]
    return validity([Called(each.load, each.window, far) for each, far in zip(theirs, near, strict=True)], ours)


def test_what_the_controls_did_is_added_to_scale() -> None:
    """A cold evening: controls of 0.5 kWh used 0.1 and 0.2 more; an asset of 1 kWh would have used twice that."""
    controls = flat(0.4, 0.6)
    controls[:, OWN + 34] += 0.1
    controls[:, OWN + 35] += 0.2
    found = group(controls)
    assert (found.controls, found.load, found.change) == (2, 48_000_000, (200_000, 400_000))
    moved = called(flat(1.0, 0.0), found)
    np.testing.assert_allclose(moved.adjusted, [[1.2, 1.4], [0, 0]])
    np.testing.assert_allclose(moved.unadjusted, [[1, 1], [0, 0]])
    assert moved.adjustment.tolist() == [2, 0]
    assert moved.rules.id == "CONTROL_GROUP"


def test_without_controls_the_baseline_is_pending() -> None:
    short = flat(1.0, 1.0)
    short[1, : OWN - 48] = np.nan
    found = called(short, ControlGroup.of([], 2))
    assert found.state.tolist() == [State.PENDING, State.INSUFFICIENT]
    assert np.array_equal(found.adjusted, based(short)[0].unadjusted)


def test_controls_that_use_nothing_move_every_asset_alike() -> None:
    controls = flat(0.0)
    controls[:, OWN + 34] = 0.1
    np.testing.assert_allclose(called(flat(1.0, 3.0), group(controls)).adjusted, [[1.1, 1], [3.1, 3]])


def test_sums_do_not_depend_on_the_order_and_the_digest_knows_every_control() -> None:
    controls = np.random.default_rng(2).gamma(2, 0.1, (50, DAYS.offset[-1]))
    order = random.Random(1).sample(range(50), 50)
    one, other, fewer = (group(each) for each in (controls, controls[order], controls[:49]))
    assert (one.change, one.load) == (other.change, other.load)
    assert one == group(controls)
    assert one.digest != fewer.digest


def test_what_is_known_of_an_asset_depends_on_its_own_readings_alone() -> None:
    kwh = np.random.default_rng(4).gamma(2, 0.1, (30, DAYS.offset[-1]))
    kwh[:10, OWN - 48 : OWN] = np.nan
    alone = [habits(*based(kwh[row : row + 1]), EVENT)[0] for row in range(30)]
    assert alone == habits(*based(kwh), EVENT)
    assert alone[0] is not None
    assert len(alone[0].window) == 10
    assert "2026-01-14" not in alone[0].window


def test_controls_like_the_called_assets_are_valid_and_others_are_not() -> None:
    dice = np.random.default_rng(3)
    shape = 1 + np.sin(np.arange(48) / 8)
    day = np.tile(shape, len(DAYS.number))[: DAYS.offset[-1]]
    theirs = day * (1 + 0.01 * dice.normal(size=(20, day.size)))
    alike = day * 0.5 * (1 + 0.01 * dice.normal(size=(150, day.size)))
    found = compared(theirs, alike)
    assert (found.controls, found.days) == (150, 10)
    assert found.bias is not None
    assert abs(found.bias) < 0.01
    assert found.valid
    assert not compared(theirs, alike[:149]).valid, "too few"
    assert not compared(theirs, np.roll(alike, 12, axis=1)).valid, "another shape of day"


def test_the_nearest_control_is_the_measure_of_a_match() -> None:
    days, controls = np.array([[1, 1], [2, 4], [0, 0]]), np.array([[1, 1], [2, 1]])
    np.testing.assert_allclose(distances(days, controls), [0, np.sqrt(4.5) / 3, np.nan])
    assert np.isnan(distances(days, controls[:0])).all()


@pytest.mark.parametrize("largest", [10**4, 10**7], ids=["homes", "works"])
def test_distances_are_the_same_to_the_bit_whatever_is_compared_with_them(largest: int) -> None:
    dice = np.random.default_rng(5)
    days, controls = (dice.integers(0, largest, (count, 48)) for count in (600, 300))
    whole = distances(days, controls)
    parts = [distances(days[at : at + 7], controls[::-1]) for at in range(0, 600, 7)]
    assert np.array_equal(whole, np.concatenate(parts))
    plain = np.sqrt(((days[0] - controls).astype(object) ** 2).sum(axis=1).min() / 48) / days[0].mean()
    assert whole[0] == pytest.approx(float(plain), rel=1e-12)


def test_a_twentieth_is_held_out_by_a_lot_that_stays() -> None:
    scheme, other = UUID(int=1), UUID(int=2)
    assets = [uuid5(scheme, str(number)) for number in range(4000)]
    out = [held_out(asset, scheme, 0.05) for asset in assets]
    assert 150 < sum(out) < 250
    assert out == [held_out(asset, scheme, 0.05) for asset in assets]
    assert out != [held_out(asset, other, 0.05) for asset in assets]
    assert all(held_out(asset, scheme, 0.10) for asset, kept in zip(assets, out, strict=True) if kept)
    assert not any(held_out(asset, scheme, 0) for asset in assets)


def test_no_common_days_no_verdict() -> None:
    nothing = flat(0.5)
    nothing[:, : OWN - 4 * 48] = np.nan
    found = compared(flat(1.0), nothing)
    assert found == Validity(controls=0, days=0, bias=None, low=None, high=None, distance=None)
    assert not found.valid
