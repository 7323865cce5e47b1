"""The loading pipeline of contracts/powerbox.md 4.8."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection, text

from energygrid.access.audit import SYSTEM
from energygrid.access.caller import Caller, Tenant
from energygrid.errors import Conflict, Denied, Invalid, NotFound
from energygrid.ingest import jobs
from energygrid.ingest.jobs import Job
from energygrid.ingest.landing import land
from energygrid.metering import ingest
from energygrid.metering.calendar import Span
from energygrid.metering.series import series_of_owners
from energygrid.metering.store import read

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HEADER = "AccountNumber,ExternalSiteID,MeterID,TimeStamp,TotalUnit\n"
DAY = [f"{hour:02d}:{minute:02d}" for hour in range(24) for minute in (0, 15, 30, 45)]


def day_csv(meter: str = "M1", day: str = "01/15/2026", values: list[float] | None = None) -> bytes:
    values = values or [round(0.1 + n / 1000, 3) for n in range(96)]
    rows = [f"A1,P1,{meter},{day} {at},{value:.3f}\n" for at, value in zip(DAY, values, strict=True)]
    return (HEADER + "".join(rows)).encode()


def open_job(db: Connection, tenant: Tenant, body: bytes, **options: Any) -> Job:
    landed = land(db, tenant.id, [body], limit=1 << 20)
    return jobs.open_job(
        db, tenant, SYSTEM, landed, kind="usage", task=None, name="usage.csv", options=options, now=NOW
    )


def run(db: Connection, tenant: Tenant, body: bytes, *, now: datetime = NOW, **options: Any) -> Job:
    opened = open_job(db, tenant, body, **options)
    if opened.state == "duplicate":
        return opened
    started = jobs.start(db, tenant.id, opened.id, now)
    assert started is not None
    return ingest.ingest_usage(db, tenant, started, now=now)


def stored(db: Connection, tenant: Tenant, meter: str = "M1") -> np.ndarray:
    series = series_of_owners(db, tenant.id, [meter])
    start = datetime(2026, 1, 15, 5, tzinfo=UTC)  # midnight in Detroit
    return read(db, series[0], Span(start, start + timedelta(days=1))).value


def tables(db: Connection) -> list[Any]:
    return [
        db.execute(text(query)).all()
        for query in (
            "SELECT series_id, day, revision, values, quality, source_quality FROM reading_block ORDER BY 1, 2",
            "SELECT series_id, day, revision FROM reading_revision ORDER BY 1, 2, 3",
        )
    ]


def test_a_day_of_quarter_hours_is_stored_and_accounted_for(
    db: Connection, utility: Tenant, add_meter: Callable[..., None]
) -> None:
    add_meter("M1")
    job = run(db, utility, day_csv())
    assert job.state == "completed"
    counted = ("rows", "accepted", "replaced", "unchanged", "rejected", "parked")
    assert [job.counters[name] for name in counted] == [96, 96, 0, 0, 0, 0]
    assert job.counters["sumIn"] == job.counters["sumStored"] == {"kWh": pytest.approx(96 * 0.1 + 4.56)}
    np.testing.assert_array_equal(stored(db, utility), [round(0.1 + n / 1000, 3) for n in range(96)])


def test_the_same_file_twice_is_a_no_op(db: Connection, utility: Tenant, add_meter: Callable[..., None]) -> None:
    add_meter("M1")
    first = run(db, utility, day_csv())
    before = tables(db)
    again = run(db, utility, day_csv())
    assert (again.state, again.duplicate_of) == ("duplicate", first.id)
    assert tables(db) == before


def test_the_same_file_read_with_another_meter_map_is_another_import(
    db: Connection, utility: Tenant, add_meter: Callable[..., None]
) -> None:
    add_meter("M1")
    assert run(db, utility, day_csv("theirs")).counters["parked"] == 96
    assert run(db, utility, day_csv("theirs"), meterMap={"theirs": "M1"}).counters["accepted"] == 96


def test_redelivery_in_another_file_changes_nothing_and_a_correction_only_what_differs(
    db: Connection, utility: Tenant, add_meter: Callable[..., None]
) -> None:
    add_meter("M1")
    values = [1.0] * 96
    run(db, utility, day_csv(values=values))
    before = tables(db)
    again = run(db, utility, day_csv(values=values) + b"\n")
    assert (again.counters["unchanged"], again.counters["accepted"]) == (96, 0)
    assert tables(db) == before
    corrected = run(db, utility, day_csv(values=[2.0, *values[1:]]))
    assert (corrected.counters["replaced"], corrected.counters["unchanged"]) == (1, 95)


def test_readings_of_an_unknown_meter_wait_for_it(
    db: Connection, utility: Tenant, add_meter: Callable[..., None]
) -> None:
    job = run(db, utility, day_csv())
    assert (job.counters["accepted"], job.counters["parked"]) == (0, 96)
    assert [note.code for note in jobs.notes(db, utility.id, job.id)] == ["UNKNOWN_METER"]
    add_meter("M1")
    assert ingest.unpark(db, utility, ["M1", "M2"], now=NOW) == 96
    assert ingest.unpark(db, utility, ["M1"], now=NOW) == 0
    assert stored(db, utility).sum() == pytest.approx(96 * 0.1 + 4.56)
    counters = jobs.find_job(db, utility.id, job.id).counters
    assert (counters["accepted"], counters["parked"]) == (96, 0)


def test_parked_readings_are_given_up_after_their_time(
    db: Connection, utility: Tenant, add_meter: Callable[..., None]
) -> None:
    run(db, utility, day_csv())
    assert ingest.give_up_parked(db, utility, before=NOW - timedelta(days=1)) == 0
    assert ingest.give_up_parked(db, utility, before=NOW + timedelta(seconds=1)) == 96
    add_meter("M1")
    assert ingest.unpark(db, utility, ["M1"], now=NOW) == 0


def test_single_bad_rows_are_rejected_with_their_line_and_the_rest_is_stored(
    db: Connection, utility: Tenant, add_meter: Callable[..., None]
) -> None:
    add_meter("M1")
    body = day_csv().replace(b"A1,P1,M1,01/15/2026 01:00,0.104", b"A1,P1,M1,01/15/2026 01:00,1e5")
    job = run(db, utility, body)
    assert (job.counters["accepted"], job.counters["rejected"]) == (95, 1)
    assert [reject.row for reject in jobs.rejects(db, utility.id, job.id)] == [6]


def test_a_future_reading_is_rejected(db: Connection, utility: Tenant, add_meter: Callable[..., None]) -> None:
    """V13."""
    add_meter("M1")
    opened = open_job(db, utility, day_csv(day="03/02/2026"))
    job = jobs.start(db, utility.id, opened.id, NOW)
    assert job is not None
    with pytest.raises(Invalid) as error:
        ingest.ingest_usage(db, utility, job, now=NOW)
    assert error.value.code == "TOO_MANY_REJECTS"


def test_a_file_that_is_mostly_wrong_is_refused_as_a_whole(
    db: Connection, utility: Tenant, add_meter: Callable[..., None]
) -> None:
    add_meter("M1")
    body = day_csv().replace(b",0.1", b",-0.1", 8)
    opened = open_job(db, utility, body)
    started = jobs.start(db, utility.id, opened.id, NOW)
    assert started is not None
    savepoint = db.begin_nested()
    with pytest.raises(Invalid) as error:
        ingest.ingest_usage(db, utility, started, now=NOW)
    savepoint.rollback()
    assert error.value.code == "TOO_MANY_REJECTS"
    ingest.refuse(db, utility, started, error.value, now=NOW)
    failed = jobs.find_job(db, utility.id, opened.id)
    assert (failed.state, failed.error_code) == ("failed", "TOO_MANY_REJECTS")
    assert len(jobs.rejects(db, utility.id, opened.id)) == 8
    assert tables(db) == [[], []]


def test_a_failed_file_may_be_sent_again(db: Connection, utility: Tenant, add_meter: Callable[..., None]) -> None:
    add_meter("M1")
    opened = open_job(db, utility, day_csv())
    jobs.fail(db, opened, "BAD_FILE", "as the test wants it", NOW)
    assert run(db, utility, day_csv()).state == "completed"


@pytest.mark.parametrize("manifest", [{"rows": 95}, {"sumTotalUnit": 99.0}], ids=["wrong number of rows", "wrong sum"])
def test_a_file_that_is_not_the_announced_one_is_refused(
    db: Connection, utility: Tenant, add_meter: Callable[..., None], manifest: dict[str, Any]
) -> None:
    add_meter("M1")
    with pytest.raises(Invalid) as error:
        run(db, utility, day_csv(), manifest=manifest)
    assert error.value.code == "MANIFEST_MISMATCH"


def test_a_file_that_fits_its_manifest_is_taken(
    db: Connection, utility: Tenant, add_meter: Callable[..., None]
) -> None:
    add_meter("M1")
    assert run(db, utility, day_csv(), manifest={"rows": 96, "sumTotalUnit": 14.16}).state == "completed"


@pytest.mark.parametrize("batches", [1, 3, 7])
def test_an_import_that_was_killed_and_runs_again_ends_in_the_same_tables(
    db: Connection, utility: Tenant, add_meter: Callable[..., None], monkeypatch: pytest.MonkeyPatch, batches: int
) -> None:
    """A killed import leaves nothing (one transaction a file); run again from its beginning it ends the same."""
    monkeypatch.setattr(ingest, "BATCH_ROWS", 10)
    add_meter("M1")
    opened = open_job(db, utility, day_csv())
    expected = db.begin_nested()
    started = jobs.start(db, utility.id, opened.id, NOW)
    assert started is not None
    ingest.ingest_usage(db, utility, started, now=NOW)
    clean = [[row[1:] for row in table] for table in tables(db)]
    expected.rollback()

    class Killed(BaseException):
        pass

    seen = 0

    def kill(_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == batches:
            raise Killed

    started = jobs.start(db, utility.id, opened.id, NOW)
    assert started is not None
    transaction = db.begin_nested()
    try:
        ingest.ingest_usage(db, utility, started, now=NOW, watch=kill)
    except Killed:
        transaction.rollback()
        started = jobs.start(db, utility.id, opened.id, NOW)
        assert started is not None
        ingest.ingest_usage(db, utility, started, now=NOW)
    assert [[row[1:] for row in table] for table in tables(db)] == clean


def test_a_connection_may_open_any_number_of_jobs(db: Connection, utility: Tenant) -> None:
    """From the sixth time on the driver uses a prepared statement."""
    for n in range(8):
        assert open_job(db, utility, b"file %d" % n).state == "queued"


def test_a_job_delivered_twice_is_worked_on_once(
    db: Connection, utility: Tenant, add_meter: Callable[..., None]
) -> None:
    add_meter("M1")
    job = run(db, utility, day_csv())
    assert jobs.start(db, utility.id, job.id, NOW) is None


def test_a_completed_job_keeps_nothing_of_its_file(
    db: Connection, utility: Tenant, add_meter: Callable[..., None]
) -> None:
    add_meter("M1")
    run(db, utility, day_csv())
    assert db.execute(text("SELECT count(*) FROM landed_chunk")).scalar_one() == 0


def test_an_outcome_is_acknowledged_once_there_is_one(
    db: Connection, utility: Tenant, add_meter: Callable[..., None]
) -> None:
    caller = Caller(utility, "cis", frozenset({"usage.ingest"}), "test")
    opened = open_job(db, utility, day_csv())
    with pytest.raises(Conflict):
        jobs.acknowledge(db, caller, SYSTEM, opened.id, NOW)
    jobs.fail(db, opened, "BAD_FILE", "as the test wants it", NOW)
    first = jobs.acknowledge(db, caller, SYSTEM, opened.id, NOW)
    again = jobs.acknowledge(db, caller, SYSTEM, opened.id, NOW + timedelta(days=1))
    assert first.acknowledged_at == again.acknowledged_at == NOW


def test_a_job_is_seen_by_its_own_tenant_with_its_scope_alone(db: Connection, utility: Tenant) -> None:
    opened = open_job(db, utility, day_csv())
    with pytest.raises(Denied):
        jobs.visible_job(db, Caller(utility, "cis", frozenset({"billing.ingest"}), "test"), opened.id)
    stranger = Tenant(utility.id + 1, "other", "sandbox")
    with pytest.raises(NotFound):
        jobs.visible_job(db, Caller(stranger, "cis", frozenset({"usage.ingest"}), "test"), opened.id)
