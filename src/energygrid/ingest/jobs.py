"""The life of an ingest job: one landed file, worked on by a background task, with counters, rejects and an end.

queued -> running -> completed | failed;  a file that was taken before is `duplicate` at once.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from energygrid.access import audit
from energygrid.access.caller import Actor, Caller, Tenant
from energygrid.database.queue import defer
from energygrid.errors import Conflict, Denied, NotFound
from energygrid.ingest import queries
from energygrid.ingest.landing import Landed, Receiver
from energygrid.ingest.rows import Note, Reject

QUEUE = "ingest"
SCOPES: Mapping[str, str] = {"usage": "usage.ingest", "billing": "billing.ingest", "customers": "customer.sync"}
"""Scope that each kind of job needs, to be opened and to be looked at."""
MOST_NOTES = 1_000
LANES = 2
"""How many files of one tenant are worked on at the same time (contracts/powerbox.md 5.6)."""


@dataclass(frozen=True, slots=True)
class Job:
    """An ingest job as stored. `counters` holds whole numbers and decimal sums by name."""

    tenant_id: int
    id: str
    kind: str
    name: str
    options: Mapping[str, Any]
    actor: str
    request_id: str
    upload_id: str
    sha256: bytes
    variant: str
    size: int
    state: str
    duplicate_of: str | None
    counters: Mapping[str, Any]
    error_code: str | None
    error_message: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    acknowledged_at: datetime | None


def open_job(
    db: Connection,
    tenant: Tenant,
    who: Actor,
    landed: Landed,
    *,
    kind: str,
    task: str | None,
    name: str,
    options: Mapping[str, Any],
    now: datetime,
) -> Job:
    """Open a job for a landed file and enqueue `task(tenant_id, job_id)` in the same transaction.

    Without a task the caller does the work itself.

    A file (by SHA-256) that a job of this kind has taken, or is taking, is not worked on again: the answer is a job in
    state `duplicate` that names the first. Read with another meter map it is another import.
    """
    variant = _variant(options)
    values: dict[str, Any] = {
        "tenant_id": tenant.id,
        "id": "job_" + secrets.token_urlsafe(12),
        "kind": kind,
        "name": name,
        "options": dict(options),
        "actor": who.name,
        "request_id": who.request_id,
        "upload_id": landed.upload_id,
        "sha256": landed.sha256,
        "variant": variant,
        "size": landed.size,
        "state": "queued",
        "counters": {},
        "created_at": now,
    }
    if queries.insert_job_once(db, values):
        if task is not None:
            lane = landed.sha256[0] % LANES
            defer(db, task, queue=QUEUE, lock=f"ingest {tenant.id} {lane}", tenant_id=tenant.id, job_id=values["id"])
    else:
        values |= {
            "state": "duplicate",
            "finished_at": now,
            "duplicate_of": queries.job_of_file(db, tenant.id, kind, landed.sha256, variant),
        }
        queries.insert_job(db, values)
        queries.drop_chunks(db, tenant.id, landed.upload_id)
    _audit(db, tenant.id, who, "ingest.received", values["id"], now)
    return find_job(db, tenant.id, values["id"])


def _variant(options: Mapping[str, Any]) -> str:
    meter_map = options.get("meterMap")
    if not meter_map:
        return ""
    return hashlib.sha256(json.dumps(meter_map, sort_keys=True).encode()).hexdigest()[:16]


def receive_file(
    db: Connection,
    tenant: Tenant,
    who: Actor,
    receiver: Receiver,
    *,
    kind: str,
    task: str,
    name: str,
    options: Mapping[str, Any],
    now: datetime,
) -> Job:
    """Store what a receiver has taken and open its job: what is answered after this commits survives anything."""
    landed = receiver.store(db, tenant.id)
    return open_job(db, tenant, who, landed, kind=kind, task=task, name=name, options=options, now=now)


def _audit(db: Connection, tenant_id: int, who: Actor, action: str, job_id: str, now: datetime) -> None:
    audit.record(
        db,
        tenant_id,
        actor=who.name,
        action=action,
        subject=f"job/{job_id}",
        request_id=who.request_id,
        now=now,
    )


def visible_job(db: Connection, caller: Caller, job_id: str) -> Job:
    """A job of the caller's tenant; raises Denied when its kind needs a scope that the caller lacks."""
    job = find_job(db, caller.tenant.id, job_id)
    if not caller.may(SCOPES[job.kind]):
        needed = SCOPES[job.kind]
        raise Denied("INSUFFICIENT_SCOPE", f"a job of kind {job.kind} needs the scope {needed}", scope=needed)
    return job


