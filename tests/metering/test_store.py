from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from energygrid.access.caller import Tenant
from energygrid.database.engine import Database
from energygrid.metering import store
from energygrid.metering.calendar import Span
from energygrid.metering.quality import Quality
from energygrid.metering.readings import DAY_S, Commodity, Flow, Kind, ReadingBatch, SeriesKey
from energygrid.metering.series import Series, ensure_series
from energygrid.metering.store import read, read_many, write_readings

ZONE = "America/Detroit"
DAY = 20_089  # 2025-01-01
T0 = DAY * DAY_S
NOW = datetime(2026, 3, 1, tzinfo=UTC)
NAN = float("nan")


def key(meter: str = "m1", interval_s: int = 900, **others: object) -> SeriesKey:
    facts = {"commodity": Commodity.ELECTRICITY, "flow": Flow.DELIVERED, "kind": Kind.ENERGY, "unit": "kWh"} | others
    return SeriesKey(meter_id=meter, interval_s=interval_s, **facts)


def make(db: Connection, tenant: Tenant, *keys: SeriesKey, zone: str = ZONE, offset: int = 0) -> list[Series]:
    zones = {each.meter_id: zone for each in keys}
    return ensure_series(db, tenant.id, keys, zones=zones, offsets=[offset] * len(keys), now=NOW)


def batch(
    series: list[Series],
    starts: list[int],
    values: list[float],
    quality: Quality | list[Quality] = Quality.ACTUAL,
    index: list[int] | None = None,
    marks: list[str] | None = None,
) -> ReadingBatch:
    n = len(starts)
    labels = sorted({mark for mark in marks or [] if mark})
    return ReadingBatch(
        series=[each.key for each in series],
        index=np.array(index or [0] * n, np.int32),
        start=np.array(starts, np.int64),
        value=np.array(values, np.float64),
        quality=np.array([quality] * n if isinstance(quality, Quality) else quality, np.uint8),
        row=np.arange(1, n + 1),
        source_labels=labels,
        source_code=None if marks is None else np.array([labels.index(m) if m else -1 for m in marks], np.int16),
    )


def year(start: int = T0, days: int = 2) -> Span:
    return Span.of(start, start + days * DAY_S)


def test_readings_come_back_on_the_grid_with_gaps_as_missing(db: Connection, tenant: Tenant) -> None:
    series = make(db, tenant, key())
    report = write_readings(db, series, batch(series, [T0 + 900, T0], [0.25, 0.125]), known_at=NOW)
    assert (report.accepted, report.replaced, report.unchanged, report.rejected) == (2, 0, 0, 0)
    found = read(db, series[0], Span.of(T0, T0 + 2700))
    assert found.start.tolist() == [T0, T0 + 900, T0 + 1800]
    np.testing.assert_array_equal(found.value, [0.125, 0.25, NAN])
    assert found.quality.tolist() == [Quality.ACTUAL, Quality.ACTUAL, Quality.MISSING]
    assert found.known_at == NOW


def test_redelivering_the_same_readings_writes_nothing(db: Connection, tenant: Tenant) -> None:
    series = make(db, tenant, key())
    given = batch(series, [T0 + n * 900 for n in range(96)], [n / 8 for n in range(96)])
    write_readings(db, series, given, known_at=NOW)
    before = db.execute(text("SELECT ctid, xmin FROM reading_block")).all()
    report = write_readings(db, series, given, known_at=NOW + timedelta(days=1))
    assert (report.accepted, report.unchanged, report.blocks) == (0, 96, 0)
    assert db.execute(text("SELECT ctid, xmin FROM reading_block")).all() == before


def test_a_changed_value_replaces_and_what_was_known_before_stays_readable(db: Connection, tenant: Tenant) -> None:
    series = make(db, tenant, key())
    write_readings(db, series, batch(series, [T0], [1.0]), known_at=NOW)
    report = write_readings(db, series, batch(series, [T0], [2.0]), known_at=NOW + timedelta(hours=1))
    assert (report.accepted, report.replaced) == (0, 1)
    span = Span.of(T0, T0 + 900)
    assert read(db, series[0], span).value.tolist() == [2.0]
    assert read(db, series[0], span, as_of=NOW + timedelta(minutes=59)).value.tolist() == [1.0]
    assert np.isnan(read(db, series[0], span, as_of=NOW - timedelta(seconds=1)).value).all()


def test_a_partial_day_keeps_the_rest_of_the_day(db: Connection, tenant: Tenant) -> None:
    series = make(db, tenant, key())
    write_readings(db, series, batch(series, [T0, T0 + 900], [1.0, 2.0]), known_at=NOW)
    write_readings(db, series, batch(series, [T0 + 900, T0 + 1800], [9.0, 3.0]), known_at=NOW)
    assert read(db, series[0], Span.of(T0, T0 + 2700)).value.tolist() == [1.0, 9.0, 3.0]


