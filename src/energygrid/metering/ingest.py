"""Importing one landed file: parse, match, screen, store, account for every row. All of it or nothing.

The whole file is one transaction, so that a loader killed anywhere and started again ends in the same tables.
Source of the steps: contracts/powerbox.md 4.8.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, BinaryIO

from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.customers.meters import find_meters
from energygrid.database.queue import defer
from energygrid.errors import DomainError, Invalid
from energygrid.ingest import jobs
from energygrid.ingest.jobs import Job
from energygrid.ingest.landing import Seal, open_landed
from energygrid.ingest.rows import Note
from energygrid.messaging import events
from energygrid.metering import parking, queries
from energygrid.metering.import_run import ImportRun
from energygrid.metering.importers.detect import read_file
from energygrid.metering.importers.options import ImportOptions
from energygrid.metering.intake import take, take_readings
from energygrid.metering.readings import Commodity, Parsed
from energygrid.metering.settings import MeteringSettings
from energygrid.metering.store import WriteReport
from energygrid.metering.told import Told

BATCH_ROWS = 250_000
VALIDATE = "metering.validate"
WRITTEN = "greenbutton.readings_written"
"""Jobs that see to what was written: its rules, and those who are to be told."""
_SERIES_A_JOB = 200
_FEW_ROWS = 20
"""Files shorter than this are not refused for their share of rejects."""

Watch = Callable[[Mapping[str, Any]], None]


Beside = Callable[[Connection, Tenant, Job, Sequence[Told], datetime], "tuple[int, Sequence[Note]]"]
"""Takes what a file says besides readings: how many records that changed, and what is to be said about the rest."""


def ingest_usage(
    db: Connection,
    tenant: Tenant,
    job: Job,
    *,
    now: datetime,
    unseal: Seal | None = None,
    watch: Watch | None = None,
    beside: Beside | None = None,
) -> Job:
    """Import the job's file and complete the job, in the caller's transaction.

    unseal  what opens the landed file, if it was sealed
    watch   called with the counters so far after each part of the file
    beside  who takes what the file says besides readings; None: it is counted
    Raises Invalid when the file as a whole is refused: BAD_FILE, UNSUPPORTED_FORMAT, TOO_MANY_REJECTS,
    MANIFEST_MISMATCH and what the importers document.
    """
    run = ImportRun.of(db, tenant, job, now)
    with open_landed(db, tenant.id, job.upload_id, unseal) as source:
        for parsed in _parse(run, source):
            take(run, parsed)
            if parsed.told:
                _take_told(run, parsed.told, beside)
            if watch is not None:
                watch(run.counters())
    _judge(run)
    follow_up(db, tenant.id, job.id, run.report)
    jobs.complete(db, job, run.counters(), now)
    events.record(
        db,
        tenant.id,
        "ingest.completed",
        {"jobId": job.id, "kind": job.kind}
        | {name: run.counters()[name] for name in ("accepted", "replaced", "rejected")},
        now,
        key=f"ingest.completed {job.id}",
    )
    return jobs.find_job(db, tenant.id, job.id)


def _take_told(run: ImportRun, told: Sequence[Told], beside: Beside | None) -> None:
    if beside is None:
        kinds = sorted(Counter(each.kind for each in told).items())
        run.note(
            [Note(0, "RESOURCE_NOT_IMPORTED", f"{count} x {kind}: not part of the readings") for kind, count in kinds]
        )
        return
    changed, notes = beside(run.db, run.tenant, run.job, told, run.now)
    run.records += changed
    run.note(notes)


def refuse(db: Connection, tenant: Tenant, job: Job, error: DomainError, *, now: datetime) -> None:
    """End a job whose file was refused as a whole; the transaction that read it is rolled back."""
    counters = error.facts.get("counters")
    jobs.fail(db, job, error.code, error.message, now, counters if isinstance(counters, Mapping) else None)
    rejects = error.facts.get("rejects")
    if isinstance(rejects, list):
        jobs.add_rejects(db, job, rejects, after=0)
    events.record(
        db,
        tenant.id,
        "ingest.failed",
        {"jobId": job.id, "kind": job.kind, "errorCode": error.code},
        now,
        key=f"ingest.failed {job.id}",
    )


def _parse(run: ImportRun, source: BinaryIO) -> Iterator[Parsed]:
    asked = run.job.options
    options = import_options(run.settings, now=run.now, name=run.job.name, meter_map=asked.get("meterMap", {}))
    return read_file(source, options, str(asked.get("format", "auto")))


def import_options(
    settings: MeteringSettings, *, now: datetime, name: str, meter_map: Mapping[str, str]
) -> ImportOptions:
    """What the tenant says about its files, as importers take it."""
    units = {Commodity.ELECTRICITY: "kWh"}
    if settings.gas_unit is not None:
        units[Commodity.GAS] = settings.gas_unit
    return ImportOptions(
        zone=settings.zone,
        now=now,
        name=name,
        date_order=settings.date_order,
        stamp=settings.stamp,
        fold=settings.fold,
        commodity=settings.commodity,
        interval_s=settings.interval_s,
        units=units,
        purposes=settings.cmep_purposes,
        meter_map=meter_map,
        batch_rows=BATCH_ROWS,
    )


def _judge(run: ImportRun) -> None:
    """Refuse a file that is mostly wrong, or not the one that was announced."""
    if run.rows > _FEW_ROWS and run.rejected > run.settings.most_rejects * run.rows:
        raise Invalid(
            "TOO_MANY_REJECTS",
            f"{run.rejected} of {run.rows} rows were rejected, more than {run.settings.most_rejects:.0%};"
            " nothing of the file was kept",
            counters=run.counters(),
            rejects=run.first_rejects,
        )
    manifest = run.job.options.get("manifest") or {}
    announced = manifest.get("rows")
    if announced is not None and announced != run.rows:
        raise Invalid("MANIFEST_MISMATCH", f"the manifest announces {announced} rows, the file holds {run.rows}")
    total = manifest.get("sumTotalUnit")
    if total is not None and abs(float(total) - sum(run.sum_in.values())) > 0.0005:
        raise Invalid(
            "MANIFEST_MISMATCH",
            f"the manifest announces a sum of {total}, the file's is {sum(run.sum_in.values()):.3f}",
        )


def follow_up(db: Connection, tenant_id: int, job_id: str, report: WriteReport) -> None:
    """Have the changed days of every written series validated and their gaps estimated, and their readers told.

    Validation takes a few hundred series a job. These jobs of one tenant run one after the other and behind everything
    else: files must not wait for them.
    """
    touched = report.touched.tolist()
    for at in range(0, len(touched), _SERIES_A_JOB):
        defer(
            db,
            VALIDATE,
            queue="validation",
            lock=f"validate {tenant_id}",
            priority=-10,
            tenant_id=tenant_id,
            job_id=job_id,
            touched=touched[at : at + _SERIES_A_JOB],
        )
    if touched:
        defer(db, WRITTEN, tenant_id=tenant_id, touched=touched)


def unpark(db: Connection, tenant: Tenant, meter_ids: Sequence[str], *, now: datetime) -> int:
    """Store what was parked for meters that have become known; how many readings that were.

    Rows that a rule refuses by now are rejected on the job that brought them.
    """
    known = find_meters(db, tenant.id, meter_ids)
    stored = 0
    for parked in parking.take(db, tenant.id, sorted(known)):
        job = jobs.find_job(db, tenant.id, parked.job_id)
        run = ImportRun.of(db, tenant, job, now)
        run.stored_rejects = jobs.count_rejects(db, job)
        take_readings(run, parked.batch, known_at=now)
        follow_up(db, tenant.id, job.id, run.report)
        jobs.add_to_counter(db, tenant.id, job.id, "parked", -len(parked.batch))
        for name in ("accepted", "replaced", "unchanged", "rejected"):
            jobs.add_to_counter(db, tenant.id, job.id, name, int(run.counters()[name]))
        stored += len(parked.batch)
    return stored


def give_up_parked(db: Connection, tenant: Tenant, *, before: datetime) -> int:
    """Drop what has waited for its meter since before `before`; how many readings that were."""
    return queries.drop_parked(db, tenant.id, before)
