"""SQL of users and assets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Select, func, select, update
from sqlalchemy.dialects.postgresql import insert

from energygrid.access.tables import tenant
from energygrid.database.driver import driver
from energygrid.flexibility.registry.queries.common import AnyRow, among
from energygrid.flexibility.registry.tables import flex_asset, flex_user

_ASSETS = select(*flex_asset.c)
_ACTIVE = flex_asset.c.archived_at.is_(None)


@dataclass(frozen=True, slots=True)
class Filters:
    """What a listing of assets is narrowed to; None: no matter."""

    asset_id: str | None = None
    user_id: str | None = None
    archived: bool | None = None
    portfolio_uuid: UUID | None = None
    mpan_status: str | None = None


def insert_users(db: Connection, rows: Sequence[Mapping[str, object]]) -> None:
    """Those that are not there yet."""
    db.execute(insert(flex_user).on_conflict_do_nothing(), rows)


def user(db: Connection, tenant_id: int, user_id: str) -> AnyRow | None:
    at = (flex_user.c.tenant_id == tenant_id) & (flex_user.c.user_id == user_id)
    return db.execute(select(*flex_user.c).where(at)).one_or_none()


def users(db: Connection, tenant_id: int, offset: int, limit: int) -> tuple[Sequence[AnyRow], int]:
    mine = flex_user.c.tenant_id == tenant_id
    order = (flex_user.c.created_at, flex_user.c.uuid)
    rows = db.execute(select(*flex_user.c).where(mine).order_by(*order).offset(offset).limit(limit)).all()
    return rows, db.execute(select(func.count()).where(mine)).scalar_one()


def insert_assets(db: Connection, rows: Sequence[Mapping[str, object]]) -> set[UUID]:
    """Insert those whose id and MPAN no active asset has; which were."""
    if not rows:
        return set()
    statement = insert(flex_asset).on_conflict_do_nothing().returning(flex_asset.c.uuid)
    return set(db.execute(statement, rows).scalars())


def taken(db: Connection, tenant_id: int, asset_ids: Sequence[str], mpans: Sequence[str]) -> tuple[set[str], set[str]]:
    """Which of these ids and MPANs active assets have."""
    with driver(db).cursor() as cursor:
        cursor.execute(_TAKEN, (tenant_id, list(asset_ids), tenant_id, list(mpans)))
        rows = cursor.fetchall()
    return {name for kind, name in rows if kind == "id"}, {name for kind, name in rows if kind == "mpan"}


_TAKEN = """
    SELECT 'id', asset_id FROM flex_asset WHERE tenant_id = %s AND asset_id = ANY(%s::text[]) AND archived_at IS NULL
    UNION ALL
    SELECT 'mpan', mpan FROM flex_asset WHERE tenant_id = %s AND mpan = ANY(%s::text[]) AND archived_at IS NULL
"""


def assets_by_uuid(db: Connection, tenant_id: int, uuids: Sequence[UUID], *, lock: bool = False) -> Sequence[AnyRow]:
    """Those of the assets that are the tenant's, by uuid."""
    statement = _ASSETS.where(flex_asset.c.tenant_id == tenant_id, among(flex_asset.c.uuid, uuids))
    statement = statement.order_by(flex_asset.c.uuid)
    return db.execute(statement.with_for_update() if lock else statement).all()


def active_of_portfolios(db: Connection, tenant_id: int, portfolios: Sequence[UUID]) -> Sequence[AnyRow]:
    here = (flex_asset.c.tenant_id == tenant_id) & among(flex_asset.c.portfolio_uuid, portfolios) & _ACTIVE
    return db.execute(_ASSETS.where(here).order_by(flex_asset.c.uuid)).all()


def assets(db: Connection, tenant_id: int, filters: Filters, offset: int, limit: int) -> tuple[Sequence[AnyRow], int]:
    """A page in order of creation, and how many there are in all."""
    conditions = [flex_asset.c.tenant_id == tenant_id, *_conditions(filters)]
    rows: Select[Any] = _ASSETS.where(*conditions).order_by(flex_asset.c.created_at, flex_asset.c.uuid)
    total = db.execute(select(func.count()).where(*conditions)).scalar_one()
    return db.execute(rows.offset(offset).limit(limit)).all(), total


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    columns = {
        flex_asset.c.asset_id: filters.asset_id,
        flex_asset.c.user_id: filters.user_id,
        flex_asset.c.portfolio_uuid: filters.portfolio_uuid,
        flex_asset.c.mpan_status: filters.mpan_status,
    }
    wanted = [column == value for column, value in columns.items() if value is not None]
    if filters.archived is not None:
        wanted.append(flex_asset.c.archived_at.is_not(None) if filters.archived else _ACTIVE)
    return wanted


def change_asset(db: Connection, tenant_id: int, uuid: UUID, values: Mapping[str, object]) -> None:
    db.execute(
        update(flex_asset).where(flex_asset.c.tenant_id == tenant_id, flex_asset.c.uuid == uuid).values(**values)
    )


def move_assets(
    db: Connection, tenant_id: int, uuids: Sequence[UUID], portfolio: UUID | None, now: datetime, *, out_of: UUID | None
) -> list[UUID]:
    """Which of the assets moved; `out_of`: only those that are in that portfolio."""
    here = (flex_asset.c.tenant_id == tenant_id) & among(flex_asset.c.uuid, uuids)
    here &= flex_asset.c.portfolio_uuid.is_distinct_from(portfolio)
    if out_of is not None:
        here &= flex_asset.c.portfolio_uuid == out_of
    statement = update(flex_asset).where(here).values(portfolio_uuid=portfolio, updated_at=now)
    return sorted(db.execute(statement.returning(flex_asset.c.uuid)).scalars())


def set_mpan_verdicts(
    db: Connection, tenant_id: int, verdicts: Sequence[tuple[UUID, str, str | None]], now: datetime
) -> None:
    """Verdicts  uuid, status, reason"""
    with driver(db).cursor() as cursor:
        uuids, statuses, reasons = (list(column) for column in zip(*verdicts, strict=True))
        cursor.execute(_VERDICTS, (now, uuids, statuses, reasons, tenant_id))


_VERDICTS = """
    UPDATE flex_asset a SET mpan_status = v.status, mpan_reason = v.reason, updated_at = %s
    FROM unnest(%s::uuid[], %s::text[], %s::text[]) AS v (uuid, status, reason)
    WHERE a.tenant_id = %s AND a.uuid = v.uuid
"""


class Twin(NamedTuple):
    """An active asset of some tenant that has an MPAN which another tenant's has too."""

    mpan: str
    tenant_id: int
    uuid: UUID
    created_at: datetime


def twins(db: Connection, tenant_id: int, mpans: Sequence[str]) -> list[Twin]:
    """Active assets of other tenants of the same environment that have one of the MPANs."""
    statement = (
        select(flex_asset.c.mpan, flex_asset.c.tenant_id, flex_asset.c.uuid, flex_asset.c.created_at)
        .join(tenant, tenant.c.id == flex_asset.c.tenant_id)
        .where(among(flex_asset.c.mpan, mpans), flex_asset.c.tenant_id != tenant_id, _ACTIVE)
        .where(tenant.c.environment == select(tenant.c.environment).where(tenant.c.id == tenant_id).scalar_subquery())
    )
    return [Twin(*row) for row in db.execute(statement)] if mpans else []
