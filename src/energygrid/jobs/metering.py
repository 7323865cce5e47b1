"""Background work of metering: importing files, validating what they changed, and looking after the queue itself."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import structlog
from procrastinate import JobContext as Delivery
from procrastinate.exceptions import UniqueViolation
from procrastinate.jobs import Status
from sqlalchemy import Connection

from energygrid.access import tenants
from energygrid.access.caller import Tenant
from energygrid.billing.records import espi
from energygrid.errors import DomainError, Unavailable
from energygrid.flexibility import runs
from energygrid.greenbutton import notices
from energygrid.ingest import jobs, landing
from energygrid.jobs.app import Patient, app, context
from energygrid.metering import ingest, validation
from energygrid.metering.settings import MeteringSettings

_log = structlog.get_logger("energygrid.jobs.metering")
_TRIES = 5
_RETRY = Patient(max_attempts=_TRIES, exponential_wait=4)


@app.task(name="metering.ingest_usage", queue=jobs.QUEUE, retry=_RETRY, pass_context=True)
def ingest_usage(delivery: Delivery, tenant_id: int, job_id: str) -> None:
    """Import one landed file; a refused file ends its job as failed, with its rejects kept for the sender."""
    database = context().database
    now = datetime.now(UTC)
    tenant = database.read(tenants.get_tenant, tenant_id)
    job = database.write(jobs.start, tenant_id, job_id, now)
    if job is None:
        return

    def watch(counters: Mapping[str, Any]) -> None:
        database.write(jobs.report, tenant_id, job_id, counters)

    try:
        vault = context().vault
        beside, unseal = partial(espi.take, vault), landing.unsealing(vault, job.options)
        database.write(ingest.ingest_usage, tenant, job, now=now, unseal=unseal, watch=watch, beside=beside)
    except Unavailable:
        raise
    except DomainError as error:
        database.write(ingest.refuse, tenant, job, error, now=datetime.now(UTC))
    except Exception:
        if delivery.job.attempts + 1 >= _TRIES:
            _log.exception("ingest failed", job_id=job_id)
            fault = Unavailable("INTERNAL", f"the import failed unexpectedly; the log names it by {job_id}")
            database.write(ingest.refuse, tenant, job, fault, now=datetime.now(UTC))
            return
        raise


@app.task(name=ingest.VALIDATE, queue="validation", retry=_RETRY)
def validate(tenant_id: int, job_id: str, touched: list[tuple[int, int, int]]) -> None:
    """Run the rules over changed days and estimate their gaps."""
    database = context().database
    tenant = database.read(tenants.get_tenant, tenant_id)
    estimated = database.write(_validate, tenant, touched, datetime.now(UTC))
    if estimated and job_id:
        database.write(jobs.add_to_counter, tenant_id, job_id, "estimated", estimated)


def _validate(db: Connection, tenant: Tenant, touched: list[tuple[int, int, int]], now: datetime) -> int:
    """Estimates are readings too: whoever may read them is told of the days again."""
    estimated = validation.validate_days(db, tenant, touched, now)
    if estimated:
        notices.readings_written(db, tenant, touched, now)
        runs.readings_changed(db, tenant, touched, now)
    return estimated


@app.task(name="metering.unpark", queue="default", retry=_RETRY)
def unpark(tenant_id: int, meter_ids: list[str]) -> None:
    """Meters have become known: store what waited for them."""
    database = context().database
    tenant = database.read(tenants.get_tenant, tenant_id)
    database.write(ingest.unpark, tenant, meter_ids, now=datetime.now(UTC))


@app.periodic(cron="17 3 * * *")
@app.task(name="metering.give_up_parked", queue="default")
def give_up_parked(timestamp: int) -> None:
    """Once a day: parked readings whose time is over go, and so do the files of imports that failed a month ago."""
    database = context().database
    now = datetime.fromtimestamp(timestamp, UTC)
    for listed in database.read(tenants.list_tenants):
        tenant = database.read(tenants.find_tenant, str(listed["key"]))
        settings = tenant.section("metering", MeteringSettings)
        database.write(ingest.give_up_parked, tenant, before=now - settings.park)
    database.write(jobs.drop_forgotten, before=now - timedelta(days=30))


@app.periodic(cron="* * * * *")
@app.task(name="jobs.retry_stalled", queue="default", pass_context=True)
async def retry_stalled(delivery: Delivery, timestamp: int) -> None:
    """Every minute: take up again what a worker that has died was doing."""
    manager = delivery.app.job_manager
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=30):
        _log.warning("job taken up again", task=job.task_name, job=job.id, at=timestamp)
        try:
            await manager.retry_job(job)
        except UniqueViolation:  # another one waits under its queueing lock, and does the same
            await manager.finish_job(job, Status.FAILED, delete_job=True)
