"""The database held against the ledger.

In a snapshot taken under load a write lies between what was acknowledged before it and what was tried after it; at the
end, everything that was acknowledged must have come to its end too.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import psycopg

from bench.crash import workload
from bench.crash.ledger import Ledger
from energygrid.metering.calendar import Span
from energygrid.metering.quality import Quality
from energygrid.metering.series import series_of_owners
from energygrid.metering.store import read_many
from energygrid.services import Services


@dataclass
class Findings:
    """Sentences about what must not be; all empty when nothing is wrong."""

    lost: list[str] = field(default_factory=list)
    half_applied: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Snapshot:
    """What is committed at one instant."""

    rates: dict[str, dict[str, int]]
    """customer -> meter -> version"""
    binds: list[Any]
    jobs: dict[str, str]
    events: dict[tuple[str, str], int]
    """(type, key or subject) -> how many"""
    incomplete: list[str]


_INCOMPLETE = {
    "bind {} has no history": "SELECT bind_id FROM bind b WHERE NOT EXISTS"
    " (SELECT FROM bind_history h WHERE h.tenant_id = b.tenant_id AND h.bind_id = b.bind_id)",
    "bind {} has no command": "SELECT bind_id FROM bind b WHERE NOT EXISTS"
    " (SELECT FROM gateway_command c WHERE c.tenant_id = b.tenant_id AND c.bind_id = b.bind_id)",
    "ingest job {} has no file": "SELECT id FROM ingest_job j WHERE state IN ('queued', 'running') AND NOT EXISTS"
    " (SELECT FROM landed_chunk c WHERE c.tenant_id = j.tenant_id AND c.upload_id = j.upload_id)",
    "ingest job {} has no task": "SELECT id FROM ingest_job j WHERE state IN ('queued', 'running') AND NOT EXISTS"
    " (SELECT FROM procrastinate_jobs p WHERE p.status IN ('todo', 'doing') AND p.args ->> 'job_id' = j.id)",
    "the file of ingest job {} is kept": "SELECT id FROM ingest_job j WHERE state IN ('completed', 'duplicate')"
    " AND EXISTS (SELECT FROM landed_chunk c WHERE c.tenant_id = j.tenant_id AND c.upload_id = j.upload_id)",
    "file {} has no job": "SELECT upload_id FROM landed_chunk c WHERE NOT EXISTS"
    " (SELECT FROM ingest_job j WHERE c.tenant_id = j.tenant_id AND c.upload_id = j.upload_id)",
}


def snapshot(conninfo: str) -> Snapshot:
    with psycopg.connect(conninfo) as db:
        db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        rates: dict[str, dict[str, int]] = defaultdict(dict)
        for meter, code in db.execute("SELECT meter_id, rate_code FROM meter WHERE meter_id LIKE 'K%'"):
            rates[meter.partition("-")[0]][meter] = int(code[1:])
        events = db.execute(
            "SELECT type, CASE type WHEN 'customer.synced' THEN subject ELSE key END, count(*)"
            " FROM outbox_event GROUP BY 1, 2"
        )
        return Snapshot(
            rates=dict(rates),
            binds=db.execute("SELECT meter_id, bind_id, state FROM bind").fetchall(),
            jobs=dict(db.execute("SELECT id, state FROM ingest_job").fetchall()),
            events={(kind, about): count for kind, about, count in events},
            incomplete=[
                sentence.format(found) for sentence, query in _INCOMPLETE.items() for (found,) in db.execute(query)
            ],
        )


def check_under_load(conninfo: str, ledger: Ledger, findings: Findings) -> Snapshot:
    """Compare one snapshot with the ledger before and after it."""
    ledger.catch_up()
    told = {kind: ledger.of(kind) for kind in ("customer", "file", "bind")}
    seen = snapshot(conninfo)
    ledger.catch_up()
    findings.half_applied += seen.incomplete
    for number in range(workload.CUSTOMERS):
        _check_customer(f"K{number}", told["customer"], ledger, seen, findings)
    bound: dict[str, list[str]] = defaultdict(list)
    for meter, bind_id, _ in seen.binds:
        bound[meter].append(bind_id)
    for meter, (_, bind_id) in told["bind"].items():
        if bind_id not in bound[meter]:
            findings.lost.append(f"bind {bind_id} of meter {meter}")
    findings.doubled += [f"meter {meter} has {len(ids)} binds" for meter, ids in bound.items() if len(ids) > 1]
    findings.lost += [f"job {job} of file {n}" for n, (_, job) in told["file"].items() if job not in seen.jobs]
    for (kind, about), count in seen.events.items():
        if kind != "customer.synced" and count > 1:
            findings.doubled.append(f"event {kind} of {about}, {count} times")
    return seen


def _check_customer(
    name: str, told: dict[str, tuple[int, str]], ledger: Ledger, seen: Snapshot, findings: Findings
) -> None:
    versions = seen.rates.get(name, {})
    there = set(versions.values()) or {0}
    if len(there) > 1 or len(versions) not in {0, 2}:
        findings.half_applied.append(f"customer {name} has {versions}")
        return
    version, floor = there.pop(), told.get(name, (0, ""))[0]
    if version < floor:
        findings.lost.append(f"customer {name}: version {floor} was acknowledged, {version} is there")
    if version > ledger.tried.get(("customer", name), 0):
        findings.doubled.append(f"customer {name} has version {version}, which nobody sent")
    events = seen.events.get(("customer.synced", name), 0)
    # A version is sent until it is acknowledged, so each one is one change.
    if events != version:
        kind = findings.doubled if events > version else findings.lost
        kind.append(f"customer {name}: {version} changes, {events} events")


def unended(seen: Snapshot) -> int:
    """How much of what was accepted has not come to its end."""
    binds = sum(state != "PAIRED" for _, _, state in seen.binds)
    return binds + sum(state not in {"completed", "duplicate", "failed"} for state in seen.jobs.values())


def waits_its_time(conninfo: str) -> bool:
    """Whether a job lets others go first because it was interrupted so often that it may be what kills its workers."""
    with psycopg.connect(conninfo) as db:
        waiting = db.execute(
            "SELECT FROM procrastinate_jobs WHERE status = 'todo' AND attempts >= 5"
            " AND scheduled_at BETWEEN now() AND now() + interval '11 minutes' LIMIT 1"
        )
        return waiting.fetchone() is not None


def check_at_rest(services: Services, tenant_id: int, ledger: Ledger, seen: Snapshot, findings: Findings) -> None:
    """With nothing under way any more: every end that was promised, and every reading."""
    for meter, bind_id, state in seen.binds:
        if state != "PAIRED":
            findings.lost.append(f"bind {bind_id} of meter {meter} is {state}")
        for event in ("bind.requested", "bind.paired"):
            if (event, f"{event}/{bind_id}") not in seen.events:
                findings.lost.append(f"event {event} of {bind_id}")
    for job, state in seen.jobs.items():
        if state not in {"completed", "duplicate"}:
            findings.lost.append(f"job {job} is {state}")
        if state == "completed" and ("ingest.completed", f"ingest.completed {job}") not in seen.events:
            findings.lost.append(f"event ingest.completed of {job}")
    _check_readings(services, tenant_id, ledger, findings)


def _check_readings(services: Services, tenant_id: int, ledger: Ledger, findings: Findings) -> None:
    files = sorted(number for (kind, _), number in ledger.tried.items() if kind == "file")
    acknowledged = ledger.of("file")
    span = Span(workload.FIRST_DAY, workload.day_of(files[-1] + workload.METERS))
    meters = [workload.meter_of(number) for number in range(workload.METERS)]
    series = services.database.read(series_of_owners, tenant_id, meters)
    days = {}
    for each, readings in zip(series, services.database.read(read_many, series, span), strict=True):
        measured = np.where(readings.quality == Quality.ESTIMATED, np.nan, readings.value)
        days[each.owner_id] = measured.reshape(-1, 96)
    nothing = np.full(96, np.nan)
    for number in files:
        day = (workload.day_of(number) - workload.FIRST_DAY).days
        there = days[workload.meter_of(number)][day] if workload.meter_of(number) in days else nothing
        if np.array_equal(there, workload.values_of(number)):
            continue
        if np.isnan(there).all():
            if str(number) in acknowledged:
                findings.lost.append(f"the readings of file {number}")
        else:
            findings.half_applied.append(f"file {number}: {96 - int(np.isnan(there).sum())} readings of 96, or others")
