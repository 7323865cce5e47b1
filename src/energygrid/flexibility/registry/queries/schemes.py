"""SQL of schemes and of assets in them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from energygrid.database.driver import driver
from energygrid.flexibility.registry.queries.common import AnyRow, among
from energygrid.flexibility.registry.tables import flex_asset, flex_scheme, flex_scheme_asset

_s, _m = flex_scheme.c, flex_scheme_asset.c


def insert_scheme(db: Connection, values: Mapping[str, object]) -> bool:
    """False: the tenant has one of that name."""
    statement = insert(flex_scheme).values(**values).on_conflict_do_nothing().returning(_s.uuid)
    return db.execute(statement).first() is not None


def schemes(db: Connection, tenant_id: int) -> Sequence[AnyRow]:
    return db.execute(select(*_s).where(_s.tenant_id == tenant_id, _s.archived_at.is_(None)).order_by(_s.name)).all()


def scheme(db: Connection, tenant_id: int, uuid: UUID) -> AnyRow | None:
    here = (_s.tenant_id == tenant_id) & (_s.uuid == uuid) & _s.archived_at.is_(None)
    return db.execute(select(*_s).where(here)).one_or_none()


class Membership(NamedTuple):
    """An asset's standing in a scheme."""

    scheme_uuid: UUID
    asset_uuid: UUID
    state: str


class Change(NamedTuple):
    """A new standing; `opted_in_at` None leaves the instant as it was."""

    scheme_uuid: UUID
    asset_uuid: UUID
    state: str
    reason: str | None
    opted_in_at: datetime | None


def memberships(
    db: Connection, tenant_id: int, assets: Sequence[UUID], *, scheme_uuid: UUID | None = None, lock: bool = False
) -> list[Membership]:
    """What these assets are in, or in one scheme only."""
    statement = select(_m.scheme_uuid, _m.asset_uuid, _m.state)
    statement = statement.where(_m.tenant_id == tenant_id, among(_m.asset_uuid, assets))
    if scheme_uuid is not None:
        statement = statement.where(_m.scheme_uuid == scheme_uuid)
    statement = statement.order_by(_m.scheme_uuid, _m.asset_uuid)
    return [Membership(*row) for row in db.execute(statement.with_for_update() if lock else statement)]


def write_memberships(db: Connection, tenant_id: int, changes: Sequence[Change], now: datetime) -> None:
    with driver(db).cursor() as cursor:
        columns = [list(column) for column in zip(*sorted(changes, key=lambda each: each[:2]), strict=True)]
        cursor.execute(_WRITE, (tenant_id, now, *columns))


_WRITE = """
    INSERT INTO flex_scheme_asset AS m
        (tenant_id, scheme_uuid, asset_uuid, state, reason, opted_in_at, changed_at)
    SELECT %s, c.scheme_uuid, c.asset_uuid, c.state, c.reason, c.opted_in_at, %s
    FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::timestamptz[])
        AS c (scheme_uuid, asset_uuid, state, reason, opted_in_at)
    ON CONFLICT (tenant_id, scheme_uuid, asset_uuid) DO UPDATE SET
        state = excluded.state, reason = excluded.reason, changed_at = excluded.changed_at,
        opted_in_at = coalesce(excluded.opted_in_at, m.opted_in_at)
"""


def members(
    db: Connection, tenant_id: int, scheme_uuid: UUID, state: str | None, offset: int, limit: int
) -> tuple[Sequence[AnyRow], int]:
    """uuid, asset_id, state, reason of a page of a scheme's assets, and how many there are."""
    here = [_m.tenant_id == tenant_id, _m.scheme_uuid == scheme_uuid]
    if state is not None:
        here.append(_m.state == state)
    joined = (flex_asset.c.tenant_id == _m.tenant_id) & (flex_asset.c.uuid == _m.asset_uuid)
    rows = select(flex_asset.c.uuid, flex_asset.c.asset_id, _m.state, _m.reason).join(flex_asset, joined).where(*here)
    total = db.execute(select(func.count()).select_from(flex_scheme_asset).where(*here)).scalar_one()
    return db.execute(rows.order_by(_m.asset_uuid).offset(offset).limit(limit)).all(), total


def ready(db: Connection, tenant_id: int, scheme_uuid: UUID) -> list[UUID]:
    """Assets in state READY that are not archived and whose meter data may be used."""
    with driver(db).cursor() as cursor:
        cursor.execute(_READY, (tenant_id, scheme_uuid))
        return [uuid for (uuid,) in cursor]


_READY = """
    SELECT a.uuid
    FROM flex_scheme_asset m
    JOIN flex_asset a ON a.tenant_id = m.tenant_id AND a.uuid = m.asset_uuid AND a.archived_at IS NULL
    LEFT JOIN LATERAL (
        SELECT c.withdrawn_at FROM flex_consent c
        WHERE c.tenant_id = m.tenant_id AND c.asset_uuid = m.asset_uuid AND c.scope = 'METER_DATA'
        ORDER BY c.granted_at DESC, c.withdrawn_at NULLS FIRST LIMIT 1
    ) newest ON true
    WHERE m.tenant_id = %s AND m.scheme_uuid = %s AND m.state = 'READY' AND newest.withdrawn_at IS NULL
    ORDER BY a.uuid
"""
