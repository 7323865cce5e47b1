"""An ingest job of billing records: from the landed file to revisions in the tables.

The file is stored in batches, one transaction each. A job that was killed starts the file again: what it had stored
is recognised by its own job id and counted as before, so the outcome and the counters are those of one run.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy import Connection

from energygrid.access import tenants
from energygrid.access.caller import Tenant
from energygrid.access.vault import Vault
from energygrid.billing.records import files, queries, terminations
from energygrid.billing.records.queries import Revision
from energygrid.billing.records.record import Record, RecordKind
from energygrid.billing.records.sealing import Safe
from energygrid.billing.records.values import DateRules
from energygrid.billing.settings import BillingSettings
from energygrid.database.engine import Database
from energygrid.database.queue import defer
from energygrid.errors import Invalid
from energygrid.ingest import jobs, landing
from energygrid.ingest.jobs import Job
from energygrid.ingest.rows import Note, Reject
from energygrid.messaging import events

JOB_KIND = "billing"
TASK = "billing.ingest"
WRITTEN = "greenbutton.records_written"
"""Job that sees to those who are to be told of new records."""
BATCH = 1_000
_STATEMENTS_AT_ONCE = 4
"""They bring their documents along."""
_ENOUGH_ROWS = 1_000
"""Rows before a share of rejects says anything."""

Found = Record | Reject | Note


def run(database: Database, vault: Vault, tenant_id: int, job_id: str, clock: Callable[[], datetime]) -> None:
    """Work on one job to its end; does nothing when it has ended."""
    job = database.write(jobs.start, tenant_id, job_id, clock())
    if job is None:
        return
    tenant = database.read(tenants.get_tenant, tenant_id)
    counters: Counter[str] = Counter(dict.fromkeys(("accepted", "replaced", "unchanged", "rejected", "notes"), 0))
    try:
        database.read(_load, database, vault, tenant, job, counters, clock)
    except Invalid as error:
        database.write(_fail, job, error, counters, clock())
    else:
        database.write(_complete, job, counters, clock())


def _load(
    reading: Connection,
    database: Database,
    vault: Vault,
    tenant: Tenant,
    job: Job,
    counters: Counter[str],
    clock: Callable[[], datetime],
) -> None:
    settings = tenant.section("billing", BillingSettings)
    kind = RecordKind(job.options["kind"])
    safe = Safe.of(tenant, vault)
    unseal = landing.unsealing(vault, job.options)
    with landing.open_landed(reading, job.tenant_id, job.upload_id, unseal) as source:
        found = files.read(source, kind, DateRules(settings.date_order), settings.currency)
        for batch in _batches(found, _STATEMENTS_AT_ONCE if kind is RecordKind.STATEMENT else BATCH):
            counters.update(database.write(_store, tenant, safe, job, kind, batch, counters.copy(), clock()))
            database.write(jobs.report, job.tenant_id, job.id, counters)
            _check_share(counters, settings.most_rejects, enough=_ENOUGH_ROWS)
    _check_share(counters, settings.most_rejects, enough=20)


def _batches(found: Iterator[Found], size: int) -> Iterator[list[Found]]:
    """Complaints that stand before a broken end of the file are kept: it raises only after they were given."""
    failure: list[Invalid] = []

    def guarded() -> Iterator[Found]:
        try:
            yield from found
        except Invalid as error:
            failure.append(error)

    steady = guarded()
    while batch := list(islice(steady, size)):
        yield batch
    if failure:
        raise failure[0]


def _check_share(counters: Counter[str], most: float, *, enough: int) -> None:
    rows = sum(counters[name] for name in ("accepted", "replaced", "unchanged", "rejected"))
    if rows >= enough and counters["rejected"] > most * rows:
        raise Invalid(
            "TOO_MANY_REJECTS",
            f"{counters['rejected']} of {rows} rows were rejected, more than {most:.0%}; what was taken stays",
        )


def _store(
    db: Connection,
    tenant: Tenant,
    safe: Safe,
    job: Job,
    kind: RecordKind,
    batch: Sequence[Found],
    before: Counter[str],
    now: datetime,
) -> Counter[str]:
    judged = [_judged(each, safe) for each in batch]
    rejects = [each for each in judged if isinstance(each, Reject)]
    notes = [each for each in judged if isinstance(each, Note)]
    records = [each for each in judged if isinstance(each, Record)]
    jobs.add_rejects(db, job, rejects, after=before["rejected"])
    jobs.add_notes(db, job, notes, after=before["notes"])
    counted = Counter(rejected=len(rejects), notes=len(notes))
    counted.update(write_records(db, tenant, safe, job.id, kind, records, now))
    return counted


def _judged(found: Found, safe: Safe) -> Found:
    if isinstance(found, Record) and not safe.may_keep(found):
        message = "the tenant's PII level is none, so no document of a customer is kept"
        return Reject(found.row, "PERSONAL_DATA_REFUSED", message)
    return found


def write_records(
    db: Connection,
    tenant: Tenant,
    safe: Safe,
    job_id: str,
    kind: RecordKind,
    records: Sequence[Record],
    now: datetime,
) -> Counter[str]:
    """Store records of one kind, each named once, as new revisions where they differ from what is known.

    Returns how many were accepted, replaced and unchanged. What this job stored before counts as it did then. What the
    tenant's PII level forbids is left out.
    """
    queries.lock_records(db, tenant.id)
    records = [record for record in records if safe.may_keep(record)]
    ids = [record.id for record in records]
    mine = queries.stored_by(db, tenant.id, kind, job_id, ids)
    current = queries.current(db, tenant.id, kind, ids)
    counted: Counter[str] = Counter()
    fresh: list[Revision] = []
    for record in records:
        there, fingerprint = current.get(record.id), safe.fingerprint(record)
        if record.id in mine:  # by the run that was killed
            counted["accepted" if mine[record.id] == 1 else "replaced"] += 1
        elif there is not None and there.fingerprint == fingerprint:
            counted["unchanged"] += 1
        else:
            counted["replaced" if there else "accepted"] += 1
            number = there.revision + 1 if there else 1
            fresh.append(Revision(record, number, fingerprint, safe.columns(record), safe.seal_file(record.file)))
    queries.supersede(db, tenant.id, kind, [each.record.id for each in fresh if each.number > 1], now)
    queries.insert_records(db, tenant.id, job_id, fresh, now)
    if fresh:
        defer(db, WRITTEN, tenant_id=tenant.id, kind=kind.value, about=[_about(each.record) for each in fresh])
    if kind is RecordKind.TERMINATION:
        for each in fresh:
            terminations.plan(db, tenant, each.record, each.number, now)
    return counted


def _about(record: Record) -> list[str | None]:
    """Account, meter, first and last day of a record, as far as it names them: for who is to be told."""
    named = {**(record.facts or {}), **record.columns}
    last = named["end_date"] - timedelta(days=1) if named.get("end_date") else named.get("period_end")
    first = named.get("start_date") or named.get("period_start")
    found = (named.get("account_number"), named.get("meter_id"), first, last)
    return [None if value is None else str(value) for value in found]


def _complete(db: Connection, job: Job, counters: Counter[str], now: datetime) -> None:
    jobs.complete(db, job, counters, now)
    _tell(db, job, "ingest.completed", {"counters": dict(counters)}, now)


def _fail(db: Connection, job: Job, error: Invalid, counters: Counter[str], now: datetime) -> None:
    jobs.fail(db, job, error.code, error.message, now, counters)
    _tell(db, job, "ingest.failed", {"error": error.code, "counters": dict(counters)}, now)


def _tell(db: Connection, job: Job, event: str, facts: dict[str, object], now: datetime) -> None:
    data = {"jobId": job.id, "kind": job.kind, "recordKind": job.options["kind"], **facts}
    events.record(db, job.tenant_id, event, data, now, key=f"{event}:{job.id}")
