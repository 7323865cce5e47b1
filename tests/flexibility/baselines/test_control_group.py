import random
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid5

import numpy as np
import pytest

from energygrid.flexibility.baselines import catalogue, control_group
from energygrid.flexibility.baselines.compute import State, compute
from energygrid.flexibility.baselines.control_group import ControlGroup, distances, held_out, validity
from energygrid.flexibility.baselines.days import LocalDays, Usage
from energygrid.metering.calendar import Span

EVENT = Span(datetime(2026, 1, 15, 17, tzinfo=UTC), datetime(2026, 1, 15, 18, tzinfo=UTC))
ON = date(2026, 1, 15)
RULES = catalogue.find("CONTROL_GROUP", ON)
BASE = catalogue.find(RULES.base, ON)
DAYS = LocalDays.around("Europe/London", EVENT, [BASE])
OWN = int(DAYS.offset[DAYS.index(ON)])


def flat(*levels: float) -> np.ndarray:
    return np.repeat(np.array(levels)[:, None], DAYS.offset[-1], axis=1)


def based(kwh: np.ndarray) -> tuple:
    usage = Usage(DAYS, kwh)
    return compute(BASE, usage, EVENT), usage


def test_what_the_controls_did_is_added_to_scale() -> None:
    """A cold evening: controls of 0.5 kWh used 0.1 and 0.2 more; an asset of 1 kWh would have used twice that."""
    controls = flat(0.4, 0.6)
    controls[:, OWN + 34] += 0.1
    controls[:, OWN + 35] += 0.2
    group = ControlGroup.of(*based(controls), EVENT)
    assert (group.controls, group.load) == (2, pytest.approx(24))
    called, usage = based(flat(1.0, 0.0))
    found = control_group.compute(RULES, called, usage, group)
    np.testing.assert_allclose(found.adjusted, [[1.2, 1.4], [0, 0]])
    np.testing.assert_allclose(found.unadjusted, [[1, 1], [0, 0]])
    assert found.adjustment.tolist() == [2, 0]
    assert found.rules.id == "CONTROL_GROUP"


def test_controls_without_history_or_readings_do_not_count() -> None:
    controls = flat(0.5, 0.5, 0.5)
    controls[1, OWN + 34] = np.nan
    controls[2, :OWN] = np.nan
    assert ControlGroup.of(*based(controls), EVENT).controls == 1


def test_without_controls_the_baseline_is_pending() -> None:
    controls = flat(0.5)
    controls[:, OWN:] = np.nan
    short = flat(1.0, 1.0)
    short[1, : OWN - 48] = np.nan
    called, usage = based(short)
    found = control_group.compute(RULES, called, usage, ControlGroup.of(*based(controls), EVENT))
    assert found.state.tolist() == [State.PENDING, State.INSUFFICIENT]
    assert np.array_equal(found.adjusted, called.unadjusted)


def test_the_order_of_the_controls_changes_no_bit() -> None:
    controls = np.random.default_rng(2).gamma(2, 0.1, (50, DAYS.offset[-1]))
    order = random.Random(1).sample(range(50), 50)
    one, other = (ControlGroup.of(*based(each), EVENT) for each in (controls, controls[order]))
    assert np.array_equal(one.change, other.change)
    assert one.load == other.load


def test_controls_like_the_called_assets_are_valid_and_others_are_not() -> None:
    dice = np.random.default_rng(3)
    shape = 1 + np.sin(np.arange(48) / 8)
    day = np.tile(shape, len(DAYS.number))[: DAYS.offset[-1]]
    called = based(day * (1 + 0.01 * dice.normal(size=(20, day.size))))
    alike = based(day * 0.5 * (1 + 0.01 * dice.normal(size=(150, day.size))))
    found = validity(called, alike, EVENT)
    assert (found.controls, found.days) == (150, 10)
    assert abs(found.bias) < 0.01
    assert found.valid
    assert not validity(called, based(alike[1].kwh[:149]), EVENT).valid, "too few"
    assert not validity(called, based(np.roll(alike[1].kwh, 12, axis=1)), EVENT).valid, "another shape of day"


def test_the_nearest_control_is_the_measure_of_a_match() -> None:
    called, controls = np.array([[1.0, 1.0], [2.0, 4.0], [0.0, 0.0]]), np.array([[1.0, 1.0], [2.0, 1.0]])
    np.testing.assert_allclose(distances(called, controls), [0, np.sqrt(4.5) / 3, np.inf])


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
    found = validity(based(flat(1.0)), based(nothing), EVENT)
    assert (found.controls, found.valid) == (0, False)
    assert EVENT.end - EVENT.start == timedelta(hours=1)