def test_of_one_interval_given_twice_the_last_counts(db: Connection, tenant: Tenant) -> None:
    series = make(db, tenant, key())
    report = write_readings(db, series, batch(series, [T0, T0, T0], [1.0, 2.0, 2.0]), known_at=NOW)
    assert (report.accepted, report.repeated) == (1, 2)
    assert read(db, series[0], Span.of(T0, T0 + 900)).value.tolist() == [2.0]


def test_a_reading_off_the_grid_is_rejected_with_its_row(db: Connection, tenant: Tenant) -> None:
    series = make(db, tenant, key())
    report = write_readings(db, series, batch(series, [T0, T0 + 60], [1.0, 2.0]), known_at=NOW)
    assert (report.accepted, report.rejected) == (1, 1)
    assert [(reject.row, reject.code) for reject in report.rejects] == [(2, "OFF_GRID")]


def test_an_explicitly_missing_reading_erases_nothing(db: Connection, tenant: Tenant) -> None:
    series = make(db, tenant, key())
    write_readings(db, series, batch(series, [T0], [1.0]), known_at=NOW)
    report = write_readings(db, series, batch(series, [T0], [NAN], Quality.MISSING), known_at=NOW)
    assert report.unchanged == 1
    assert read(db, series[0], Span.of(T0, T0 + 900)).value.tolist() == [1.0]


def test_an_estimate_never_replaces_an_actual_value_and_an_actual_always_an_estimate(
    db: Connection, tenant: Tenant
) -> None:
    series = make(db, tenant, key())
    span = Span.of(T0, T0 + 900)
    write_readings(db, series, batch(series, [T0], [1.0], Quality.ESTIMATED), known_at=NOW)
    write_readings(db, series, batch(series, [T0], [2.0], Quality.ACTUAL), known_at=NOW)
    assert read(db, series[0], span).value.tolist() == [2.0]
    own = write_readings(db, series, batch(series, [T0], [3.0], Quality.ESTIMATED), known_at=NOW, estimates=True)
    theirs = write_readings(db, series, batch(series, [T0], [3.0], Quality.ESTIMATED), known_at=NOW)
    assert own.rejected == 0
    assert [reject.code for reject in theirs.rejects] == ["ACTUAL_KNOWN"]
    assert read(db, series[0], span).value.tolist() == [2.0]


def test_our_own_estimate_replaces_nothing_that_was_delivered(db: Connection, tenant: Tenant) -> None:
    series = make(db, tenant, key())
    span = Span.of(T0, T0 + 1800)
    write_readings(db, series, batch(series, [T0], [1.0], Quality.UNKNOWN), known_at=NOW)
    given = batch(series, [T0, T0 + 900], [9.0, 9.0], Quality.ESTIMATED)
    report = write_readings(db, series, given, known_at=NOW, estimates=True)
    assert (report.accepted, report.replaced, report.rejected) == (1, 0, 0)
    assert read(db, series[0], span).value.tolist() == [1.0, 9.0]


def test_a_local_day_is_one_interval_of_23_24_or_25_hours(db: Connection, tenant: Tenant) -> None:
    series = make(db, tenant, key(interval_s=DAY_S))
    midnights = [datetime(2025, 3, day, 5 if day < 10 else 4, tzinfo=UTC) for day in (8, 9, 10)]  # DST from 9 March
    starts = [int(at.timestamp()) for at in midnights]
    report = write_readings(db, series, batch(series, [*starts, starts[0] + 3600], [1.0, 2.0, 3.0, 4.0]), known_at=NOW)
    assert (report.accepted, report.rejected) == (3, 1)
    found = read(db, series[0], Span(midnights[0], midnights[2] + timedelta(days=1)))
    assert found.start.tolist() == starts
    assert np.diff(found.start).tolist() == [DAY_S, 23 * 3600]
    assert found.value.tolist() == [1.0, 2.0, 3.0]


def test_hours_of_a_half_hour_zone_have_their_own_grid(db: Connection, tenant: Tenant) -> None:
    series = make(db, tenant, key(interval_s=3600), zone="Asia/Kolkata", offset=1800)
    starts = [T0 - 1800 + n * 3600 for n in range(30)]
    report = write_readings(db, series, batch(series, starts, list(map(float, range(30)))), known_at=NOW)
    assert report.accepted == 30
    found = read(db, series[0], Span.of(starts[0], starts[-1] + 3600))
    assert found.start.tolist() == starts
    assert found.value.tolist() == list(map(float, range(30)))


def test_series_of_several_intervals_are_written_in_one_call(db: Connection, tenant: Tenant) -> None:
    series = make(db, tenant, key(), key(interval_s=3600, unit="m3", commodity=Commodity.GAS), key("m2", 300))
    given = batch(series, [T0, T0, T0, T0 + 300], [1.0, 2.0, 3.0, 4.0], index=[0, 1, 2, 2])
    assert write_readings(db, series, given, known_at=NOW).accepted == 4
    first = [found.value[0] for found in read_many(db, series, Span.of(T0, T0 + 900))]
    assert first == [1.0, 2.0, 3.0]


