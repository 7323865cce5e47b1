"""What follows an import in the background."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from tests.metering.test_ingest import DAY, HEADER, day_csv

from energygrid.access import tenants
from energygrid.access.audit import SYSTEM
from energygrid.access.caller import Tenant
from energygrid.access.vault import Vault
from energygrid.customers.payload import check_payload
from energygrid.customers.settings import CustomerSettings
from energygrid.customers.sync import push_customer
from energygrid.database.engine import Database
from energygrid.ingest import jobs
from energygrid.ingest.jobs import Job
from energygrid.ingest.landing import land
from energygrid.metering.calendar import Span
from energygrid.metering.grid import Readings
from energygrid.metering.quality import Quality
from energygrid.metering.series import series_of_owners
from energygrid.metering.store import read

MIDNIGHT = datetime(2026, 1, 15, 5, tzinfo=UTC)  # in Detroit


@pytest.fixture
def utility(database: Database) -> Tenant:
    settings = {
        "metering": {"zone": "America/Detroit", "date_order": "MDY", "commodity": "electricity"},
        "vee": {"oldest_months": None},
    }
    return database.write(
        tenants.create_tenant, "detroit", environment="sandbox", settings=settings, now=datetime.now(UTC)
    )


def add_meter(database: Database, utility: Tenant, vault: Vault, meter_id: str) -> None:
    meter = {"meterId": meter_id, "meterType": "Electric", "isAMI": True, "rateCode": "RES1", "billingCycleId": 1}
    site = {"externalSiteId": "P1", "postalCode": "48067", "meters": [meter]}
    payload = {"clientId": "C1", "AcctStatus": "A", "customerSites": [site]}
    checked = check_payload(payload, utility.section("customers", CustomerSettings))
    database.write(push_customer, utility, checked, vault=vault, who=SYSTEM, now=datetime.now(UTC))


def send(database: Database, utility: Tenant, body: bytes) -> Job:
    now = datetime.now(UTC)
    landed = database.write(land, utility.id, [body], limit=1 << 20)
    return database.write(
        jobs.open_job,
        utility,
        SYSTEM,
        landed,
        kind="usage",
        task="metering.ingest_usage",
        name="usage.csv",
        options={},
        now=now,
    )


def stored(database: Database, utility: Tenant) -> Readings:
    [series] = database.read(series_of_owners, utility.id, ["M1"])
    return database.read(read, series, Span(MIDNIGHT, MIDNIGHT + timedelta(days=1)))


def without(body: bytes, *stamps: str) -> bytes:
    lines = body.decode().splitlines(keepends=True)
    return "".join(line for line in lines if not any(f" {stamp}," in line for stamp in stamps)).encode()


def test_a_gap_is_estimated_after_the_import_and_gives_way_to_the_actual_reading(
    database: Database,
    utility: Tenant,
    vault: Vault,
    run_jobs: Callable[[], None],
    failed_jobs: Callable[[], list[str]],
) -> None:
    """E1: a gap of an hour between good neighbours is filled linearly (contracts/powerbox.md 4.7)."""
    add_meter(database, utility, vault, "M1")
    whole = day_csv("M1", values=[round(0.1 + n / 100, 3) for n in range(96)])
    job = send(database, utility, without(whole, "10:00", "10:15", "10:30", "10:45"))
    run_jobs()
    assert failed_jobs() == []
    gap = stored(database, utility)
    np.testing.assert_allclose(gap.value[40:44], [0.1 + n / 100 for n in range(40, 44)], atol=1e-9)
    assert set(gap.quality[40:44].tolist()) == {Quality.ESTIMATED}
    assert database.read(jobs.find_job, utility.id, job.id).counters["estimated"] == 4
    late = f"{HEADER.strip()},IntervalSeconds\nA1,P1,M1,01/15/2026 10:15,7.000,900\n"
    send(database, utility, late.encode())
    run_jobs()
    assert stored(database, utility).value[41] == 7.0
    assert stored(database, utility).quality[41] != Quality.ESTIMATED


def test_a_push_takes_up_the_readings_that_waited_for_its_meter(
    database: Database,
    utility: Tenant,
    vault: Vault,
    run_jobs: Callable[[], None],
    failed_jobs: Callable[[], list[str]],
) -> None:
    job = send(database, utility, day_csv("M1"))
    run_jobs()
    assert database.read(jobs.find_job, utility.id, job.id).counters["parked"] == len(DAY)
    add_meter(database, utility, vault, "M1")
    run_jobs()
    assert failed_jobs() == []
    counters = database.read(jobs.find_job, utility.id, job.id).counters
    assert (counters["accepted"], counters["parked"]) == (96, 0)
    assert not np.isnan(stored(database, utility).value).any()


def test_a_refused_file_leaves_its_reason_and_nothing_else(
    database: Database, utility: Tenant, vault: Vault, run_jobs: Callable[[], None]
) -> None:
    add_meter(database, utility, vault, "M1")
    job = send(database, utility, day_csv("M1").replace(b",0.1", b",-0.1", 20))
    run_jobs()
    failed = database.read(jobs.find_job, utility.id, job.id)
    assert (failed.state, failed.error_code) == ("failed", "TOO_MANY_REJECTS")
    assert database.read(series_of_owners, utility.id, ["M1"]) == []
