"""SQL of portfolios."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, func, insert, select, update

from energygrid.flexibility.registry.queries.common import AnyRow
from energygrid.flexibility.registry.tables import flex_asset, flex_portfolio

_p = flex_portfolio.c
_count = (
    select(func.count())
    .where(
        flex_asset.c.tenant_id == _p.tenant_id,
        flex_asset.c.portfolio_uuid == _p.uuid,
        flex_asset.c.archived_at.is_(None),
    )
    .scalar_subquery()
    .label("asset_count")
)


def insert_portfolio(db: Connection, values: Mapping[str, object]) -> None:
    db.execute(insert(flex_portfolio).values(**values))


def portfolio(db: Connection, tenant_id: int, uuid: UUID) -> AnyRow | None:
    return db.execute(select(*_p, _count).where(_p.tenant_id == tenant_id, _p.uuid == uuid)).one_or_none()


def portfolios(
    db: Connection, tenant_id: int, status: str | None, offset: int, limit: int
) -> tuple[Sequence[AnyRow], int]:
    here: list[ColumnElement[Any]] = [_p.tenant_id == tenant_id]
    if status is not None:
        here.append(_p.status == status)
    rows = select(*_p, _count).where(*here).order_by(_p.created_at, _p.uuid).offset(offset).limit(limit)
    return db.execute(rows).all(), db.execute(select(func.count()).where(*here)).scalar_one()


def change_portfolio(db: Connection, tenant_id: int, uuid: UUID, values: Mapping[str, object]) -> None:
    db.execute(update(flex_portfolio).where(_p.tenant_id == tenant_id, _p.uuid == uuid).values(**values))