def find_job(db: Connection, tenant_id: int, job_id: str) -> Job:
    row = queries.job(db, tenant_id, job_id)
    if row is None:
        raise NotFound("UNKNOWN_JOB", f"there is no ingest job {job_id}", jobId=job_id)
    return Job(**row._mapping)  # noqa: SLF001 - SQLAlchemy's documented accessor


def list_jobs(
    db: Connection,
    tenant_id: int,
    *,
    kind: str | None = None,
    before: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> list[Job]:
    """Newest first."""
    rows = queries.jobs(db, tenant_id, kind=kind, before=before, limit=limit)
    return [Job(**row._mapping) for row in rows]  # noqa: SLF001


def start(db: Connection, tenant_id: int, job_id: str, now: datetime) -> Job | None:
    """Take the job into work; None when it has ended (its task was delivered twice).

    A job found running was interrupted: its findings are dropped, the file is worked on from its beginning.
    """
    row = queries.job(db, tenant_id, job_id, lock=True)
    if row is None or row.state not in {"queued", "running"}:
        return None
    queries.drop_findings(db, tenant_id, job_id)
    queries.update_job(db, tenant_id, job_id, state="running", started_at=now, counters={})
    return find_job(db, tenant_id, job_id)


def report(db: Connection, tenant_id: int, job_id: str, counters: Mapping[str, Any]) -> None:
    """Counters so far, for whoever watches."""
    queries.update_job(db, tenant_id, job_id, counters=dict(counters))


def add_rejects(db: Connection, job: Job, rejects: Sequence[Reject], *, after: int) -> None:
    """Store rejects; `after` is how many this job has stored already."""
    queries.insert_rejects(db, job.tenant_id, job.id, after, rejects)


def count_rejects(db: Connection, job: Job) -> int:
    """How many rejects of a job are stored."""
    return queries.count_rejects(db, job.tenant_id, job.id)


def add_notes(db: Connection, job: Job, notes: Sequence[Note], *, after: int) -> None:
    """Store notes, 1,000 at most a job."""
    queries.insert_notes(db, job.tenant_id, job.id, after, notes[: max(0, MOST_NOTES - after)])


def complete(db: Connection, job: Job, counters: Mapping[str, Any], now: datetime) -> None:
    """The job is done; the landed file is no longer needed."""
    queries.update_job(db, job.tenant_id, job.id, state="completed", counters=dict(counters), finished_at=now)
    queries.drop_chunks(db, job.tenant_id, job.upload_id)


def fail(
    db: Connection,
    job: Job,
    code: str,
    message: str,
    now: datetime,
    counters: Mapping[str, Any] | None = None,
) -> None:
    """The file as a whole was refused; it may be sent again."""
    queries.update_job(
        db,
        job.tenant_id,
        job.id,
        state="failed",
        error_code=code,
        error_message=message,
        finished_at=now,
        counters=dict(counters or {}),
    )


def acknowledge(db: Connection, caller: Caller, who: Actor, job_id: str, now: datetime) -> Job:
    """The sender has read the outcome; raises Conflict("JOB_NOT_FINISHED") while there is none."""
    job = visible_job(db, caller, job_id)
    if job.state in {"queued", "running"}:
        raise Conflict("JOB_NOT_FINISHED", f"job {job_id} is {job.state}; acknowledge it when it has ended")
    if job.acknowledged_at is None:
        queries.update_job(db, job.tenant_id, job_id, acknowledged_at=now)
        _audit(db, job.tenant_id, who, "ingest.acknowledged", job_id, now)
    return find_job(db, job.tenant_id, job_id)


def rejects(db: Connection, tenant_id: int, job_id: str) -> list[Reject]:
    return queries.rejects(db, tenant_id, job_id)


def notes(db: Connection, tenant_id: int, job_id: str) -> list[Note]:
    return queries.notes(db, tenant_id, job_id)


def add_to_counter(db: Connection, tenant_id: int, job_id: str, name: str, amount: int) -> None:
    """Work that goes on after the job has ended adds to its figures."""
    row = queries.job(db, tenant_id, job_id, lock=True)
    if row is not None:
        queries.update_job(db, tenant_id, job_id, counters={**row.counters, name: row.counters.get(name, 0) + amount})


def drop_forgotten(db: Connection, *, before: datetime) -> None:
    """Let go of the files of jobs that failed before `before` and were not sent again."""
    for tenant_id, upload_id in queries.forgotten_uploads(db, before):
        queries.drop_chunks(db, tenant_id, upload_id)
