"""A run: an event's baselines or its settlement, computed by any number of workers, a few thousand assets a job."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.database.queue import defer
from energygrid.flexibility import messages
from energygrid.flexibility.events.event import Event
from energygrid.flexibility.events.lifecycle import StatsState, Status
from energygrid.flexibility.events.time import time_of
from energygrid.flexibility.runs import basis, groups, totals
from energygrid.flexibility.runs.basis import Basis, RunKind
from energygrid.flexibility.runs.queries import loading, results
from energygrid.flexibility.runs.queries import runs as queries
from energygrid.flexibility.runs.queries.runs import Run
from energygrid.flexibility.runs.statement import Statement
from energygrid.flexibility.runs.statements import Work, evaluate
from energygrid.flexibility.settings import FlexibilitySettings

CALCULATING, READY, CLOSED = "CALCULATING", "READY", "CLOSED"
PART, RESTATE, CLOSE = "flexibility.run_part", "flexibility.restate", "flexibility.close_run"
MEASURE, MEASURE_PART = "flexibility.measure", "flexibility.measure_part"
QUEUE = "flexibility"
_LATER = -10
"""Priority of what nobody waits for."""
_HEAD = 100
"""So far evidence tells what it is computed by."""
_KINDS = {Status.SCHEDULED: RunKind.BASELINE, Status.ENDED: RunKind.SETTLEMENT}


def start(db: Connection, tenant: Tenant, event: Event, now: datetime) -> None:
    """Begin what an event's status asks for: its baselines when it is SCHEDULED, its settlement when it has ENDED.

    Once more for the same event, after its times or terms have changed, replaces what was computed. The work itself is
    done by jobs. Raises NotFound UNKNOWN_RULE_SET, RULE_SET_NOT_IN_FORCE, Invalid BAD_TERMS.
    """
    kind = _KINDS.get(event.status)
    if kind is None:
        return
    how = basis.basis_of(event, kind, tenant.section("flexibility", FlexibilitySettings))
    if kind is RunKind.SETTLEMENT and (controls := replace(how, kind=RunKind.CONTROL)).computed:
        how = controls  # the settlement is begun once they are computed
    begin(db, tenant, how, now)


def begin(db: Connection, tenant: Tenant, how: Basis, now: datetime, *, assets: Sequence[UUID] | None = None) -> None:
    """A new run of an event, of whoever takes part in it now, or of these `assets`."""
    kind, event = how.kind, how.event
    before = queries.newest_run(db, tenant.id, event, kind, lock=True)
    if assets is None and kind is RunKind.CONTROL:
        assets = loading.controls(db, tenant.id, event)
    elif assets is None:
        assets = loading.participants(db, tenant.id, event, invited=kind is RunKind.BASELINE)
    run = Run(
        event_uuid=event,
        kind=kind,
        revision=1 if before is None else before.revision + 1,
        state=CALCULATING,
        basis=how.as_json(),
        started_at=now,
        finished_at=None,
        totals=None,
        head=None,
    )
    queries.insert_run(db, tenant.id, run)
    if before is not None:
        gone = results.leavers(db, tenant.id, event, kind, [each.rules.id for each in how.computed], assets)
        results.replace(db, tenant.id, event, kind, gone)
    if kind is RunKind.SETTLEMENT:
        status = queries.change_event(db, tenant.id, event, stats_state=StatsState.CALCULATING)
        began = messages.stats_calculation_started(event, status)
        messages.tell(db, tenant.id, began, time_of(db, tenant, now))
    size = tenant.section("flexibility", FlexibilitySettings).assets_per_job
    parts = [assets[at : at + size] for at in range(0, len(assets), size)]
    queries.insert_parts(db, tenant.id, run, parts)
    for number in range(len(parts)):
        which: dict[str, Any] = {"event": str(event), "kind": kind, "revision": run.revision, "part": number}
        defer(db, PART, queue=QUEUE, tenant_id=tenant.id, **which)
    if not parts:
        _finish(db, tenant, run, how, now)


def run_part(
    db: Connection, tenant: Tenant, event: UUID, kind: RunKind, revision: int, part: int, now: datetime
) -> None:
    """Compute one part; whoever completes the last one publishes.

    Once more does nothing, and one that a newer run has overtaken meanwhile writes nothing.
    """
    assets = queries.take_part(db, tenant.id, event, kind, revision, part, now)
    run = queries.newest_run(db, tenant.id, event, kind)
    if assets is None or run is None or run.revision != revision:
        return
    how = basis.read(run.basis)
    work = Work(tenant.id, how, revision, now)
    made = evaluate(db, work, assets)
    queries.hold_run(db, tenant.id, run)
    newest = queries.newest_run(db, tenant.id, event, kind)
    if newest is None or newest.revision != revision:
        return
    _write(db, work, assets, made)
    if kind is RunKind.SETTLEMENT and queries.newest_run(db, tenant.id, event, kind, as_of=now) is None:
        # the first one: readings of the event are there, and how well baselines fit can be told anew
        which: dict[str, Any] = {"event": str(event), "kind": kind, "revision": revision, "part": part}
        turn = f"measure {tenant.id}"  # one at a time, so that late readings need not wait for them
        defer(db, MEASURE_PART, queue=QUEUE, priority=_LATER, lock=turn, tenant_id=tenant.id, **which)
    queries.hold_run(db, tenant.id, run, alone=True)
    if queries.open_parts(db, tenant.id, run) == 0:
        _finish(db, tenant, run, how, now)


def store(db: Connection, work: Work, assets: Sequence[UUID]) -> int:
    """Compute statements and write those whose figures are not what they were; how many these are."""
    return _write(db, work, assets, evaluate(db, work, assets))


def _write(db: Connection, work: Work, assets: Sequence[UUID], made: Sequence[Statement]) -> int:
    how = work.basis
    known = {
        (each.method, each.asset_uuid): each
        for each in results.of_assets(db, work.tenant_id, how.event, how.kind, assets)
    }
    changed = [each for each in made if _differs(known.get((each.method, each.asset_uuid)), each)]
    replaced = [key for each in changed if (key := (each.method, each.asset_uuid)) in known]
    if replaced:
        results.replace(db, work.tenant_id, how.event, how.kind, replaced)
    if changed:
        results.insert(db, changed)
    return len(changed)


def _differs(before: Statement | None, after: Statement) -> bool:
    """Also by what they are computed by, which the evidence begins with: a nominated curve, and the basis."""
    return before is None or before.figures() != after.figures() or before.evidence[:_HEAD] != after.evidence[:_HEAD]


def _finish(db: Connection, tenant: Tenant, run: Run, how: Basis, now: datetime) -> None:
    """Publish; take up what arrived meanwhile; close in time. Of controls: begin what is compared with them."""
    summed, head = totals.add_up(db, tenant.id, how)
    queries.change_run(db, tenant.id, run, state=READY, finished_at=now, totals=summed, head=head)
    if how.kind is RunKind.CONTROL:
        begin(db, tenant, groups.settlement(db, tenant.id, how), now)
        return
    publish(db, tenant, run, now)
    defer(db, RESTATE, queue=QUEUE, lock=f"restate {tenant.id}", tenant_id=tenant.id)
    if run.kind == RunKind.SETTLEMENT:
        ahead = time_of(db, tenant, now) - now
        defer(db, CLOSE, queue=QUEUE, at=how.open_to - ahead, tenant_id=tenant.id)


def clock_moved(db: Connection, tenant: Tenant) -> None:
    """Have a job close what a jump of the tenant's clock made due."""
    defer(db, CLOSE, queue=QUEUE, tenant_id=tenant.id)


def publish(db: Connection, tenant: Tenant, run: Run, now: datetime) -> None:
    """The event shows the run's revision, and whoever listens is told of it."""
    values: dict[str, Any] = {"baselines_revision": run.revision}
    if run.kind == RunKind.SETTLEMENT:
        values = {"stats_revision": run.revision, "stats_state": StatsState.READY}
    status = queries.change_event(db, tenant.id, run.event_uuid, **values)
    ready = messages.stats_ready if run.kind == RunKind.SETTLEMENT else messages.baselines_ready
    messages.tell(db, tenant.id, ready(run.event_uuid, status, run.revision), time_of(db, tenant, now))
