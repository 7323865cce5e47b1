"""Batch push: a file of one CustomerPayload a line (NDJSON), landed sealed and worked on line by line.

Each line is a push of its own; a line that is refused stops nothing. A batch that was interrupted starts again from its
first line, where pushes that were done already change nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Self

from sqlalchemy import Connection

from energygrid.access import tenants
from energygrid.access.caller import Actor, Tenant
from energygrid.access.vault import Vault
from energygrid.customers.payload import check_payload, decode_json
from energygrid.customers.sealed_lines import TOO_LONG, Sealer, lines_of
from energygrid.customers.settings import CustomerSettings
from energygrid.customers.sync import Synced, follow_up, push_customer
from energygrid.database.engine import Database
from energygrid.errors import Invalid
from energygrid.ingest import jobs, landing
from energygrid.ingest.jobs import Job
from energygrid.ingest.rows import Note, Reject
from energygrid.messaging import events

KIND = "customers"
TASK = "customers.sync_batch"
_AT_ONCE = 50
"""Lines a transaction: enough to spread the cost of a commit, few enough to hold up nobody."""


class BatchReceiver:
    """Takes an upload piece by piece and seals it before it rests anywhere. Use it in a `with` block.

    Raises Invalid TOO_LARGE past `limit` bytes.
    """

    def __init__(self, vault: Vault, limit: int) -> None:
        self._receiver = landing.Receiver(2 * limit)  # what is sealed may be longer than what came
        self._sealer = Sealer(vault, self._receiver.add)
        self._limit = limit
        self._size = 0
        self.is_blank = True

    def __enter__(self) -> Self:
        self._receiver.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._receiver.__exit__()

    def add(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._limit:
            raise Invalid("TOO_LARGE", f"the upload is larger than {self._limit} bytes", limit=self._limit)
        self.is_blank = self.is_blank and not piece.strip()
        self._sealer.add(piece)

    def open_job(
        self, db: Connection, tenant: Tenant, who: Actor, *, source_time: datetime | None, now: datetime
    ) -> Job:
        """Store what came in and enqueue the work on it.

        Sealing makes every file unlike every other, so the same file sent again is worked on again: a CIS that returns
        to an earlier state sends an earlier file.
        """
        self._sealer.finish()
        options = {"source_time": source_time.isoformat() if source_time else None}
        landed = self._receiver.store(db, tenant.id)
        return jobs.open_job(
            db, tenant, who, landed, kind=KIND, task=TASK, name="customers.ndjson", options=options, now=now
        )


@dataclass(slots=True)
class _Report:
    counters: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(
            ("lines", "created", "updated", "unchanged", "stale", "rejected", "warnings"), 0
        )
    )
    stored_rejects: int = 0
    stored_notes: int = 0


@dataclass(slots=True)
class _Part:
    """What one transaction did; thrown away when it is tried again."""

    results: list[str] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


def run_batch(database: Database, vault: Vault, clock: Callable[[], datetime], tenant_id: int, job_id: str) -> None:
    """Work on a batch to its end. A job that has ended already is left alone."""
    job = database.write(jobs.start, tenant_id, job_id, clock())
    if job is None:
        return
    tenant = database.read(tenants.get_tenant, tenant_id)
    database.read(_work, database, vault, clock, tenant, job)


def _work(
    reading: Connection, database: Database, vault: Vault, clock: Callable[[], datetime], tenant: Tenant, job: Job
) -> None:
    report = _Report()
    source = landing.open_landed(reading, tenant.id, job.upload_id)
    lines = enumerate(lines_of(vault, source), start=1)
    try:
        while part := list(islice(lines, _AT_ONCE)):
            done = database.write(_push_part, tenant, vault, job, part, report, clock())
            _count(report, len(part), done)
            database.write(jobs.report, tenant.id, job.id, report.counters)
    except Invalid as error:
        database.write(_end, job, report, clock(), error)
        return
    database.write(_end, job, report, clock(), None)


def _push_part(
    db: Connection,
    tenant: Tenant,
    vault: Vault,
    job: Job,
    lines: list[tuple[int, bytes]],
    report: _Report,
    now: datetime,
) -> _Part:
    part = _Part()
    pushed = [_push_line(db, tenant, vault, job, row, line, part, now) for row, line in lines if line.strip()]
    follow_up(db, tenant.id, [each for each in pushed if each is not None])
    jobs.add_rejects(db, job, part.rejects, after=report.stored_rejects)
    jobs.add_notes(db, job, part.notes, after=report.stored_notes)
    return part


def _push_line(
    db: Connection, tenant: Tenant, vault: Vault, job: Job, row: int, line: bytes, part: _Part, now: datetime
) -> Synced | None:
    """Push one line, or note why not."""
    client_id = ""
    stamp = job.options.get("source_time")
    try:
        value = _decoded(line)
        client_id = _client_id(value)
        checked = check_payload(value, tenant.section("customers", CustomerSettings))
        synced = push_customer(
            db,
            tenant,
            checked,
            vault=vault,
            who=Actor(job.actor, job.request_id),
            now=now,
            source_time=datetime.fromisoformat(stamp) if stamp else None,
            alone=False,
        )
    except Invalid as error:
        if error.code == "SEAL_BROKEN":
            raise
        part.rejects.append(Reject(row, error.code, error.message, client_id))
        return None
    part.results.append(synced.outcome)
    part.notes += [Note(row, notice.code, f"{notice.field} {notice.message}") for notice in synced.notices]
    return synced


def _decoded(line: bytes) -> object:
    if line == TOO_LONG:
        raise Invalid("TOO_LARGE", "the line is longer than a payload may be")
    return decode_json(line)


def _client_id(value: object) -> str:
    """What a reject may show of its line: whom it is about, and nothing personal."""
    named = value.get("clientId") if isinstance(value, dict) else None
    return named[:64] if isinstance(named, str) and named.isprintable() else ""


def _count(report: _Report, lines: int, part: _Part) -> None:
    report.counters["lines"] += lines
    for outcome in part.results:
        report.counters[outcome] += 1
    report.counters["rejected"] += len(part.rejects)
    report.counters["warnings"] += len(part.notes)
    report.stored_rejects += len(part.rejects)
    report.stored_notes += len(part.notes)


def _end(db: Connection, job: Job, report: _Report, now: datetime, error: Invalid | None) -> None:
    data = {"jobId": job.id, "kind": KIND, "counters": report.counters}
    if error is None:
        jobs.complete(db, job, report.counters, now)
        events.record(db, job.tenant_id, "ingest.completed", data, now, key=f"{job.id} completed")
    else:
        jobs.fail(db, job, error.code, error.message, now, report.counters)
        events.record(db, job.tenant_id, "ingest.failed", data | {"code": error.code}, now, key=f"{job.id} failed")
