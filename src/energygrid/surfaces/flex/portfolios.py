"""Portfolios, and the assets in them."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from energygrid.flexibility.registry import portfolios, views
from energygrid.flexibility.registry.assets import Filters
from energygrid.flexibility.registry.portfolios import Portfolio
from energygrid.surfaces.common.deps import Db, Here, Now, RequestId
from energygrid.surfaces.flex import asset_views
from energygrid.surfaces.flex.asset_wire import AssetOut
from energygrid.surfaces.flex.auth import FlexCaller
from energygrid.surfaces.flex.errors import answers
from energygrid.surfaces.flex.fields import ASSET, PORTFOLIO, Line, Name, example
from energygrid.surfaces.flex.wire import In, Instant, Out, Page, Paged

router = APIRouter(tags=["Portfolios"])
PortfolioStatus = Literal["ACTIVE", "ARCHIVED"]
_EXAMPLE: dict[str, Any] = {
    "uuid": PORTFOLIO,
    "name": "North East",
    "description": "Homes around Gateshead",
    "status": "ACTIVE",
    "assetCount": 120,
    "createdAt": "2026-01-05T09:00:00.000Z",
    "updatedAt": "2026-01-05T09:00:00.000Z",
}


class PortfolioIn(In):
    model_config = example({"name": "North East", "description": "Homes around Gateshead"})

    name: Name
    description: Line | None = None


class PortfolioPatch(In):
    """Members that are left out stay as they are."""

    model_config = example({"name": "North East and Tees"})

    name: Name = ""
    description: Line | None = None


class PortfolioOut(Out):
    """`assetCount` leaves archived assets out."""

    model_config = example(_EXAMPLE)

    uuid: UUID
    name: str
    description: str | None
    status: PortfolioStatus
    asset_count: int
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, portfolio: Portfolio) -> "PortfolioOut":
        return cls(**{name: getattr(portfolio, name) for name in Portfolio.__slots__})


class AssetsIn(In):
    model_config = example({"assetUUIDs": [ASSET]})

    asset_uuids: Annotated[list[UUID], Field(max_length=10_000)]


class MovedOut(Out):
    """Assets that were not where they are now; the others were there already."""

    model_config = example({"assetUUIDs": [ASSET]})

    asset_uuids: list[UUID]


Assets = AssetsIn | Annotated[list[UUID], Field(max_length=10_000)]
"""An object, or the array alone."""


def _uuids(body: Assets) -> list[UUID]:
    return body if isinstance(body, list) else body.asset_uuids


@router.get("/portfolios", operation_id="listPortfolios", responses=answers())
def list_portfolios(
    caller: FlexCaller,
    db: Db,
    paging: Paged,
    status: Annotated[PortfolioStatus | None, Query(examples=["ACTIVE"])] = None,
) -> Page[PortfolioOut]:
    """All portfolios, the oldest first."""
    found, total = db.read(portfolios.listed, caller.tenant, paging.offset, paging.page_size, status)
    return paging.of([PortfolioOut.of(each) for each in found], total)


@router.post("/portfolios", status_code=201, operation_id="createPortfolio", responses=answers())
def create_portfolio(caller: FlexCaller, body: PortfolioIn, db: Db, now: Now, request_id: RequestId) -> PortfolioOut:
    """Make an empty portfolio."""
    who = caller.actor(request_id)
    return PortfolioOut.of(db.write(portfolios.create, caller.tenant, body.name, body.description, who=who, now=now))


@router.get("/portfolios/{portfolio_uuid}", operation_id="getPortfolio", responses=answers(404))
def get_portfolio(caller: FlexCaller, portfolio_uuid: UUID, db: Db) -> PortfolioOut:
    """One portfolio."""
    return PortfolioOut.of(db.read(portfolios.find, caller.tenant, portfolio_uuid))


@router.patch("/portfolios/{portfolio_uuid}", operation_id="changePortfolio", responses=answers(404, 409))
def change_portfolio(
    caller: FlexCaller, portfolio_uuid: UUID, body: PortfolioPatch, db: Db, now: Now, request_id: RequestId
) -> PortfolioOut:
    """Change its name or description."""
    values = body.model_dump(include=body.model_fields_set)
    who = caller.actor(request_id)
    return PortfolioOut.of(db.write(portfolios.change, caller.tenant, portfolio_uuid, values, who=who, now=now))


@router.delete("/portfolios/{portfolio_uuid}", operation_id="archivePortfolio", responses=answers(404))
def archive_portfolio(
    caller: FlexCaller, portfolio_uuid: UUID, db: Db, now: Now, request_id: RequestId
) -> PortfolioOut:
    """Archive a portfolio. Its assets are in none then; events that name it keep what they have."""
    db.write(portfolios.archive, caller.tenant, portfolio_uuid, who=caller.actor(request_id), now=now)
    return PortfolioOut.of(db.read(portfolios.find, caller.tenant, portfolio_uuid))


@router.get("/portfolios/{portfolio_uuid}/assets", operation_id="listPortfolioAssets", responses=answers(404))
def list_portfolio_assets(caller: FlexCaller, portfolio_uuid: UUID, here: Here, paging: Paged) -> Page[AssetOut]:
    """The assets of a portfolio."""
    here.database.read(portfolios.find, caller.tenant, portfolio_uuid)
    found, total = here.database.read(
        views.page,
        caller.tenant,
        here.vault,
        Filters(portfolio_uuid=portfolio_uuid, archived=False),
        paging.offset,
        paging.page_size,
    )
    return paging.of(asset_views.shown(here, caller.tenant, found), total)


@router.post(
    "/portfolios/{portfolio_uuid}/assets",
    status_code=201,
    operation_id="assignPortfolioAssets",
    responses=answers(404, 409),
)
def assign_assets(
    caller: FlexCaller, portfolio_uuid: UUID, body: Assets, db: Db, now: Now, request_id: RequestId
) -> MovedOut:
    """Move assets under a portfolio: each leaves the one it is in. PORTFOLIO.ASSETS_ASSIGNED tells of it."""
    who = caller.actor(request_id)
    return MovedOut(
        asset_uuids=db.write(portfolios.assign, caller.tenant, portfolio_uuid, _uuids(body), who=who, now=now)
    )


@router.delete("/portfolios/{portfolio_uuid}/assets", operation_id="removePortfolioAssets", responses=answers(404))
def remove_assets(
    caller: FlexCaller, portfolio_uuid: UUID, body: Assets, db: Db, now: Now, request_id: RequestId
) -> MovedOut:
    """Take assets out of a portfolio; those that are not in it stay where they are."""
    who = caller.actor(request_id)
    return MovedOut(
        asset_uuids=db.write(portfolios.remove, caller.tenant, portfolio_uuid, _uuids(body), who=who, now=now)
    )
