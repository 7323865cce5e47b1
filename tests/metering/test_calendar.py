"""Local days. Oracle: the standard library's zoneinfo, an instant at a time."""

import time
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energygrid.errors import Invalid
from energygrid.metering import calendar
from energygrid.metering.calendar import Grain, Span

ZONES = [
    "UTC",
    "America/New_York",
    "America/Los_Angeles",
    "America/Sao_Paulo",  # clocks changed at midnight
    "America/St_Johns",  # clocks went back at 00:01, over midnight, until 2011
    "Europe/London",
    "Europe/Dublin",  # summer is standard time
    "Africa/Casablanca",  # back for Ramadan
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Adelaide",
    "Australia/Brisbane",
    "Australia/Lord_Howe",  # half an hour of daylight saving
    "Pacific/Apia",  # no 2011-12-30
    "Asia/Gaza",
]
zones = st.sampled_from(ZONES)
instants = st.integers(0, int(datetime(2099, 12, 31, tzinfo=UTC).timestamp()))
days = st.dates(date(1971, 1, 1), date(2098, 12, 31))


def utc(*fields: int) -> int:
    return int(datetime(*fields, tzinfo=UTC).timestamp())


def wall(*fields: int) -> int:
    return utc(*fields)


@given(zones, st.lists(instants, min_size=1, max_size=20))
def test_the_wall_clock_is_the_one_of_the_iana_rules(zone, moments):
    expected = [datetime.fromtimestamp(m, ZoneInfo(zone)).replace(tzinfo=UTC).timestamp() for m in moments]
    assert calendar.to_local(np.array(moments), zone).tolist() == expected


@given(zones, st.lists(instants, min_size=1, max_size=20))
def test_a_wall_clock_leads_back_to_its_instant_in_one_of_two_passes(zone, moments):
    walls = calendar.to_local(np.array(moments), zone)
    earlier = calendar.local_to_utc(walls, zone, "earlier")
    later = calendar.local_to_utc(walls, zone, "later")
    assert not earlier.nonexistent.any()
    assert ((earlier.utc == moments) | (later.utc == moments)).all()
    assert ((earlier.utc != later.utc) == earlier.ambiguous).all()


@given(zones, st.lists(st.datetimes(datetime(1971, 1, 1), datetime(2099, 1, 1)), min_size=1, max_size=20))
def test_both_passes_agree_with_the_fold_of_the_standard_library(zone, clocks):
    walls = np.array([int((c - datetime(1970, 1, 1)).total_seconds()) for c in clocks])
    clocks = [c.replace(microsecond=0) for c in clocks]
    info = ZoneInfo(zone)
    first = [c.replace(tzinfo=info, fold=0).timestamp() for c in clocks]
    second = [c.replace(tzinfo=info, fold=1).timestamp() for c in clocks]
    found = calendar.local_to_utc(walls, zone, "earlier")
    assert found.utc.tolist() == first
    assert found.ambiguous.tolist() == [a < b for a, b in zip(first, second, strict=True)]
    assert found.nonexistent.tolist() == [a > b for a, b in zip(first, second, strict=True)]


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("America/New_York", date(2024, 3, 10), 23),
        ("America/New_York", date(2024, 11, 3), 25),
        ("America/New_York", date(2024, 7, 4), 24),
        ("Europe/London", date(2024, 3, 31), 23),
        ("Europe/London", date(2024, 10, 27), 25),
        ("Australia/Adelaide", date(2024, 4, 7), 25),
        ("Australia/Lord_Howe", date(2024, 4, 7), 24.5),
        ("Australia/Lord_Howe", date(2024, 10, 6), 23.5),
        ("America/Sao_Paulo", date(2018, 11, 4), 23),
        ("America/Sao_Paulo", date(2018, 2, 17), 25),
        ("Asia/Kolkata", date(2024, 3, 10), 24),
        ("Pacific/Apia", date(2011, 12, 29), 24),
        ("Pacific/Apia", date(2011, 12, 30), 0),
        ("Pacific/Apia", date(2011, 12, 31), 24),
    ],
)
def test_a_local_day_has_the_hours_its_clock_changes_leave(zone, day, hours):
    span = calendar.day_span(day, zone)
    assert span.end - span.start == timedelta(hours=hours)


