"""Portfolios: groups of assets. An asset is in one at most; putting it into another moves it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID, uuid4

from sqlalchemy import Connection

from energygrid.access.caller import Actor, Tenant
from energygrid.access.tenants import tenant_now
from energygrid.errors import Conflict, NotFound
from energygrid.flexibility import messages
from energygrid.flexibility.registry import assets
from energygrid.flexibility.registry.queries import assets as asset_queries
from energygrid.flexibility.registry.queries import portfolios as queries

Status = Literal["ACTIVE", "ARCHIVED"]


@dataclass(frozen=True, slots=True)
class Portfolio:
    """`asset_count`: of assets that are not archived."""

    uuid: UUID
    name: str
    description: str | None
    status: Status
    asset_count: int
    created_at: datetime
    updated_at: datetime


def create(
    db: Connection, tenant: Tenant, name: str, description: str | None, *, who: Actor, now: datetime
) -> Portfolio:
    at = tenant_now(tenant, now)
    made = Portfolio(uuid4(), name, description, "ACTIVE", 0, at, at)
    values = {name: getattr(made, name) for name in Portfolio.__slots__ if name != "asset_count"}
    queries.insert_portfolio(db, values | {"tenant_id": tenant.id})
    assets.note(db, tenant, "portfolio.created", f"portfolio/{made.uuid}", {}, who, now)
    return made


def find(db: Connection, tenant: Tenant, uuid: UUID) -> Portfolio:
    """Raises NotFound UNKNOWN_PORTFOLIO."""
    row = queries.portfolio(db, tenant.id, uuid)
    if row is None:
        raise NotFound("UNKNOWN_PORTFOLIO", "there is no such portfolio")
    return _portfolio(row)


def listed(
    db: Connection, tenant: Tenant, offset: int, limit: int, status: Status | None = None
) -> tuple[list[Portfolio], int]:
    """A page in order of creation, and how many there are."""
    rows, total = queries.portfolios(db, tenant.id, status, offset, limit)
    return [_portfolio(row) for row in rows], total


def change(
    db: Connection, tenant: Tenant, uuid: UUID, values: Mapping[str, object], *, who: Actor, now: datetime
) -> Portfolio:
    """Values  name, description; raises NotFound UNKNOWN_PORTFOLIO, Conflict PORTFOLIO_ARCHIVED."""
    _active(find(db, tenant, uuid))
    queries.change_portfolio(db, tenant.id, uuid, dict(values) | {"updated_at": tenant_now(tenant, now)})
    assets.note(db, tenant, "portfolio.changed", f"portfolio/{uuid}", {"changed": sorted(values)}, who, now)
    return find(db, tenant, uuid)


def archive(db: Connection, tenant: Tenant, uuid: UUID, *, who: Actor, now: datetime) -> None:
    """End a portfolio; its assets are in none then. Events that name it keep what they have."""
    found = find(db, tenant, uuid)
    if found.status == "ARCHIVED":
        return
    at = tenant_now(tenant, now)
    inside = [each.uuid for each in assets.of_portfolios(db, tenant, [uuid])]
    asset_queries.move_assets(db, tenant.id, inside, None, at, out_of=uuid)
    queries.change_portfolio(db, tenant.id, uuid, {"status": "ARCHIVED", "updated_at": at})
    assets.note(db, tenant, "portfolio.archived", f"portfolio/{uuid}", {"assets": len(inside)}, who, now)


def assign(
    db: Connection, tenant: Tenant, uuid: UUID, uuids: Sequence[UUID], *, who: Actor, now: datetime
) -> list[UUID]:
    """Move assets under a portfolio; which were not there before. PORTFOLIO.ASSETS_ASSIGNED tells of those.

    Raises NotFound UNKNOWN_PORTFOLIO or UNKNOWN_ASSET, Conflict PORTFOLIO_ARCHIVED or ASSET_ARCHIVED.
    """
    _active(find(db, tenant, uuid))
    at = tenant_now(tenant, now)
    wanted = [each.uuid for each in assets.require(db, tenant, uuids, lock=True)]
    moved = asset_queries.move_assets(db, tenant.id, wanted, uuid, at, out_of=None)
    for message in messages.portfolio_assets_assigned(uuid, moved):
        messages.tell(db, tenant.id, message, at)
    assets.note(db, tenant, "portfolio.assets_assigned", f"portfolio/{uuid}", {"assets": len(moved)}, who, now)
    return moved


def remove(
    db: Connection, tenant: Tenant, uuid: UUID, uuids: Sequence[UUID], *, who: Actor, now: datetime
) -> list[UUID]:
    """Take assets out of a portfolio; which were in it. Raises NotFound UNKNOWN_PORTFOLIO or UNKNOWN_ASSET."""
    find(db, tenant, uuid)
    wanted = [each.uuid for each in assets.require(db, tenant, uuids, archived=True, lock=True)]
    removed = asset_queries.move_assets(db, tenant.id, wanted, None, tenant_now(tenant, now), out_of=uuid)
    assets.note(db, tenant, "portfolio.assets_removed", f"portfolio/{uuid}", {"assets": len(removed)}, who, now)
    return removed


def _active(portfolio: Portfolio) -> None:
    if portfolio.status != "ACTIVE":
        raise Conflict("PORTFOLIO_ARCHIVED", "the portfolio has been archived")


def _portfolio(row: Any) -> Portfolio:
    return Portfolio(**{name: getattr(row, name) for name in Portfolio.__slots__})
