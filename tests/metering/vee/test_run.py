"""Validation and estimation on the store: what stands in the database afterwards."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import Connection, select

from energygrid.access.caller import Tenant
from energygrid.metering.calendar import Span, day_number, day_span, day_starts
from energygrid.metering.quality import Quality
from energygrid.metering.readings import (
    DAY_S,
    Commodity,
    Flow,
    Kind,
    ReadingBatch,
    RegisterReads,
    SeriesKey,
)
from energygrid.metering.series import Series, ensure_series
from energygrid.metering.store import read, write_readings, write_register_reads
from energygrid.metering.vee import screening
from energygrid.metering.vee.findings import Rule, Severity
from energygrid.metering.vee.run import (
    list_findings,
    record_findings,
    validate_and_estimate,
    validate_many,
)
from energygrid.metering.vee.settings import VeeSettings
from energygrid.metering.vee.stretch import Stretch
from energygrid.metering.vee.tables import vee_finding

ZONE = "America/New_York"
FIRST, DAYS = date(2025, 12, 1), 80
NOW = datetime(2026, 2, 20, tzinfo=UTC)
KEY = SeriesKey("M1", Commodity.ELECTRICITY, Flow.DELIVERED, Kind.ENERGY, "kWh", 900)

Write = Callable[..., Series]


def batch(key: SeriesKey, start, value, quality=Quality.ACTUAL) -> ReadingBatch:
    n = len(start)
    return ReadingBatch([key], np.zeros(n, np.int32), start, value, np.full(n, quality, np.uint8), np.arange(1, n + 1))


@pytest.fixture
def history(household) -> Stretch:
    return household(FIRST, DAYS)


@pytest.fixture
def loaded(db: Connection, tenant: Tenant, history: Stretch) -> Write:
    """Stores the household, without the positions given, as a series of one meter."""

    def write(*left_out: slice, key: SeriesKey = KEY) -> Series:
        (series,) = ensure_series(db, tenant.id, [key], zones={key.meter_id: ZONE}, offsets=[0], now=NOW)
        kept = np.ones(len(history.start), np.bool_)
        for each in left_out:
            kept[each] = False
        write_readings(db, [series], batch(key, history.start[kept], history.value[kept]), known_at=NOW)
        return series

    return write


def span_of(first: int, last: int) -> Span:
    start, end = day_starts(day_number(FIRST) + np.array([first, last + 1]), ZONE).tolist()
    return Span.of(start, end)


def rows(db: Connection) -> list[tuple[object, ...]]:
    return [tuple(row) for row in db.execute(select(vee_finding).order_by(vee_finding.c.rule, vee_finding.c.start))]


GAP = slice(60 * 96 + 10, 60 * 96 + 30)


def test_a_gap_is_stored_as_estimates_that_can_be_told_from_actual_values(db, tenant, loaded, history):
    series = loaded(GAP)
    summary = validate_and_estimate(db, tenant, series, span_of(60, 60), NOW)
    assert (dict(summary.findings), dict(summary.estimated), summary.missing) == ({"V02": 1}, {"E3": 20}, 0)
    found = read(db, series, span_of(60, 60))
    expected = np.full(96, Quality.ACTUAL)
    expected[10:30] = Quality.ESTIMATED
    assert found.quality.tolist() == expected.tolist()
    assert found.value == pytest.approx(history.value[60 * 96 : 61 * 96], abs=1e-9)


def test_running_again_changes_nothing(db, tenant, loaded):
    series = loaded(GAP)
    validate_and_estimate(db, tenant, series, span_of(60, 60), NOW)
    before, values = rows(db), read(db, series, span_of(0, 79))
    again = validate_and_estimate(db, tenant, series, span_of(59, 61), NOW + timedelta(hours=1))
    assert (again.new, dict(again.estimated), dict(again.findings)) == (0, {}, {"V02": 1})
    assert rows(db) == before
    assert read(db, series, span_of(0, 79)).known_at == values.known_at


def test_an_actual_value_replaces_the_estimate_for_good_and_opens_a_correction(db, tenant, loaded, history):
    series = loaded(GAP)
    validate_and_estimate(db, tenant, series, span_of(60, 60), NOW)
    actual = history.value[GAP] + 0.01
    late = batch(KEY, history.start[GAP], actual)
    write_readings(db, [series], late, known_at=NOW + timedelta(hours=1))
    summary = validate_and_estimate(db, tenant, series, span_of(60, 60), NOW + timedelta(hours=1))
    assert dict(summary.findings) == {"CORRECTION": 1}
    (stored,) = list_findings(db, tenant.id, series_ids=[series.id])
    assert (stored.finding.rule, stored.finding.measured) == (Rule.CORRECTION, pytest.approx(actual.sum()))
    found = read(db, series, span_of(60, 60))
    assert found.value[10:30].tolist() == actual.tolist()
    assert (found.quality == Quality.ACTUAL).all()
    again = validate_and_estimate(db, tenant, series, span_of(60, 60), NOW + timedelta(hours=2))
    assert (dict(again.findings), len(rows(db))) == ({}, 1)


def test_an_estimate_of_the_source_is_not_ours_to_replace(db, tenant, loaded, history):
    series = loaded(GAP)
    theirs = batch(KEY, history.start[GAP], np.full(20, 9.0), Quality.ESTIMATED)
    write_readings(db, [series], theirs, known_at=NOW)
    summary = validate_and_estimate(db, tenant, series, span_of(60, 60), NOW)
    assert dict(summary.estimated) == {}
    assert read(db, series, span_of(60, 60)).value[10:30].tolist() == [9.0] * 20


def test_a_register_read_that_comes_later_fits_the_estimates_anew(db, tenant, loaded, history):
    series = loaded(GAP)
    validate_and_estimate(db, tenant, series, span_of(60, 60), NOW)
    register = SeriesKey("M1", Commodity.ELECTRICITY, Flow.DELIVERED, Kind.ENERGY, "Wh", 0)
    (index,) = ensure_series(db, tenant.id, [register], zones={"M1": ZONE}, offsets=[0], now=NOW)
    measured = float(np.delete(history.value[58 * 96 : 62 * 96], np.s_[2 * 96 + 10 : 2 * 96 + 30]).sum())
    at = history.start[[58 * 96, 62 * 96]]
    reads = RegisterReads(
        [register],
        np.zeros(2, np.int32),
        at,
        np.array([1e6, 1e6 + (measured + 7.5) * 1000]),
        np.full(2, Quality.ACTUAL, np.uint8),
        np.array([1, 2]),
    )
    write_register_reads(db, [index], reads, known_at=NOW)
    summary = validate_and_estimate(db, tenant, series, span_of(61, 61), NOW + timedelta(hours=1))
    assert dict(summary.estimated) == {}, "the touched day has no gap of its own"
    summary = validate_and_estimate(db, tenant, series, span_of(60, 60), NOW + timedelta(hours=1))
    assert dict(summary.estimated) == {"E3": 20}
    assert read(db, series, span_of(60, 60)).value[10:30].sum() == pytest.approx(7.5, abs=1e-6)


def test_a_long_gap_in_a_new_meter_stays_missing(db, tenant, loaded):
    series = loaded(slice(5 * 96, 7 * 96), slice(20 * 96, None), slice(0, 4 * 96))  # a weekend
    summary = validate_and_estimate(db, tenant, series, span_of(4, 8), NOW)
    assert summary.missing == 2 * 96
    assert np.isnan(read(db, series, span_of(5, 6)).value).all()


def test_the_year_before_helps_where_there_are_no_like_days(db, tenant, loaded, household):
    series = loaded(slice(0, 75 * 96), slice(76 * 96, 77 * 96))
    past = household(date(2025, 1, 20), 60)
    write_readings(db, [series], batch(KEY, past.start, past.value), known_at=NOW)
    settings = {"vee": {"like_days_within": 1}}
    summary = validate_and_estimate(db, replace(tenant, settings=settings, _sections={}), series, span_of(76, 76), NOW)
    assert summary.estimated["E4"] == 96


def test_many_series_of_different_grids_are_examined_together(db, tenant, household):
    keys = [
        replace(KEY, meter_id="A"),
        replace(KEY, meter_id="B", interval_s=3600),
        replace(KEY, meter_id="C", commodity=Commodity.GAS, kind=Kind.VOLUME, unit="ccf", interval_s=DAY_S),
    ]
    zones = {"A": ZONE, "B": "Europe/London", "C": "Asia/Kolkata"}
    series = ensure_series(db, tenant.id, keys, zones=zones, offsets=[0, 0, 0], now=NOW)
    missing = date(2026, 1, 15)
    for each in series:
        stretch = household(FIRST, DAYS, zone=each.zone, interval_s=each.interval_s)
        kept = stretch.day != day_number(missing)
        write_readings(db, [each], batch(each.key, stretch.start[kept], stretch.value[kept]), known_at=NOW)
    span = Span(datetime(2026, 1, 14, tzinfo=UTC), datetime(2026, 1, 17, tzinfo=UTC))
    summary = validate_many(db, tenant, [(each, span) for each in series], now=NOW)
    assert (summary.series, dict(summary.findings), dict(summary.estimated)) == (3, {"V02": 3}, {"E3": 96 + 24 + 1})
    for each in series:
        found = read(db, each, day_span(missing, each.zone))
        assert (found.quality == Quality.ESTIMATED).all()
        assert found.quality.size


def test_findings_are_listed_by_what_is_asked_for(db, tenant, loaded, history):
    series = loaded(GAP)
    spiked = batch(KEY, history.start[50 * 96 : 50 * 96 + 1], np.array([40.0]))
    write_readings(db, [series], spiked, known_at=NOW)
    validate_and_estimate(db, tenant, series, span_of(50, 60), NOW)

    def listed(**how) -> list[str]:
        return [str(stored.finding.rule) for stored in list_findings(db, tenant.id, **how)]

    assert listed() == ["V02", "V07"]
    assert listed(rules=[Rule.SPIKE]) == ["V07"]
    assert listed(severities=[Severity.ESTIMATE]) == ["V02"]
    assert listed(start=span_of(55, 55).start) == ["V02"]
    assert listed(end=span_of(55, 55).start) == ["V07"]
    assert listed(series_ids=[series.id + 1]) == []
    (first,) = list_findings(db, tenant.id, limit=1)
    assert listed(after=first.place) == ["V07"]
    assert list_findings(db, tenant.id + 1) == []


def test_what_screening_found_is_kept_too(db, tenant, loaded, history):
    series = loaded()
    twice = batch(KEY, history.start[[5, 5, 6]], np.array([1.0, 2.0, -3.0]))
    judged = screening.screen(twice, now=NOW, settings=VeeSettings())
    found = [*judged.findings(twice), *screening.duplicate_findings(twice)]
    for _ in range(2):
        record_findings(db, tenant, [(series, finding) for _, finding in found], NOW)
    rules = {stored.finding.rule: stored.finding.severity for stored in list_findings(db, tenant.id)}
    assert rules == {Rule.DUPLICATE: Severity.WARN, Rule.NEGATIVE: Severity.REJECT}
    validate_and_estimate(db, tenant, series, span_of(0, 1), NOW)
    assert len(list_findings(db, tenant.id)) == 2
