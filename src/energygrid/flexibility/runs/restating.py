"""Late and corrected readings: what they have a part in is computed again, and told of where figures have changed."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID

from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.database.queue import defer
from energygrid.flexibility import messages
from energygrid.flexibility.events.time import time_of
from energygrid.flexibility.runs import basis, groups, totals
from energygrid.flexibility.runs.basis import Basis, RunKind
from energygrid.flexibility.runs.queries import results
from energygrid.flexibility.runs.queries import runs as queries
from energygrid.flexibility.runs.queries.runs import Run, Touched
from energygrid.flexibility.runs.running import CALCULATING, CLOSED, QUEUE, READY, RESTATE, begin, publish, store
from energygrid.flexibility.runs.statements import Work
from energygrid.flexibility.settings import FlexibilitySettings


def readings_changed(db: Connection, tenant: Tenant, touched: Touched, now: datetime) -> None:
    """Note what the caller's transaction has written; a job looks, once it is committed, what that changes.

    Looking then, and never while an event is being computed, finds every figure that was made without it.
    """
    if not len(touched) or not queries.has_assets(db, tenant.id):
        return
    queries.add_touched(db, tenant.id, touched, now)
    wait = timedelta(seconds=tenant.section("flexibility", FlexibilitySettings).restate_after_s)
    defer(db, RESTATE, queue=QUEUE, lock=f"restate {tenant.id}", at=now + wait, tenant_id=tenant.id)


def restate(db: Connection, tenant: Tenant, now: datetime) -> None:
    """Compute again what noted readings have a part in. One at a time for a tenant.

    A run that is being calculated is left alone; what it may have missed stays noted until it is finished.
    """
    noted = queries.take_touched(db, tenant.id)
    if not noted:
        return
    at = time_of(db, tenant, now)
    runs = {
        (run.event_uuid, run.kind): run
        for run in queries.live_runs(db, tenant.id)
        if basis.read(run.basis).open_to > at or run.state == CALCULATING
    }
    busy = {run.event_uuid for run in runs.values() if run.state == CALCULATING}
    marked: set[tuple[UUID, str, UUID]] = set()
    for only, touched in noted:
        events = {event for event, _ in runs if only in {None, event}}
        if idle := sorted(events - busy):
            marked.update(results.affected(db, tenant.id, touched, idle))
        for event in sorted(events & busy):
            queries.add_touched(db, tenant.id, touched, now, event)
    for (event, kind), rows in groupby(sorted(marked, key=_order), key=lambda row: row[:2]):
        run = runs.get((event, kind))
        if run is None:
            continue
        if _is_newest(db, tenant, run):
            _again(db, tenant, run, [asset for _, _, asset in rows], now)
        else:  # the run that has begun meanwhile takes up what it may have missed when it is finished
            for only, touched in noted:
                if only in {None, event}:
                    queries.add_touched(db, tenant.id, touched, now, event)


def _order(marked: tuple[UUID, str, UUID]) -> tuple[int, str, int]:
    event, kind, asset = marked
    return event.int, kind, asset.int


def _is_newest(db: Connection, tenant: Tenant, run: Run) -> bool:
    """Whether no other run of the event has begun; none can begin from here to the end of the transaction.

    Whoever begins one holds the newest row too. Having waited for it, only a new statement sees what was begun.
    """
    queries.newest_run(db, tenant.id, run.event_uuid, run.kind, lock=True)
    newest = queries.newest_run(db, tenant.id, run.event_uuid, run.kind)
    return newest is not None and newest.revision == run.revision


def _again(db: Connection, tenant: Tenant, run: Run, assets: list[UUID], now: datetime, *, close: bool = False) -> None:
    """Compute some assets of a finished run again; a new revision, if any figure is another."""
    how = basis.read(run.basis)
    work = Work(tenant.id, how, run.revision + 1, now, closed=close)
    size = tenant.section("flexibility", FlexibilitySettings).assets_per_job
    changed = sum(store(db, work, assets[place : place + size]) for place in range(0, len(assets), size))
    if not changed:
        if close:
            queries.change_run(db, tenant.id, run, state=CLOSED)
        return
    if run.kind == RunKind.SETTLEMENT:
        began = messages.stats_calculation_started(run.event_uuid, "ENDED")
        messages.tell(db, tenant.id, began, time_of(db, tenant, now))
    summed, head = totals.add_up(db, tenant.id, how)
    state = CLOSED if close else READY
    newer = replace(
        run, revision=run.revision + 1, state=state, started_at=now, finished_at=now, totals=summed, head=head
    )
    queries.insert_run(db, tenant.id, newer)
    if how.kind is RunKind.CONTROL:
        _compare_again(db, tenant, how, now)
    else:
        publish(db, tenant, newer, now)


def _compare_again(db: Connection, tenant: Tenant, controls: Basis, now: datetime) -> None:
    """Settle every asset anew that is settled, if what the controls come to is another; what users say since is of
    later events.
    """
    how = groups.settlement(db, tenant.id, controls)
    before = queries.newest_run(db, tenant.id, how.event, how.kind, lock=True)
    if before is not None and basis.read(before.basis) != how:
        settled = results.assets(db, tenant.id, how.event, how.kind)
        begin(db, tenant, how, now, assets=settled)


def close_due(db: Connection, tenant: Tenant, now: datetime) -> None:
    """Close what its deadline has passed for: readings that still miss make an asset count as 0, for good."""
    at = time_of(db, tenant, now)
    for run in queries.live_runs(db, tenant.id):
        if run.state != READY or basis.read(run.basis).open_to > at:
            continue
        locked = queries.newest_run(db, tenant.id, run.event_uuid, run.kind, lock=True)
        if locked is None or locked.state != READY:
            continue
        waiting = [] if run.kind != RunKind.SETTLEMENT else results.waiting(db, tenant.id, run.event_uuid, run.kind)
        _again(db, tenant, locked, waiting, now, close=True)
