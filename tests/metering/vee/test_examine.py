"""One series examined as a whole: what is in question, and which findings hold afterwards."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from energygrid.metering.calendar import day_number, day_starts
from energygrid.metering.quality import Quality
from energygrid.metering.readings import DAY_S, Commodity, Flow, Kind
from energygrid.metering.series import Series
from energygrid.metering.vee.case import Case, due, scope
from energygrid.metering.vee.estimation import Bracket
from energygrid.metering.vee.examine import Outcome, examine
from energygrid.metering.vee.findings import Finding, Rule, Severity
from energygrid.metering.vee.settings import MeterFacts, VeeSettings
from energygrid.metering.vee.stretch import Stretch

NEW_YORK = "America/New_York"
FIRST = date(2025, 6, 2)  # a Monday
DAYS = 100
ELECTRICITY = Series(
    1, 7, "meter", "M1", Commodity.ELECTRICITY, Flow.DELIVERED, Kind.ENERGY, "kWh", 900, "", 0, NEW_YORK
)


@pytest.fixture
def case(household) -> Callable[..., Case]:
    def make(first_day: int, last_day: int, **changes) -> Case:
        """100 days of readings, of which the days first..last (both included) were touched."""
        series = changes.pop("series", ELECTRICITY)
        stretch = changes.pop("stretch", None) or household(FIRST, DAYS, interval_s=series.interval_s)
        empty = Stretch(NEW_YORK, series.interval_s, *(column[:0] for column in _columns(stretch)))
        start, end = day_starts(day_number(FIRST) + np.array([first_day, last_day + 1]), NEW_YORK).tolist()
        facts = {
            "before": empty,
            "registers": (),
            "earlier": (),
            "settings": VeeSettings(),
            "facts": MeterFacts(),
            "now": datetime.fromtimestamp(int(stretch.end[-1]), UTC) + timedelta(hours=1),
        }
        return Case(series=series, stretch=stretch, touched=(start, end), **facts | changes)

    return make


def _columns(stretch: Stretch):
    return stretch.start, stretch.value, stretch.quality, stretch.own


def remove(case: Case, low: int, high: int) -> None:
    case.stretch.value[low:high] = np.nan
    case.stretch.quality[low:high] = Quality.MISSING


def rules_of(outcome: Outcome) -> list[str]:
    return [str(finding.rule) for finding in outcome.findings]


def hours(finding: Finding) -> float:
    return (finding.end - finding.start).total_seconds() / 3600


def test_good_data_has_no_findings_and_nothing_to_write(case):
    outcome = examine(case(50, 99))
    assert rules_of(outcome) == []
    assert not outcome.write.size


def test_a_gap_is_found_estimated_and_told_with_its_steps(case):
    this = case(60, 60)
    remove(this, 60 * 96 + 10, 60 * 96 + 30)
    outcome = examine(this)
    (gap,) = outcome.findings
    assert (gap.rule, gap.severity, gap.measured, hours(gap)) == (Rule.GAP, Severity.ESTIMATE, 20, 5)
    assert gap.facts["estimated"] == 20
    assert gap.facts["steps"] == {"E3": 20}
    assert outcome.write.tolist() == list(range(60 * 96 + 10, 60 * 96 + 30))


def test_a_gap_elsewhere_is_none_of_this_examination(case):
    this = case(60, 60)
    remove(this, 40 * 96, 40 * 96 + 10)
    assert rules_of(examine(this)) == []


def test_a_whole_missing_day_is_found_when_the_next_one_arrives(case):
    this = case(61, 61)
    remove(this, 60 * 96, 61 * 96)
    outcome = examine(this)
    assert [hours(finding) for finding in outcome.findings] == [24]
    assert len(outcome.write) == 96


def test_a_whole_missing_day_is_found_when_the_one_before_arrives_late(case):
    this = case(59, 59)
    remove(this, 60 * 96, 61 * 96)
    assert [hours(finding) for finding in examine(this).findings] == [24]


@pytest.mark.parametrize(("late_h", "found"), [(36, []), (36 + 6, [6]), (36 + 12, [12]), (36 + 60, [12])])
def test_the_rest_of_the_last_day_is_found_when_it_is_late_and_estimated_when_the_next_reading_comes(
    case, late_h, found
):
    this = case(98, 98)
    last = 98 * 96 + 48
    remove(this, last, len(this.stretch.value))
    now = datetime.fromtimestamp(int(this.stretch.start[last]), UTC) + timedelta(hours=late_h)
    outcome = examine(replace(this, now=now))
    assert [hours(finding) for finding in outcome.findings] == found
    assert not outcome.write.size
    del this.stretch.unmeasured, this.stretch.trusted
    this.stretch.value[99 * 96 :] = 0.5
    assert len(examine(replace(this, now=now)).write) == 48


def test_no_day_is_invented_after_the_last_or_before_the_first_reading(case):
    this = case(39, 61)
    remove(this, 61 * 96, len(this.stretch.value))
    remove(this, 0, 40 * 96)
    outcome = examine(this)
    assert "V02" not in rules_of(outcome)
    assert not outcome.write.size


def test_what_lies_before_the_first_reading_of_a_meter_is_no_gap(case):
    this = case(0, 60)
    remove(this, 0, 50 * 96 + 20)
    assert not examine(this).wanted.any()
    assert not due(this.stretch)[: 50 * 96 + 20].any()


@pytest.mark.parametrize(("day", "length"), [(date(2025, 3, 9), 92), (date(2025, 11, 2), 100)])
def test_a_day_of_a_clock_change_is_neither_short_nor_long_of_readings(household, case, day, length):
    stretch = household(day - timedelta(days=60), 62)
    this = case(0, 0, stretch=stretch)
    start, end = day_starts(day_number(day) + np.array([0, 1]), NEW_YORK).tolist()
    this = replace(this, touched=(start, end))
    assert rules_of(examine(this)) == []
    low, high = stretch.between(start, end)
    assert high - low == length
    this.stretch.value[low:high] = np.nan
    del this.stretch.unmeasured, this.stretch.trusted
    assert examine(this).findings[0].measured == length


def test_a_spike_stays_and_its_finding_holds_the_estimate(case):
    this = case(60, 60)
    truth = float(this.stretch.value[60 * 96 + 20])
    this.stretch.value[60 * 96 + 20] = 40.0
    outcome = examine(this)
    (spike,) = outcome.findings
    assert (spike.rule, spike.severity, spike.measured) == (Rule.SPIKE, Severity.FAIL, 40.0)
    assert spike.facts["estimate"] == [pytest.approx(truth, abs=0.02)]
    assert not outcome.write.size


def test_a_spike_beside_a_gap_does_not_leak_into_the_estimate(case):
    this = case(60, 60)
    this.stretch.value[60 * 96 + 20] = 40.0
    remove(this, 60 * 96 + 21, 60 * 96 + 25)
    outcome = examine(this)
    assert outcome.estimates.value[outcome.write].max() < 1


def test_the_cap_follows_the_service_size_of_the_meter(case):
    this = case(60, 60, facts=MeterFacts(service_kva=2.0))  # 0.6 kWh a quarter hour with the margin
    assert "V08" in rules_of(examine(this))
    assert rules_of(examine(replace(this, facts=MeterFacts(service_kva=10.0)))) == []


def test_the_cap_is_taken_in_the_unit_of_the_series(household, case):
    watt_hours = replace(ELECTRICITY, unit="Wh")
    this = case(60, 60, series=watt_hours, stretch=household(FIRST, DAYS, scale=1000), facts=MeterFacts(service_kva=10))
    assert rules_of(examine(this)) == []


@pytest.mark.parametrize(
    ("changes", "days", "expected"),
    [
        ({}, 1, ["V05"]),
        ({"flow": Flow.RECEIVED}, 1, []),
        ({"commodity": Commodity.GAS, "unit": "therm"}, 44, []),
        ({"commodity": Commodity.GAS, "unit": "therm"}, 45, ["V05"]),
        ({"commodity": Commodity.HEAT, "unit": "GJ"}, 60, []),
    ],
)
def test_a_zero_run_is_as_long_as_the_commodity_allows(case, changes, days, expected):
    this = case(80, 80, series=replace(ELECTRICITY, **changes))
    this.stretch.value[(81 - days) * 96 : 81 * 96] = 0.0
    assert [rule for rule in rules_of(examine(this)) if rule != "V10"] == expected


def test_stuck_values_and_our_own_flat_estimates_are_told_apart(case):
    this = case(60, 60)
    this.stretch.value[60 * 96 : 60 * 96 + 14] = 0.444
    assert rules_of(examine(this)) == ["V06"]
    this.stretch.quality[60 * 96 : 60 * 96 + 14] = Quality.ESTIMATED
    assert rules_of(examine(this)) == []


def test_use_far_from_the_same_month_last_year_is_told_once_for_the_month(household, case):
    before = household(date(2024, 7, 1), 100, scale=0.3)
    outcome = examine(case(89, 89, before=before))
    (finding,) = outcome.findings
    assert (finding.rule, finding.facts["against"]) == (Rule.HIGH_LOW, "lastYear")
    assert finding.measured == pytest.approx(1 / 0.3, rel=0.02)
    assert finding.start == datetime(2025, 8, 1, 4, tzinfo=UTC)


def test_without_last_year_the_month_before_is_the_reference(case):
    this = case(89, 89)
    august = slice(60 * 96, 91 * 96)
    this.stretch.value[august] = np.round(this.stretch.value[august] * 0.3, 4)
    (finding,) = examine(this).findings
    assert (finding.rule, finding.facts["against"], finding.limit) == (Rule.HIGH_LOW, "previousMonth", 0.4)


def test_more_than_a_week_without_measured_values_alerts(case):
    this = case(80, 80)
    this.stretch.quality[73 * 96 : 81 * 96] = Quality.ESTIMATED
    assert "V14" in rules_of(examine(this))


def test_generation_without_an_export_channel_is_told(case):
    this = case(60, 60, series=replace(ELECTRICITY, flow=Flow.RECEIVED), facts=MeterFacts(has_export=False))
    assert rules_of(examine(this)) == ["V15"]
    assert rules_of(examine(replace(this, facts=MeterFacts()))) == []


def test_a_register_that_disagrees_fails_its_days(case):
    this = case(60, 60)
    low, high = 58 * 96, 61 * 96
    counted = float(this.stretch.value[low:high].sum())
    registers = [Bracket(int(this.stretch.start[low]), int(this.stretch.start[high]), counted + 5)]
    (finding,) = examine(replace(this, registers=registers)).findings
    assert (finding.rule, hours(finding), finding.measured) == (Rule.SUM_CHECK, 72, pytest.approx(5))


def test_gaps_of_a_register_bracket_are_examined_together(case):
    this = case(60, 60)
    remove(this, 58 * 96, 58 * 96 + 9)
    remove(this, 60 * 96 + 10, 60 * 96 + 30)
    low, high = 57 * 96, 62 * 96
    counted = float(np.nansum(this.stretch.value[low:high])) + 9.0
    registers = [Bracket(int(this.stretch.start[low]), int(this.stretch.start[high]), counted)]
    this = replace(this, registers=registers)
    assert scope(this) == (low, high)
    outcome = examine(this)
    assert len(outcome.write) == 29
    assert outcome.estimates.value[outcome.write].sum() == pytest.approx(9.0, abs=1e-7)
    assert all(finding.facts["fittedToRegister"] for finding in outcome.findings)


def test_a_finding_that_no_longer_holds_is_outdated(case):
    this = case(60, 60)
    this.stretch.value[60 * 96 + 20] = 40.0
    earlier = examine(this).findings
    mended = replace(case(60, 60), earlier=earlier)
    outcome = examine(mended)
    assert (outcome.findings, outcome.outdated) == ([], earlier)


def test_examining_again_changes_nothing(case):
    this = case(55, 62)
    remove(this, 60 * 96 + 10, 60 * 96 + 30)
    this.stretch.value[58 * 96 + 20] = 40.0
    this.stretch.value[56 * 96 : 57 * 96 + 10] = 0.0
    first = examine(this)
    assert sorted(rules_of(first)) == ["V02", "V05", "V07"]
    again = replace(this, earlier=first.findings, stretch=_with(this.stretch, first))
    second = examine(again)
    assert second.findings == first.findings
    assert second.outdated == []
    assert not second.write.size


def test_a_zero_run_that_goes_on_stays_one_finding(case):
    this = case(70, 71)
    this.stretch.value[70 * 96 : 72 * 96] = 0.0
    first = examine(this)
    longer = case(72, 72, earlier=first.findings)
    longer.stretch.value[70 * 96 : 73 * 96] = 0.0
    second = examine(longer)
    assert [(f.start, hours(f)) for f in second.findings] == [(first.findings[0].start, 72)]
    assert second.outdated == first.findings


def test_a_run_that_began_before_what_is_read_keeps_its_beginning(case):
    this = case(50, 50, series=replace(ELECTRICITY, commodity=Commodity.GAS, unit="therm"))
    this.stretch.value[: 51 * 96] = 0.0
    begin = this.now - timedelta(days=300)
    old = Finding(
        Rule.ZERO_RUN,
        Severity.WARN,
        begin,
        datetime.fromtimestamp(int(this.stretch.start[50 * 96]), UTC),
        measured=5000.0,
        limit=1080.0,
    )
    (finding,) = (f for f in examine(replace(this, earlier=[old])).findings if f.rule is Rule.ZERO_RUN)
    assert (finding.start, finding.measured) == (begin, 5000.0)
    assert finding.end.timestamp() == this.stretch.start[51 * 96]


def test_an_actual_value_in_place_of_an_estimate_opens_a_correction(case):
    this = case(60, 60)
    remove(this, 60 * 96 + 10, 60 * 96 + 30)
    first = examine(this)
    stretch = _with(this.stretch, first)
    stretch.value[60 * 96 + 10 : 60 * 96 + 14] = 2.0
    stretch.quality[60 * 96 + 10 : 60 * 96 + 14] = Quality.ACTUAL
    stretch.own[60 * 96 + 10 : 60 * 96 + 14] = False
    second = examine(replace(this, earlier=first.findings, stretch=stretch))
    correction = next(f for f in second.findings if f.rule is Rule.CORRECTION)
    assert (correction.measured, correction.facts["intervals"], hours(correction)) == (8.0, 4, 1)
    assert correction.facts["estimatedBefore"] == first.findings[0].facts["total"]
    gap = next(f for f in second.findings if f.rule is Rule.GAP)
    assert gap.measured == 16
    assert second.outdated == first.findings


def test_local_days_are_examined_like_any_interval(case):
    daily = replace(ELECTRICITY, commodity=Commodity.GAS, unit="ccf", kind=Kind.VOLUME, interval_s=DAY_S)
    this = case(60, 62, series=daily)
    remove(this, 60, 62)
    outcome = examine(this)
    assert [(f.rule, hours(f)) for f in outcome.findings] == [(Rule.GAP, 48)]
    assert outcome.findings[0].facts["steps"] == {"E3": 2}


def _with(stretch: Stretch, outcome: Outcome) -> Stretch:
    """The stretch as it reads after the outcome was written."""
    value, quality, own = stretch.value.copy(), stretch.quality.copy(), stretch.own.copy()
    value[outcome.write] = outcome.estimates.value[outcome.write]
    quality[outcome.write] = Quality.ESTIMATED
    own[outcome.write] = True
    return Stretch(stretch.zone, stretch.interval_s, stretch.start, value, quality, own)
