from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energygrid.errors import Invalid
from energygrid.flexibility.baselines import catalogue
from energygrid.flexibility.baselines.compute import Baselines, State, compute
from energygrid.flexibility.baselines.days import LocalDays, Usage
from energygrid.flexibility.baselines.rule_set import RuleSet
from energygrid.flexibility.baselines.selection import MATTERS, Reason
from energygrid.metering.calendar import Span

LONDON = ZoneInfo("Europe/London")
ON = date(2026, 1, 15)  # a Thursday
EVENT = Span(datetime(2026, 1, 15, 17, tzinfo=UTC), datetime(2026, 1, 15, 18, tzinfo=UTC))
COMPUTED = [rules for rules in catalogue.RULE_SETS if rules.method in {"DAY_MATCH", "SAME_DAY"}]
BL01 = catalogue.find("BL01", ON)
each_rule_set = pytest.mark.parametrize("rules", COMPUTED, ids=lambda rules: f"{rules.id}-{rules.version}")


def local(day: date, at: time) -> datetime:
    return datetime.combine(day, at, LONDON).astimezone(UTC)


def fleet(rules: RuleSet, event: Span = EVENT, assets: int = 7, gaps: float = 0.001) -> Usage:
    days = LocalDays.around("Europe/London", event, [rules])
    dice = np.random.default_rng(4)
    kwh = dice.gamma(2, 0.1, (assets, days.offset[-1]))
    kwh[dice.random(kwh.shape) < gaps] = np.nan
    return Usage(days, kwh)


def figures(found: Baselines) -> tuple[bytes, ...]:
    parts = (found.unadjusted, found.adjusted, found.adjustment, found.window_missing, found.state)
    return tuple(np.ascontiguousarray(part).tobytes() for part in parts)


def half_hour(days: LocalDays, day: date, slot: int) -> int:
    return int(days.offset[days.index(day)]) + slot


@each_rule_set
def test_an_assets_figures_do_not_depend_on_its_company(rules: RuleSet) -> None:
    usage = fleet(rules)
    together = compute(rules, usage, EVENT)
    order = np.array([3, 0, 6, 5, 1, 2, 4])
    turned = compute(rules, Usage(usage.days, np.asfortranarray(usage.kwh[order])), EVENT)
    assert np.array_equal(turned.adjusted, together.adjusted[order], equal_nan=True)
    for asset in range(len(usage.kwh)):
        alone = compute(rules, Usage(usage.days, usage.kwh[[asset]]), EVENT)
        assert np.array_equal(alone.unadjusted, together.unadjusted[[asset]], equal_nan=True)
        assert np.array_equal(alone.adjusted, together.adjusted[[asset]], equal_nan=True)
        assert np.array_equal(alone.adjustment, together.adjustment[[asset]])


@each_rule_set
def test_further_days_change_nothing(rules: RuleSet) -> None:
    usage = fleet(rules)
    days = LocalDays("Europe/London", usage.days.first - timedelta(days=100), usage.days.last + timedelta(days=3))
    kwh = np.full((7, int(days.offset[-1])), 9.0)
    start = int(days.offset[100])
    kwh[:, start : start + usage.kwh.shape[1]] = usage.kwh
    assert figures(compute(rules, Usage(days, kwh), EVENT)) == figures(compute(rules, usage, EVENT))


@each_rule_set
def test_days_that_do_not_matter_change_nothing(rules: RuleSet) -> None:
    """What lets late data be ignored: only reasons in MATTERS, and the event's own days, have a part in a result."""
    usage = fleet(rules, gaps=0.0005)
    events = np.random.default_rng(5).random((7, len(usage.days.number))) < 0.2
    found = compute(rules, usage, EVENT, event_days=events)
    if not found.selections:
        return
    matters = np.isin(found.selections[0].reason, list(MATTERS))
    matters[:, [usage.days.index(day) for day in found.own_days]] = True
    assert not matters.all()
    kwh = usage.kwh.copy()
    for asset, day in np.argwhere(~matters).tolist():
        start = usage.days.offset[day]
        kwh[asset, start : start + 48] = np.nan if day % 2 else 50.0
    again = compute(rules, Usage(usage.days, kwh), EVENT, event_days=events)
    assert figures(again) == figures(found)


