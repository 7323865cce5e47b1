"""SQL of consents. A row is written once; its end is written into it once."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, func, insert, select, update

from energygrid.database.driver import driver
from energygrid.flexibility.registry.queries.common import AnyRow, among
from energygrid.flexibility.registry.tables import flex_consent

_c = flex_consent.c


def insert_consents(db: Connection, rows: Sequence[dict[str, object]]) -> None:
    if rows:
        db.execute(insert(flex_consent), rows)


def about(tenant_id: int, assets: Sequence[UUID], scope: str, subject: UUID | None) -> ColumnElement[bool]:
    """Subject  uuid of the scheme or event; None: of any"""
    here = (_c.tenant_id == tenant_id) & among(_c.asset_uuid, assets) & (_c.scope == scope)
    if subject is None:
        return here
    return here & ((_c.scheme_uuid if scope == "SCHEME" else _c.event_uuid) == subject)


def standing(db: Connection, tenant_id: int, assets: Sequence[UUID], scope: str, subject: UUID | None) -> set[UUID]:
    """Which of the assets have a consent that has not been withdrawn."""
    here = about(tenant_id, assets, scope, subject) & _c.withdrawn_at.is_(None)
    return set(db.execute(select(_c.asset_uuid).where(here)).scalars())


def withdraw(
    db: Connection, tenant_id: int, assets: Sequence[UUID], scope: str, subject: UUID | None, now: datetime
) -> set[UUID]:
    """End the standing ones; whose there were."""
    here = about(tenant_id, assets, scope, subject) & _c.withdrawn_at.is_(None)
    return set(db.execute(update(flex_consent).where(here).values(withdrawn_at=now).returning(_c.asset_uuid)).scalars())


def newest(db: Connection, tenant_id: int, asset: UUID, scope: str, subject: UUID | None) -> AnyRow:
    rows = select(*_c).where(about(tenant_id, [asset], scope, subject))
    return db.execute(rows.order_by(_c.granted_at.desc(), _c.withdrawn_at.desc().nulls_first()).limit(1)).one()


def consent(db: Connection, tenant_id: int, uuid: UUID) -> AnyRow | None:
    return db.execute(select(*_c).where(_c.tenant_id == tenant_id, _c.uuid == uuid)).one_or_none()


def consents(
    db: Connection, tenant_id: int, matching: dict[str, object], offset: int, limit: int
) -> tuple[Sequence[AnyRow], int]:
    """Matching  column and value; `standing`: whether it still does"""
    here: list[Any] = [_c.tenant_id == tenant_id]
    for name, value in matching.items():
        if name == "standing":
            here.append(_c.withdrawn_at.is_(None) if value else _c.withdrawn_at.is_not(None))
        else:
            here.append(_c[name] == value)
    rows = select(*_c).where(*here).order_by(_c.granted_at, _c.uuid).offset(offset).limit(limit)
    return db.execute(rows).all(), db.execute(select(func.count()).where(*here)).scalar_one()


def meter_data_withdrawn(db: Connection, tenant_id: int, assets: Sequence[UUID]) -> dict[UUID, datetime]:
    with driver(db).cursor() as cursor:
        cursor.execute(_WITHDRAWN, (tenant_id, list(assets)))
        return {uuid: at for uuid, at in cursor if at is not None}


_WITHDRAWN = """
    SELECT DISTINCT ON (asset_uuid) asset_uuid, withdrawn_at FROM flex_consent
    WHERE tenant_id = %s AND asset_uuid = ANY(%s::uuid[]) AND scope = 'METER_DATA'
    ORDER BY asset_uuid, granted_at DESC, withdrawn_at NULLS FIRST
"""
