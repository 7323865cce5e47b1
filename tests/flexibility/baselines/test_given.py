from datetime import UTC, date, datetime

import numpy as np
import pytest

from energygrid.flexibility.baselines import catalogue
from energygrid.flexibility.baselines.compute import State, compute
from energygrid.flexibility.baselines.days import LocalDays, Usage
from energygrid.flexibility.baselines.given import deadline, of_profile
from energygrid.metering.calendar import Span

ZONE = "Europe/London"
EVENT = Span(datetime(2026, 7, 15, 16, tzinfo=UTC), datetime(2026, 7, 15, 17, tzinfo=UTC))
NOMINATED, FIXED, ZERO = (catalogue.find(name, date(2026, 7, 15)) for name in ("NOMINATED", "FIXED", "ZERO"))


def usage(assets: int) -> Usage:
    days = LocalDays.around(ZONE, EVENT, [FIXED])
    return Usage(days, np.ones((assets, days.offset[-1])))


def test_a_curve_is_filed_by_noon_of_the_day_before() -> None:
    noon = datetime(2026, 7, 14, 11, tzinfo=UTC)
    assert deadline(NOMINATED, ZONE, EVENT) == noon.timestamp()


def test_an_asset_without_a_curve_has_no_baseline() -> None:
    found = compute(NOMINATED, usage(2), EVENT, given=np.array([[0.4, 0.4], [np.nan, np.nan]]))
    assert found.state.tolist() == [State.OK, State.NOT_GIVEN]
    assert np.array_equal(found.adjusted, [[0.4, 0.4], [np.nan, np.nan]], equal_nan=True)


def test_a_reference_profile_is_read_by_the_wall_clock() -> None:
    given = of_profile(np.arange(48.0), np.array([1, 10]), usage(2).days, EVENT)
    assert compute(FIXED, usage(2), EVENT, given=given).adjusted.tolist() == [[34, 35], [340, 350]]


def test_by_zero_everything_counts() -> None:
    found = compute(ZERO, usage(1), EVENT)
    assert (found.adjusted.tolist(), found.selections, found.own_days) == ([[0, 0]], (), (date(2026, 7, 15),))


def test_what_must_be_given_is_asked_for() -> None:
    for rules, given, words in (
        (NOMINATED, None, "needs the curves"),
        (FIXED, np.zeros((1, 3)), "2 intervals"),
        (catalogue.find("CONTROL_GROUP", date(2026, 7, 15)), None, "control group"),
    ):
        with pytest.raises(ValueError, match=words):
            compute(rules, usage(1), EVENT, given=given)
    with pytest.raises(ValueError, match="no deadline"):
        deadline(FIXED, ZONE, EVENT)