@settings(deadline=None, max_examples=30)
@given(shift=st.floats(0, 10))
def test_more_load_all_day_is_as_much_more_baseline(shift: float) -> None:
    usage = fleet(BL01)
    found, raised = (compute(BL01, each, EVENT).adjusted for each in (usage, Usage(usage.days, usage.kwh + shift)))
    np.testing.assert_allclose(raised, found + shift, rtol=1e-12)


@settings(deadline=None, max_examples=30)
@given(factor=st.floats(0.01, 100))
def test_twice_the_load_is_twice_the_baseline_by_ratio(factor: float) -> None:
    rules = catalogue.find("CAISO_10_OF_10", ON)
    usage = fleet(rules)
    found, scaled = (compute(rules, each, EVENT).adjusted for each in (usage, Usage(usage.days, usage.kwh * factor)))
    np.testing.assert_allclose(scaled, found * factor, rtol=1e-12)


def test_with_four_working_days_the_baseline_is_the_outturn() -> None:
    usage = fleet(BL01, gaps=0)
    kwh = usage.kwh.copy()
    kwh[0, : half_hour(usage.days, date(2026, 1, 9), 0)] = np.nan  # 9, 12, 13, 14 January are left
    kwh[1, : half_hour(usage.days, date(2026, 1, 8), 0)] = np.nan  # and the 8th
    found = compute(BL01, Usage(usage.days, kwh), EVENT)
    assert found.state[:2].tolist() == [State.INSUFFICIENT, State.OK]
    assert [one.found[:2].tolist() for one in found.selections] == [[4, 5]]
    assert np.array_equal(found.adjusted[0], usage.over(EVENT)[0])
    assert np.array_equal(found.unadjusted[0], usage.over(EVENT)[0])
    assert found.adjustment[0] == 0


def test_one_missing_half_hour_removes_the_whole_day() -> None:
    usage = fleet(BL01, gaps=0)
    kwh = usage.kwh.copy()
    kwh[0, half_hour(usage.days, date(2026, 1, 9), 3)] = np.nan
    reason = compute(BL01, Usage(usage.days, kwh), EVENT).selections[0].reason
    day = usage.days.index(date(2026, 1, 9))
    assert reason[:2, day].tolist() == [Reason.INCOMPLETE, Reason.PICKED]
    tenth, eleventh, twelfth = (usage.days.index(date(2026, 1, 1)) - ago for ago in range(3))
    assert reason[0, [tenth, eleventh, twelfth]].tolist() == [Reason.PICKED, Reason.PICKED, Reason.NOT_NEEDED]
    assert reason[1, [tenth, eleventh, twelfth]].tolist() == [Reason.PICKED, Reason.NOT_NEEDED, Reason.NOT_NEEDED]


DAYS = {
    "own": (11, 6),
    "latest": (11, 5),
    "gap": (11, 4),
    "event": (11, 3),
    "weekend": (11, 1),
    "holiday": (10, 31),
    "low": (10, 30),
    "sunday": (10, 26),
    "beaten": (10, 17),
    "old": (10, 16),
}


def test_every_day_has_its_reason() -> None:
    rules = catalogue.find("NYISO_5_OF_10", ON)
    event = Span(local(date(2025, 11, 6), time(17)), local(date(2025, 11, 6), time(18)))
    usage = fleet(rules, event, gaps=0)
    at = {name: usage.days.index(date(2025, *day)) for name, day in DAYS.items()}
    kwh = np.ones((1, usage.kwh.shape[1]))
    kwh[0, half_hour(usage.days, date(2025, 11, 4), 34)] = np.nan
    kwh[0, usage.days.offset[at["low"]] : usage.days.offset[at["low"] + 1]] = 0.2
    events = np.arange(len(usage.days.number)) == at["event"]
    found = compute(rules, Usage(usage.days, kwh), event, event_days=events, holidays=[date(2025, 10, 31)])
    reason = found.selections[0].reason[0]
    assert {name: Reason(reason[day]).name for name, day in at.items()} == {
        "own": "OUTSIDE",
        "latest": "PICKED",
        "gap": "INCOMPLETE",
        "event": "EVENT_DAY",
        "weekend": "OTHER_DAY_TYPE",
        "holiday": "HOLIDAY",
        "low": "LOW_USAGE",
        "sunday": "OTHER_DAY_TYPE",
        "beaten": "RANKED_OUT",
        "old": "NOT_NEEDED",
    }


