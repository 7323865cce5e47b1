from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energygrid.errors import Invalid
from energygrid.flexibility.baselines import catalogue
from energygrid.flexibility.baselines.days import LocalDays, Usage, day_classes, holidays
from energygrid.metering.calendar import Span

WEEK = LocalDays("Europe/London", date(2025, 12, 22), date(2025, 12, 28))


@pytest.mark.parametrize(
    ("zone", "last", "intervals", "changed"),
    [
        ("Europe/London", date(2026, 3, 29), 46, True),
        ("Europe/London", date(2026, 10, 25), 50, True),
        ("Europe/London", date(2026, 6, 1), 48, False),
        ("Australia/Lord_Howe", date(2026, 4, 5), 49, True),
        ("UTC", date(2026, 3, 29), 48, False),
    ],
)
def test_a_local_day_has_the_intervals_its_clock_gives_it(zone, last, intervals, changed) -> None:
    days = LocalDays(zone, last - timedelta(days=1), last)
    assert np.diff(days.offset).tolist() == [48, intervals]
    assert days.clock_change.tolist() == [False, changed]


def test_both_passes_of_a_repeated_hour_have_the_same_slots() -> None:
    assert LocalDays("Europe/London", date(2026, 10, 25), date(2026, 10, 25)).slot[:8].tolist() == [
        0,
        1,
        2,
        3,
        2,
        3,
        4,
        5,
    ]
    assert LocalDays("Europe/London", date(2026, 3, 29), date(2026, 3, 29)).slot[:4].tolist() == [0, 1, 4, 5]


def test_days_are_made_of_whole_intervals() -> None:
    with pytest.raises(Invalid) as error:
        LocalDays("Australia/Lord_Howe", date(2026, 4, 1), date(2026, 4, 9), interval_s=3600)
    assert error.value.code == "INTERVAL_DOES_NOT_FIT"
    with pytest.raises(Invalid) as error:
        LocalDays("Europe/Nowhere", date(2026, 4, 1), date(2026, 4, 9))
    assert error.value.code == "UNKNOWN_ZONE"


def test_usage_fits_its_days() -> None:
    with pytest.raises(ValueError, match="336 intervals"):
        Usage(WEEK, np.zeros((2, 335)))


def test_a_total_is_missing_when_a_reading_is() -> None:
    kwh = np.ones((1, 336))
    kwh[0, 50] = np.nan
    assert np.array_equal(Usage(WEEK, kwh).totals, [[48, np.nan, 48, 48, 48, 48, 48]], equal_nan=True)


@given(st.datetimes(datetime(2025, 1, 1), datetime(2026, 12, 31)), st.integers(1, 12))
def test_the_days_around_an_event_are_enough_and_not_more(start: datetime, halves: int) -> None:
    start = start.replace(minute=0, second=0, microsecond=0, tzinfo=UTC)
    event = Span(start, start + timedelta(minutes=30 * halves))
    for rules in catalogue.RULE_SETS:
        days = LocalDays.around("Europe/London", event, [rules])
        windows = (*rules.windows, *(rules.adjustment.windows if rules.adjustment else ()))
        needed = [days.positions(*event.instants()), *(days.window(window, event) for window in windows)]
        touched = days.day_of(np.concatenate(needed))
        assert (touched.min(), touched.max()) == (rules.lookback_days, len(days.number) - 1)


def test_bank_holidays_are_those_of_the_place() -> None:
    span = date(2026, 1, 1), date(2026, 12, 31)
    england, scotland, ulster = (holidays(f"GB-{part}", *span) for part in ("ENG", "SCT", "NIR"))
    assert date(2026, 4, 6) in england - scotland
    assert date(2026, 1, 2) in scotland - england
    assert date(2026, 3, 17) in ulster - england
    assert date(2026, 12, 28) in england, "Boxing Day falls on a Saturday"
    assert holidays("GB-ENG", date(2025, 12, 26), date(2026, 1, 1)) == {date(2025, 12, 26), date(2026, 1, 1)}


def test_the_grid_operators_of_north_america_keep_six() -> None:
    assert sorted(holidays("US-NERC", date(2026, 1, 1), date(2026, 12, 31))) == [
        date(2026, *day) for day in [(1, 1), (5, 25), (7, 4), (9, 7), (11, 26), (12, 25)]
    ]
    assert date(2027, 7, 5) in holidays("US-NERC", date(2027, 1, 1), date(2027, 12, 31)), "the 4th is a Sunday"


@pytest.mark.parametrize("unknown", ["XX", "GB-XX", ""])
def test_a_place_without_a_calendar_is_refused(unknown: str) -> None:
    with pytest.raises(Invalid) as error:
        holidays(unknown, date(2026, 1, 1), date(2026, 1, 2))
    assert error.value.code == "UNKNOWN_JURISDICTION"


@pytest.mark.parametrize(
    ("rule_set", "classes", "excluded"),
    [
        ("BL01", [0, 0, 0, 1, 1, 1, 1], []),
        ("OCTOPUS_SS", [0, 0, 0, 0, 0, 1, 1], []),
        ("PJM_3_DAY_TYPES", [0, 0, 0, 2, 2, 1, 2], []),
        ("NYISO_5_OF_10", [0, 0, 0, 1, 1, 1, 1], [3, 4]),
    ],
)
def test_holidays_are_what_the_rule_set_makes_of_them(rule_set, classes, excluded) -> None:
    types = catalogue.find(rule_set, date(2026, 1, 1)).day_types
    off = holidays("GB-ENG", WEEK.first, WEEK.last)
    found, out = day_classes(WEEK, types, off)
    assert found.tolist() == classes
    assert np.flatnonzero(out).tolist() == excluded