def test_a_day_without_midnight_begins_when_its_clock_starts():
    # Brazil 2018: at 00:00 on 4 November clocks moved to 01:00, that is 03:00 UTC.
    assert calendar.day_span(date(2018, 11, 4), "America/Sao_Paulo").start == datetime(2018, 11, 4, 3, tzinfo=UTC)


def test_a_day_that_has_midnight_twice_begins_at_the_first_and_is_one_piece():
    # Newfoundland 2010: at 00:01 on 7 November (02:31 UTC) clocks went back to 23:01 on the 6th.
    zone, first = "America/St_Johns", utc(2010, 11, 7, 2, 30)
    assert calendar.day_span(date(2010, 11, 7), zone).start.timestamp() == first
    assert calendar.day_span(date(2010, 11, 7), zone).end.timestamp() == first + 25 * 3600
    minutes = first + np.arange(-90, 25 * 60 + 90) * 60
    expected = calendar.day_number(date(2010, 11, 6)) + np.repeat([0, 1, 2], [90, 25 * 60, 90])
    assert calendar.local_days(minutes, zone).tolist() == expected.tolist()


@given(zones, instants)
def test_an_instant_lies_within_the_day_it_belongs_to(zone, moment):
    day = calendar.local_days(np.array([moment]), zone)
    start, end = calendar.day_starts(np.array([day[0], day[0] + 1]), zone)
    assert start <= moment < end


@given(zones, days, st.integers(1, 800))
def test_days_are_without_holes_and_without_overlap(zone, day, count):
    numbers = calendar.day_number(day) + np.arange(count + 1)
    lengths = np.diff(calendar.day_starts(numbers, zone)) / 3600
    # St. John's once moved its clocks by two hours, Kathmandu by a quarter; where the date line moved a day is left out
    assert all(length == 0 or 22 <= length <= 26 for length in lengths.tolist())


@given(zones, days, st.integers(0, 500))
def test_edges_cover_the_span_and_coarser_edges_are_among_finer_ones(zone, day, count):
    start = calendar.day_span(day, zone).start
    span = Span(start, start + timedelta(days=count, hours=5))
    found = {grain: calendar.edges(grain, span, zone) for grain in Grain}
    low, high = span.instants()
    for marks in found.values():
        assert (np.diff(marks) > 0).all()
        assert marks[0] <= low < marks[1]
        assert marks[-2] < high <= marks[-1]
    inside = {grain: set(m[(m > low) & (m < high)].tolist()) for grain, m in found.items()}
    assert inside[Grain.YEAR] <= inside[Grain.MONTH] <= inside[Grain.DAY] <= inside[Grain.HOUR]
    assert inside[Grain.WEEK] <= inside[Grain.DAY]


@given(zones, days)
def test_weeks_begin_on_monday_and_months_on_the_first(zone, day):
    span = calendar.day_span(day, zone)
    if span.start == span.end:
        return
    first_of = {
        grain: date.fromordinal(
            int(calendar.local_days(calendar.edges(grain, span, zone)[:1], zone)[0]) + date(1970, 1, 1).toordinal()
        )
        for grain in Grain
    }
    assert first_of[Grain.WEEK] == day - timedelta(days=day.weekday())
    assert first_of[Grain.MONTH] == day.replace(day=1)
    assert first_of[Grain.YEAR] == day.replace(month=1, day=1)
    assert calendar.weekdays(np.array(calendar.day_number(day))) == day.weekday()


def test_hours_of_half_hour_zones_begin_at_half_past():
    span = Span.of(utc(2024, 5, 1), utc(2024, 5, 1, 3))
    marks = calendar.edges(Grain.HOUR, span, "Asia/Kolkata")
    assert (marks % 3600 == 1800).all()
    assert len(marks) == 5


@pytest.mark.parametrize(("day", "hours"), [(date(2024, 3, 10), 23), (date(2024, 11, 3), 25)])
def test_a_repeated_hour_counts_twice_and_a_skipped_hour_not_at_all(day, hours):
    marks = calendar.edges(Grain.HOUR, calendar.day_span(day, "America/New_York"), "America/New_York")
    assert np.diff(marks).tolist() == [3600] * hours