def test_event_days_fill_up_to_the_minimum_highest_first() -> None:
    rules = catalogue.find("CAISO_10_OF_10", ON)
    usage = fleet(rules, gaps=0)
    kwh, days = usage.kwh.copy(), usage.days
    events = np.ones(len(days.number), bool)
    events[[days.index(date(2026, 1, day)) for day in (12, 13, 14)]] = False
    for day in (5, 6):
        kwh[0, half_hour(days, date(2026, 1, day), 34)] = 9
    found = compute(rules, Usage(days, kwh), EVENT, event_days=events).selections[0]
    filled = [days.local_date(day).day for day in np.flatnonzero(found.reason[0] == Reason.FILLED).tolist()]
    assert (filled, found.found[0]) == ([5, 6], 5)
    assert found.reason[0, days.index(date(2026, 1, 7))] == Reason.EVENT_DAY_NOT_FILLED


def test_nothing_used_is_no_low_usage() -> None:
    rules = catalogue.find("NYISO_5_OF_10", ON)
    usage = fleet(rules)
    found = compute(rules, Usage(usage.days, np.zeros_like(usage.kwh)), EVENT)
    assert (found.state == State.OK).all()
    assert (found.adjusted == 0).all()
    assert (found.adjustment == 1).all(), "the profile sums to nothing: its ratio is 1"


def test_a_window_before_midnight_is_compared_with_the_day_before() -> None:
    """An event at one on a Saturday: Friday evening against working days' evenings, not against weekends'."""
    saturday = date(2026, 1, 17)
    event = Span(local(saturday, time(1)), local(saturday, time(2)))
    usage = fleet(BL01, event, assets=1, gaps=0)
    kwh, days = usage.kwh.copy(), usage.days
    weekend = np.isin((days.number + 3) % 7, [5, 6])
    kwh[0] = np.where(weekend[days.day_of(np.arange(kwh.shape[1]))], 5.0, 1.0)
    friday = half_hour(days, date(2026, 1, 16), 42)
    kwh[0, friday : friday + 6] = 1.5
    found = compute(BL01, Usage(days, kwh), event)
    assert found.unadjusted.tolist() == [[5, 5]]
    assert found.adjustment.tolist() == [0.5]
    assert [(one.day, one.kind.name) for one in found.selections] == [
        (saturday, "NON_WORKING"),
        (date(2026, 1, 16), "WORKING"),
    ]
    assert found.own_days == (date(2026, 1, 16), saturday)


def test_an_event_over_midnight_has_the_reference_days_of_both_its_days() -> None:
    event = Span(local(date(2026, 1, 16), time(23)), local(date(2026, 1, 17), time(1)))
    usage = fleet(catalogue.find("BL01_NO_IDA", ON), event, assets=1)
    days = usage.days
    weekend = np.isin((days.number + 3) % 7, [5, 6])
    kwh = np.where(weekend[days.day_of(np.arange(usage.kwh.shape[1]))], 5.0, 1.0)[None]
    found = compute(catalogue.find("BL01_NO_IDA", ON), Usage(days, kwh), event)
    assert found.adjusted.tolist() == [[1, 1, 5, 5]]


def test_an_event_may_last_into_a_day_whose_first_day_is_no_reference() -> None:
    event = Span(local(date(2026, 1, 14), time(23)), local(date(2026, 1, 15), time(1)))
    usage = fleet(BL01, event)
    second = compute(BL01, usage, event).selections[1]
    assert second.day == ON
    assert (second.reason[:, usage.days.index(date(2026, 1, 14))] == Reason.EVENT_DAY).all()


@pytest.mark.parametrize(
    ("day", "slots"), [(date(2026, 10, 25), [1, 2, 3, 2, 3, 4, 5, 6]), (date(2026, 3, 29), [1, 4, 5, 6])]
)
def test_on_the_day_clocks_change_each_half_hour_has_its_wall_clocks_profile(day, slots) -> None:
    """00:30 to 03:30: a repeated hour counts twice, a skipped one not at all."""
    event = Span(local(day, time(0, 30)), local(day, time(3, 30)))
    rules = catalogue.find("BL01_NO_IDA", ON)
    days = LocalDays.around("Europe/London", event, [rules])
    usage = Usage(days, days.slot[None].astype(float))
    assert compute(rules, usage, event).adjusted.tolist() == [slots]


