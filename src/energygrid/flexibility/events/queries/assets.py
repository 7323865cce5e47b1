"""SQL of the assets of events."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    Date,
    Text,
    Uuid,
    bindparam,
    func,
    select,
    update,
)
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import ARRAY

from energygrid.flexibility.events.eligibility import Candidate
from energygrid.flexibility.events.tables import flex_event_asset
from energygrid.flexibility.registry.tables import flex_asset


class EventAsset(NamedTuple):
    """`reason`: why an INELIGIBLE one is; None for others."""

    uuid: UUID
    asset_id: str
    state: str
    reason: str | None


class Judged(NamedTuple):
    uuid: UUID
    state: str
    reason: str | None


# An asset's user has withdrawn meter data when the newest word on it is a withdrawal.
_CANDIDATES = sql(
    """
    SELECT a.uuid, a.asset_id, a.portfolio_uuid, a.asset_type, a.postcode, a.hh_settled, s.state AS scheme_state,
           coalesce((
               SELECT c.withdrawn_at IS NOT NULL FROM flex_consent c
               WHERE c.tenant_id = a.tenant_id AND c.asset_uuid = a.uuid AND c.scope = 'METER_DATA'
               ORDER BY c.granted_at DESC, c.withdrawn_at NULLS FIRST LIMIT 1
           ), false) AS consent_withdrawn,
           CASE WHEN :count_days THEN (
               SELECT count(DISTINCT b.day) FROM series r
               JOIN reading_block b ON b.series_id = r.id AND b.day >= :first AND b.day < :last
               WHERE r.tenant_id = a.tenant_id AND r.owner_kind = a.owner_kind AND r.owner_id = a.owner_id
                 AND r.commodity = 'electricity' AND r.flow = 'delivered' AND r.kind = 'energy' AND r.unit = 'kWh'
                 AND r.interval_s = 1800 AND r.channel = ''
           ) END AS days
    FROM flex_asset a
    LEFT JOIN flex_scheme_asset s
        ON s.tenant_id = a.tenant_id AND s.asset_uuid = a.uuid AND s.scheme_uuid = :scheme
    WHERE a.tenant_id = :tenant AND a.archived_at IS NULL
      AND CASE WHEN :by_portfolio THEN a.portfolio_uuid = ANY(:portfolios) ELSE s.state = 'READY' END
    ORDER BY a.asset_id
    """
).bindparams(
    bindparam("count_days", type_=Boolean),
    bindparam("first", type_=Date),
    bindparam("last", type_=Date),
    bindparam("scheme", type_=Uuid),
    bindparam("tenant", type_=BigInteger),
    bindparam("by_portfolio", type_=Boolean),
    bindparam("portfolios", type_=ARRAY(Uuid)),
)


def candidates(
    db: Connection,
    tenant_id: int,
    *,
    scheme: UUID | None,
    portfolios: Sequence[UUID],
    lookback: tuple[date, date] | None,
) -> list[Candidate]:
    """Assets of the portfolios; where there are none, those that are READY in the scheme.

    lookback  the first day whose readings count and the first that no longer does; None: days are not counted
    """
    first, last = lookback or (date.min, date.min)
    asked = {
        "count_days": lookback is not None,
        "first": first,
        "last": last,
        "scheme": scheme,
        "tenant": tenant_id,
        "by_portfolio": bool(portfolios),
        "portfolios": list(portfolios),
    }
    return [Candidate(**row) for row in db.execute(_CANDIDATES, asked).mappings()]


_ADD_ASSETS = sql(
    """
    INSERT INTO flex_event_asset (tenant_id, event_uuid, asset_uuid, state, reason, changed_at)
    SELECT :tenant, :event, new.*, :now
    FROM unnest(:uuids, :states, :reasons) AS new
    ON CONFLICT DO NOTHING
    """
).bindparams(
    bindparam("tenant", type_=BigInteger),
    bindparam("event", type_=Uuid),
    bindparam("now", type_=flex_event_asset.c.changed_at.type),
    bindparam("uuids", type_=ARRAY(Uuid)),
    bindparam("states", type_=ARRAY(Text)),
    bindparam("reasons", type_=ARRAY(Text)),
)


def add_assets(db: Connection, tenant_id: int, uuid: UUID, judged: Sequence[Judged], now: datetime) -> None:
    """Assets that the event has already stay as they are."""
    values = {
        "tenant": tenant_id,
        "event": uuid,
        "now": now,
        "uuids": [each.uuid for each in judged],
        "states": [each.state for each in judged],
        "reasons": [each.reason for each in judged],
    }
    db.execute(_ADD_ASSETS, values)


def participants(db: Connection, tenant_id: int, uuid: UUID, states: Sequence[str]) -> list[UUID]:
    query = select(flex_event_asset.c.asset_uuid).where(
        _of_event(tenant_id, uuid), flex_event_asset.c.state.in_(states)
    )
    return list(db.execute(query.order_by(flex_event_asset.c.asset_uuid)).scalars())


def page(db: Connection, tenant_id: int, uuid: UUID, *, offset: int, limit: int) -> tuple[list[EventAsset], int]:
    """By the caller's own ids, and how many there are in all."""
    here = _of_event(tenant_id, uuid)
    total = db.execute(select(func.count()).select_from(flex_event_asset).where(here)).scalar_one()
    asset = (flex_asset.c.tenant_id == flex_event_asset.c.tenant_id) & (
        flex_asset.c.uuid == flex_event_asset.c.asset_uuid
    )
    query = (
        select(flex_asset.c.uuid, flex_asset.c.asset_id, flex_event_asset.c.state, flex_event_asset.c.reason)
        .select_from(flex_event_asset.join(flex_asset, asset))
        .where(here)
        .order_by(flex_asset.c.asset_id, flex_asset.c.uuid)
    )
    return [EventAsset(*row) for row in db.execute(query.offset(offset).limit(limit))], total


def states(db: Connection, tenant_id: int, uuid: UUID, assets: Sequence[UUID]) -> dict[UUID, tuple[str, str | None]]:
    """State and reason of those of `assets` that the event has; they stay so until this transaction ends."""
    query = (
        select(flex_event_asset.c.asset_uuid, flex_event_asset.c.state, flex_event_asset.c.reason)
        .where(_of_event(tenant_id, uuid), flex_event_asset.c.asset_uuid.in_(assets))
        .order_by(flex_event_asset.c.asset_uuid)
        .with_for_update()
    )
    return {row.asset_uuid: (row.state, row.reason) for row in db.execute(query)}


def set_state(db: Connection, tenant_id: int, uuid: UUID, assets: Sequence[UUID], state: str, now: datetime) -> None:
    here = _of_event(tenant_id, uuid) & flex_event_asset.c.asset_uuid.in_(assets)
    db.execute(update(flex_event_asset).where(here).values(state=state, changed_at=now))


def _of_event(tenant_id: int, uuid: UUID) -> ColumnElement[bool]:
    return (flex_event_asset.c.tenant_id == tenant_id) & (flex_event_asset.c.event_uuid == uuid)