def test_half_hour_changes_leave_one_hour_of_thirty_or_of_ninety_minutes():
    zone = "Australia/Lord_Howe"
    spring = np.diff(calendar.edges(Grain.HOUR, calendar.day_span(date(2024, 10, 6), zone), zone)) / 60
    autumn = np.diff(calendar.edges(Grain.HOUR, calendar.day_span(date(2024, 4, 7), zone), zone)) / 60
    assert spring.tolist() == [60, 60, 30] + [60] * 21
    assert autumn.tolist() == [60, 90] + [60] * 22


def test_a_wall_clock_seen_again_in_its_series_means_the_second_pass():
    # United States 2024: 01:00 to 02:00 on 3 November passes twice; the first pass is daylight time (UTC-4).
    half_hours = [wall(2024, 11, 3, 1), wall(2024, 11, 3, 1, 30)]
    walls = np.array([*half_hours, *half_hours, half_hours[0]])
    series = np.array([0, 0, 0, 0, 1])
    found = calendar.local_to_utc(walls, "America/New_York", "first_dst", series)
    assert found.utc.tolist() == [
        utc(2024, 11, 3, 5),
        utc(2024, 11, 3, 5, 30),
        utc(2024, 11, 3, 6),
        utc(2024, 11, 3, 6, 30),
        utc(2024, 11, 3, 5),
    ]


@pytest.mark.parametrize(("fold", "hour"), [("earlier", 5), ("later", 6), ("first_dst", 5)])
def test_a_repeated_wall_clock_follows_the_rule_of_the_source(fold, hour):
    found = calendar.local_to_utc(np.array([wall(2024, 11, 3, 1)]), "America/New_York", fold)
    assert found.utc.tolist() == [utc(2024, 11, 3, hour)]
    assert found.ambiguous.all()


def test_a_wall_clock_that_never_was_is_marked_and_read_an_hour_later():
    found = calendar.local_to_utc(np.array([wall(2024, 3, 10, 2, 30)]), "America/New_York")
    assert found.nonexistent.all()
    assert found.utc.tolist() == [utc(2024, 3, 10, 7, 30)]


def test_billing_periods_include_their_last_day():
    # powerbox.md 1.7, cycle 1: 12 periods from 2024-12-03 to 2025-12-02 with these lengths.
    lengths = [31, 28, 32, 29, 30, 32, 30, 30, 32, 29, 29, 33]
    starts = [date(2024, 12, 3) + timedelta(days=sum(lengths[:i])) for i in range(12)]
    periods = [(s, s + timedelta(days=n - 1)) for s, n in zip(starts, lengths, strict=True)]
    spans = calendar.billing_spans(periods, "America/New_York")
    assert spans[0, 0] == utc(2024, 12, 3, 5)
    assert spans[-1, 1] == utc(2025, 12, 3, 5)
    assert (spans[1:, 0] == spans[:-1, 1]).all()
    hours = np.diff(spans, axis=1)[:, 0] / 3600
    assert hours[3] == 29 * 24 - 1  # 4 March to 1 April: one hour lost on 9 March
    assert sum(lengths) * 24 == hours.sum()


@pytest.mark.parametrize(
    "periods",
    [
        [(date(2024, 2, 1), date(2024, 1, 31))],
        [(date(2024, 1, 1), date(2024, 1, 31)), (date(2024, 1, 31), date(2024, 2, 28))],
    ],
)
def test_billing_periods_that_overlap_or_run_backwards_are_refused(periods):
    with pytest.raises(Invalid, match="period"):
        calendar.billing_spans(periods, "UTC")


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../etc/passwd", "America", "Europe/Berlin\0", "ü"])
def test_an_unknown_zone_is_refused(zone):
    with pytest.raises(Invalid) as refused:
        calendar.check_zone(zone)
    assert refused.value.code == "UNKNOWN_ZONE"


def test_a_meter_year_converts_in_less_than_a_millisecond():
    year = utc(2024, 1, 1) + np.arange(35_040) * 900
    walls = calendar.to_local(year, "America/New_York")
    for convert in (
        lambda: calendar.to_local(year, "America/New_York"),
        lambda: calendar.local_days(year, "America/New_York"),
        lambda: calendar.local_to_utc(walls, "America/New_York"),
    ):
        best = float("inf")
        for _ in range(20):
            begun = time.perf_counter()
            convert()
            best = min(best, time.perf_counter() - begun)
        assert best < 2e-3  # measured at 0.3 to 0.8 ms; the slack is for a busy machine