@pytest.mark.parametrize("day", [date(2026, 10, 25), date(2026, 3, 29)])
def test_a_day_on_which_clocks_change_is_no_reference(day: date) -> None:
    sunday = day + timedelta(days=7)
    event = Span(local(sunday, time(17)), local(sunday, time(18)))
    usage = fleet(BL01, event, gaps=0)
    reason = compute(BL01, usage, event).selections[0].reason
    assert (reason[:, usage.days.index(day)] == Reason.CLOCK_CHANGE).all()
    assert (reason == Reason.PICKED).sum(axis=1).tolist() == [2] * 7


def test_a_window_is_measured_in_hours_that_pass() -> None:
    """Five hours of window and gap before an event at 05:00 on a day of 23 hours begin at 00:00, not at 01:00."""
    day = date(2026, 3, 29)
    event = Span(local(day, time(5)), local(day, time(6)))
    usage = fleet(BL01, event)
    window = usage.days.window(BL01.adjustment.windows[0], event)
    assert usage.days.slot[window].tolist() == [0, 1, 4, 5, 6, 7]


def test_same_day_waits_for_all_readings_around_the_event() -> None:
    rules = catalogue.find("PJM_SAME_DAY", ON)
    event = Span(local(ON, time(12)), local(ON, time(17)))
    usage = fleet(rules, event, assets=2, gaps=0)
    kwh = usage.kwh.copy()
    kwh[1, half_hour(usage.days, ON, 39)] = np.nan
    found = compute(rules, Usage(usage.days, kwh), event)
    start = half_hour(usage.days, ON, 0)
    around = np.concatenate([kwh[0, start + 16 : start + 22], kwh[0, start + 36 : start + 40]])
    np.testing.assert_allclose(found.adjusted[0], np.full(10, around.mean()), rtol=1e-12)
    assert found.state.tolist() == [State.OK, State.PENDING]


def test_an_adjustment_uses_the_readings_there_are_and_counts_the_others() -> None:
    usage = fleet(BL01, assets=2, gaps=0)
    kwh = usage.kwh.copy()
    window = usage.days.window(BL01.adjustment.windows[0], EVENT)
    kwh[0, window[:4]] = np.nan
    kwh[1, window] = np.nan
    found = compute(BL01, Usage(usage.days, kwh), EVENT)
    assert found.window_missing.tolist() == [4, 6]
    picked = found.selections[0].picked[0]
    base = usage.kwh[0, usage.days.offset[np.flatnonzero(picked)][:, None] + [30, 31]].mean(axis=0)
    assert found.adjustment[0] == pytest.approx((kwh[0, window[4:]] - base).mean())
    assert np.array_equal(found.adjusted[1], found.unadjusted[1])


def test_before_the_event_the_baseline_is_known_unadjusted() -> None:
    usage = fleet(BL01, gaps=0)
    kwh = usage.kwh.copy()
    kwh[:, usage.days.offset[usage.days.index(ON)] :] = np.nan
    found = compute(BL01, Usage(usage.days, kwh), EVENT)
    assert (found.state == State.OK).all()
    assert np.array_equal(found.unadjusted, compute(BL01, usage, EVENT).unadjusted)
    assert np.array_equal(found.adjusted, found.unadjusted)


@pytest.mark.parametrize("minutes", [10, 0])
def test_an_event_lies_on_whole_intervals_and_is_not_empty(minutes: int) -> None:
    with pytest.raises(Invalid) as error:
        compute(BL01, fleet(BL01), Span(EVENT.start, EVENT.start + timedelta(minutes=minutes)))
    assert error.value.code == "OFF_THE_GRID"


def test_too_few_days_loaded_is_an_error_not_another_baseline() -> None:
    usage = fleet(BL01)
    days = LocalDays("Europe/London", usage.days.first + timedelta(days=1), usage.days.last)
    with pytest.raises(ValueError, match="around"):
        compute(BL01, Usage(days, usage.kwh[:, 48:]), EVENT)
