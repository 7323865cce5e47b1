"""Nominated curves: what the provider says, a day ahead, that assets would use in an event."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from energygrid.access.caller import Actor, Tenant
from energygrid.errors import Conflict, Invalid
from energygrid.flexibility import runs
from energygrid.flexibility.events.common import known, note
from energygrid.flexibility.events.event import Event
from energygrid.flexibility.events.lifecycle import Status, effective
from energygrid.flexibility.events.queries import events as event_queries
from energygrid.flexibility.events.time import time_of
from energygrid.flexibility.registry import assets
from energygrid.flexibility.runs.basis import Basis, RunKind, basis_of
from energygrid.flexibility.runs.queries import nominations as queries
from energygrid.flexibility.runs.queries.nominations import Curve
from energygrid.flexibility.settings import FlexibilitySettings
from energygrid.flexibility.settlement.energy import kwhs


class Nomination(NamedTuple):
    """The last curve of an asset, kWh a half-hour; `counts`: the event is settled by it as its times and terms are."""

    asset_uuid: UUID
    values: list[Decimal]
    filed_at: datetime
    revision: int
    counts: bool


class Filing(NamedTuple):
    """What became of filed curves. Those that an asset had already are `unchanged`."""

    filed: int
    unchanged: int
    deadline: datetime


def file(
    db: Connection,
    tenant: Tenant,
    event_uuid: UUID,
    curves: Mapping[UUID, Sequence[Decimal]],
    *,
    who: Actor,
    now: datetime,
) -> Filing:
    """File curves, kWh in each half-hour of the event; each takes the place of the asset's earlier one.

    All of them or none. Baselines that are published already are computed again. Raises NotFound UNKNOWN_EVENT,
    UNKNOWN_ASSET; Conflict ASSET_ARCHIVED, NOT_NOMINATED, NOMINATED_LATE; Invalid BAD_CURVE.
    """
    event = known(event_queries.lock_event(db, tenant.id, event_uuid))
    assets.require(db, tenant, list(curves))
    how, at = _basis(tenant, event), time_of(db, tenant, now)
    if how.filed_by is None:
        raise Conflict("NOT_NOMINATED", "the event is not settled by curves: name NOMINATED in its terms' ruleSets")
    status = effective(event.status, event.starts_at, event.ends_at, at)
    if status not in {Status.DRAFT, Status.SCHEDULED} or at > how.filed_by:
        told = how.filed_by.isoformat(timespec="seconds")
        raise Conflict("NOMINATED_LATE", f"the event is {status}, and curves for it were filed until {told}")
    micro = {asset: _micro(asset, values, how.intervals) for asset, values in curves.items()}
    before = {each.asset_uuid: each for each in queries.newest(db, tenant.id, event_uuid, list(curves))}
    rows: list[dict[str, object]] = []
    for asset, figures in micro.items():
        last = before.get(asset)
        if last is not None and (last.starts_at, last.micro_kwh) == (how.span.start, figures):
            continue
        key = {"tenant_id": tenant.id, "event_uuid": event_uuid, "asset_uuid": asset}
        revision = 1 if last is None else last.revision + 1
        rows.append(
            key | {"revision": revision, "starts_at": how.span.start, "filed_at": at, "micro_kwh": figures},
        )
    if rows:
        queries.insert_curves(db, rows)
        note(db, tenant, event_uuid, "event.nominated", who, now, {"curves": len(rows)})
        runs.start(db, tenant, event, now)
    return Filing(len(rows), len(curves) - len(rows), how.filed_by)


def page(db: Connection, tenant: Tenant, event_uuid: UUID, *, offset: int, limit: int) -> tuple[list[Nomination], int]:
    """The last curve of each asset that has one, in the order of their UUIDs, and how many there are in all."""
    how = _basis(tenant, known(event_queries.event(db, tenant.id, event_uuid)))
    found, total = queries.page(db, tenant.id, event_uuid, offset=offset, limit=limit)
    return [
        Nomination(each.asset_uuid, kwhs(each.micro_kwh), each.filed_at, each.revision, _counts(how, each))
        for each in found
    ], total


def discard(db: Connection, tenant: Tenant, event: UUID) -> None:
    """Forget every curve of an event that is deleted."""
    queries.delete_curves(db, tenant.id, event)


def require_curves(db: Connection, tenant: Tenant, event: Event, at: datetime) -> None:
    """Raises Conflict NOMINATED_LATE when the event needs curves, has none, and at `at` none can be filed any more."""
    how = _basis(tenant, event)
    if how.filed_by is None or at <= how.filed_by:
        return
    if not queries.has_any(db, tenant.id, event.uuid, how.span.start, how.intervals, how.filed_by):
        told = how.filed_by.isoformat(timespec="seconds")
        advice = "choose a later start, another nominationDeadline, or other ruleSets"
        raise Conflict("NOMINATED_LATE", f"the event has no curves, which were filed until {told}: {advice}")


def _basis(tenant: Tenant, event: Event) -> Basis:
    return basis_of(event, RunKind.BASELINE, tenant.section("flexibility", FlexibilitySettings))


def _counts(how: Basis, curve: Curve) -> bool:
    in_time = how.filed_by is not None and curve.filed_at <= how.filed_by
    return in_time and (curve.starts_at, len(curve.micro_kwh)) == (how.span.start, how.intervals)


def _micro(asset: UUID, values: Sequence[Decimal], half_hours: int) -> list[int]:
    if len(values) != half_hours:
        raise Invalid("BAD_CURVE", f"asset {asset}: {half_hours} values are needed, one a half-hour of the event")
    scaled = [value.scaleb(6) for value in values]
    if not all(value.is_finite() and 0 <= value <= 10**12 and value == int(value) for value in scaled):
        raise Invalid("BAD_CURVE", f"asset {asset}: a value is kWh from 0 to 1,000,000 with at most six decimals")
    return [int(value) for value in scaled]
