"""What is published of an event: totals, and the figures of its assets; now, or as they stood at an instant."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.errors import NotFound
from energygrid.flexibility.events.event import Event
from energygrid.flexibility.events.queries import events as event_queries
from energygrid.flexibility.runs import basis, payments
from energygrid.flexibility.runs.basis import RunKind
from energygrid.flexibility.runs.queries import results
from energygrid.flexibility.runs.queries import runs as queries
from energygrid.flexibility.runs.queries.runs import Run
from energygrid.flexibility.runs.statement import Statement
from energygrid.flexibility.settlement.energy import kwh
from energygrid.flexibility.settlement.money import Incentive

_NOTHING = Decimal("0.000000")


@dataclass(frozen=True, slots=True)
class Stats:
    """Of the method that is paid by. While a settlement is calculated the counts grow, the sums are not yet told.

    participated   assets that delivered more than nothing;  high_usage: that used more than their baseline
    bid_payment    what is paid for the bid, see `totals`; None: there is no bid, or nothing is settled yet
    poor_delivery  why the operator may deregister who made the bid
    """

    state: str
    energy_saved: Decimal
    earnings: Decimal
    incentive: Decimal
    participated: int
    high_usage: int
    processed: int
    pending: int
    expired: int
    opted_in: int
    opted_out: int
    bid_payment: Mapping[str, Any] | None
    poor_delivery: str | None


class AssetFigures(NamedTuple):
    """One asset by the method that is paid by, kWh over the event; `static` is what was published before it."""

    uuid: UUID
    asset_id: str
    state: str
    baseline: Decimal
    actual: Decimal
    delivered: Decimal
    export_baseline: Decimal
    export_actual: Decimal
    static: Decimal | None


class PublishedBaseline(NamedTuple):
    asset_uuid: UUID
    asset_id: str
    method: str
    value: Decimal


def _event(db: Connection, tenant: Tenant, uuid: UUID) -> Event:
    found = event_queries.event(db, tenant.id, uuid)
    if found is None:
        raise NotFound("UNKNOWN_EVENT", "there is no such event")
    return found


def stats(db: Connection, tenant: Tenant, event_uuid: UUID, as_of: datetime | None = None) -> Stats:
    """Raises NotFound UNKNOWN_EVENT."""
    event = _event(db, tenant, event_uuid)
    said = queries.states(db, tenant.id, event_uuid)
    run = queries.newest_run(db, tenant.id, event_uuid, RunKind.SETTLEMENT, as_of=as_of)
    totals: Mapping[str, Any] = {}
    state = str(event.stats_state) if as_of is None else "PENDING"
    if run is not None:
        method = run.basis["methods"][0]["id"]
        if run.totals is None:
            totals = _progress(db, tenant, run, method)
        else:
            totals, state = run.totals[method], "READY"
    saved = totals.get("sumOfAssets", {"kwh": "0.000000", "amount": "0.00"})
    paid = totals.get("atPortfolio", {}).get("bidPayment")
    poor = None
    if paid is not None and as_of is None:
        poor = payments.poor_delivery(db, tenant, since=event.starts_at.astimezone(UTC).date(), until=event.ends_at)
    return Stats(
        state=state,
        energy_saved=Decimal(saved["kwh"]),
        earnings=Decimal(saved["amount"]),
        incentive=event.incentive,
        participated=totals.get("participated", 0),
        high_usage=totals.get("highUsage", 0),
        processed=totals.get("processed", 0),
        pending=totals.get("pending", 0),
        expired=totals.get("expired", 0),
        opted_in=said.get("OPT_IN", 0),
        opted_out=said.get("OPT_OUT", 0),
        bid_payment=paid,
        poor_delivery=poor,
    )


def _progress(db: Connection, tenant: Tenant, run: Run, method: str) -> dict[str, Any]:
    """Counts of a run under way: what is not computed yet is pending."""
    summed = results.sums(db, tenant.id, run.event_uuid, run.kind).get(method)
    done, expired = (0, 0) if summed is None else (summed.processed, summed.expired)
    return {
        "processed": done,
        "expired": expired,
        "pending": queries.members(db, tenant.id, run) - done - expired,
        "participated": 0 if summed is None else summed.participated,
        "highUsage": 0 if summed is None else summed.high_usage,
    }


@dataclass(frozen=True, slots=True)
class Settlement:
    """One published revision with all its methods, see `totals.add_up`; the first is what is paid by."""

    revision: int
    state: str
    published_at: datetime | None
    currency: str
    points: bool
    methods: Mapping[str, Any]
    head: str


def settlements(db: Connection, tenant: Tenant, event_uuid: UUID) -> list[Settlement]:
    """Every revision, newest first. Raises NotFound UNKNOWN_EVENT."""
    _event(db, tenant, event_uuid)
    found = []
    for run in reversed(queries.all_runs(db, tenant.id, event_uuid)):
        if run.kind != RunKind.SETTLEMENT or run.totals is None:
            continue
        how = basis.read(run.basis)
        methods = {each.rules.id: run.totals[each.rules.id] for each in how.methods}
        points = how.incentive_type is Incentive.POINTS_PER_KWH
        head = "" if run.head is None else run.head.hex()
        found.append(Settlement(run.revision, run.state, run.finished_at, how.currency, points, methods, head))
    return found


def asset_figures(
    db: Connection, tenant: Tenant, event_uuid: UUID, *, offset: int, limit: int, as_of: datetime | None = None
) -> tuple[list[AssetFigures], int]:
    """A page of the settled assets by UUID, and how many there are. Raises NotFound UNKNOWN_EVENT."""
    _event(db, tenant, event_uuid)
    run = queries.newest_run(db, tenant.id, event_uuid, RunKind.SETTLEMENT)
    if run is None:
        return [], 0
    method = run.basis["methods"][0]["id"]
    page, total = results.page(db, tenant.id, event_uuid, RunKind.SETTLEMENT, method, offset=offset, limit=limit)
    uuids = [uuid for uuid, _ in page]
    settled = _by_asset(results.as_of(db, tenant.id, event_uuid, RunKind.SETTLEMENT, uuids, as_of), method)
    before = _by_asset(results.as_of(db, tenant.id, event_uuid, RunKind.BASELINE, uuids, as_of), method)
    return [
        _figures(uuid, asset_id, settled[uuid], before.get(uuid)) for uuid, asset_id in page if uuid in settled
    ], total


def _by_asset(statements: list[Statement], method: str) -> dict[UUID, Statement]:
    return {each.asset_uuid: each for each in statements if each.method == method}


def _figures(uuid: UUID, asset_id: str, settled: Statement, before: Statement | None) -> AssetFigures:
    static = None if before is None or before.baseline is None else kwh(before.baseline)
    return AssetFigures(
        uuid=uuid,
        asset_id=asset_id,
        state=settled.state,
        baseline=_told(settled.baseline),
        actual=_told(settled.actual),
        delivered=_told(settled.delivered),
        export_baseline=_told(settled.export_baseline),
        export_actual=_told(settled.export_actual),
        static=static,
    )


def _told(micro: int | None) -> Decimal:
    return _NOTHING if micro is None else kwh(micro)


def baselines(
    db: Connection, tenant: Tenant, event_uuid: UUID, *, offset: int, limit: int, as_of: datetime | None = None
) -> tuple[list[PublishedBaseline], int]:
    """Import baselines as published before the event, of each asset by each method; and how many there are.

    Raises NotFound UNKNOWN_EVENT.
    """
    _event(db, tenant, event_uuid)
    rows, total = results.baselines(
        db, tenant.id, event_uuid, RunKind.BASELINE, offset=offset, limit=limit, as_of=as_of
    )
    return [PublishedBaseline(*row[:3], kwh(row[3])) for row in rows], total