def test_the_sources_own_quality_marks_are_kept(db: Connection, tenant: Tenant) -> None:
    series = make(db, tenant, key(interval_s=3600))
    given = batch(series, [T0, T0 + 3600], [1.0, 2.0], marks=["", "S14/79"])
    write_readings(db, series, given, known_at=NOW)
    write_readings(db, series, batch(series, [T0], [5.0], marks=["F52"]), known_at=NOW)
    stored = db.execute(text("SELECT source_quality FROM reading_block")).scalar_one()
    assert stored == "1*F52|1*S14/79|22*"


def test_writers_of_the_same_day_lose_nothing(database: Database, committed_tenant: Tenant) -> None:
    series = database.write(make, committed_tenant, key(interval_s=60))

    def write(part: int) -> None:
        for n in range(part, 1440, 8):
            at = NOW + timedelta(seconds=n)
            database.write(write_readings, series, batch(series, [T0 + n * 60], [float(n)]), known_at=at)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(8)))
    assert database.read(read, series[0], Span.of(T0, T0 + DAY_S)).value.tolist() == list(map(float, range(1440)))
    revision = database.read(lambda db: db.execute(text("SELECT revision FROM reading_block")).scalar_one())
    assert revision == 1440


def test_writers_that_name_the_same_series_in_another_order_lose_nothing(
    database: Database, committed_tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each write goes out in several parts; whoever is second merges again, with the days that it lost alone."""
    monkeypatch.setattr(store, "_PART", 2)
    series = database.write(make, committed_tenant, *(key(f"m{n}", interval_s=60) for n in range(5)))

    def write(part: int) -> None:
        mine = series[::-1] if part % 2 else series[part // 2 :]
        for n in range(part, 200, 4):
            starts, index = [T0 + n * 60] * len(mine), list(range(len(mine)))
            given_batch = batch(mine, starts, [float(n)] * len(mine), index=index)
            report = database.write(write_readings, mine, given_batch, known_at=NOW + timedelta(seconds=n))
            assert (report.accepted, len(report.touched)) == (len(mine), len(mine))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(4)))
    whole = database.read(read_many, series[1:], Span.of(T0, T0 + 200 * 60))
    assert [each.value.tolist() for each in whole] == [list(map(float, range(200)))] * 4
    kept = database.read(lambda db: db.execute(text("SELECT count(*), max(revision) FROM reading_revision")).one())
    blocks = database.read(
        lambda db: db.execute(text("SELECT sum(revision) - count(*) FROM reading_block")).scalar_one()
    )
    assert kept[0] <= blocks
    assert kept[1] < 200


def test_parts_of_one_file_leave_no_revisions_of_each_other(db: Connection, tenant: Tenant) -> None:
    series = make(db, tenant, key())
    for n in range(4):
        write_readings(db, series, batch(series, [T0 + n * 900], [1.0]), known_at=NOW)
    assert db.execute(text("SELECT count(*) FROM reading_revision")).scalar_one() == 0


events = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 191), st.integers(0, 5), st.sampled_from([1, 2, 3])), max_size=60
)


@given(events, st.lists(st.integers(0, 60), max_size=4))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_any_cut_of_the_same_stream_into_calls_ends_in_the_same_readings(
    db: Connection, tenant: Tenant, stream: list[tuple[int, int, int, int]], cuts: list[int]
) -> None:
    """Law: the end state is the fold of the single readings, whatever calls they came in.

    Estimates are left out: within one call the last reading of an interval counts before it is ranked.
    """
    stream = [(which, slot, value, 1 if quality == 2 else quality) for which, slot, value, quality in stream]
    savepoint = db.begin_nested()
    series = make(db, tenant, key("law1"), key("law2"))
    expected: dict[tuple[int, int], tuple[float, int]] = {}
    for which, slot, value, quality in stream:
        expected[which, slot] = (float(value), quality)
    bounds = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    for low, high in pairwise(bounds):
        part = stream[low:high]
        given = batch(
            series,
            [T0 + slot * 900 for _, slot, _, _ in part],
            [float(value) for _, _, value, _ in part],
            [Quality(quality) for _, _, _, quality in part],
            index=[which for which, _, _, _ in part],
        )
        write_readings(db, series, given, known_at=NOW)
    for which, each in enumerate(series):
        found = read(db, each, year())
        for slot in range(192):
            value, quality = expected.get((which, slot), (NAN, Quality.MISSING))
            assert found.quality[slot] == quality
            np.testing.assert_equal(found.value[slot], value)
    savepoint.rollback()


def test_another_tenants_series_is_unknown(db: Connection, tenant: Tenant) -> None:
    from energygrid.errors import NotFound  # noqa: PLC0415
    from energygrid.metering.series import find_series  # noqa: PLC0415

    series = make(db, tenant, key())
    assert find_series(db, tenant.id, series[0].id) == series[0]
    with pytest.raises(NotFound):
        find_series(db, tenant.id + 1, series[0].id)
