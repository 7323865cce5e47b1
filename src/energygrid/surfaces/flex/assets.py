"""Assets: made one by one or in bulk, listed, changed, archived."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field, ValidationError, WithJsonSchema

from energygrid.errors import DomainError, Invalid
from energygrid.flexibility.registry import assets, creation, views
from energygrid.flexibility.registry.assets import Filters
from energygrid.flexibility.registry.creation import NewAsset
from energygrid.services import Services
from energygrid.surfaces.common.deps import Here, Now, RequestId
from energygrid.surfaces.flex import asset_views
from energygrid.surfaces.flex.asset_wire import (
    CREATE_EXAMPLE,
    READ_EXAMPLE,
    ArchivedOut,
    AssetIn,
    AssetOut,
    AssetPatch,
    MpanStatus,
)
from energygrid.surfaces.flex.auth import FlexCaller
from energygrid.surfaces.flex.errors import answers
from energygrid.surfaces.flex.fields import example
from energygrid.surfaces.flex.wire import In, Out, Page, Paged

router = APIRouter(tags=["Assets"])
_MOST_AT_ONCE = 10_000


class BulkIn(In):
    """10,000 assets at most, each as in createAsset."""

    model_config = example({"assets": [CREATE_EXAMPLE]})

    assets: Annotated[
        list[dict[str, Any]],
        Field(max_length=_MOST_AT_ONCE),
        WithJsonSchema({"type": "array", "maxItems": _MOST_AT_ONCE, "items": {"type": "object"}}),
    ]


class FailedOut(Out):
    """An asset that was not made, by its position in the request."""

    index: int
    asset_id: str | None
    message: str
    code: str


class BulkOut(Out):
    model_config = example(
        {
            "created": [READ_EXAMPLE],
            "failed": [
                {
                    "index": 1,
                    "assetId": "1012345678903",
                    "message": "there is an asset 1012345678903 already",
                    "code": "ASSET_EXISTS",
                }
            ],
        }
    )

    created: list[AssetOut]
    failed: list[FailedOut]


@router.post("/assets", status_code=201, operation_id="createAsset", responses=answers(404, 409))
def create_asset(caller: FlexCaller, body: AssetIn, here: Here, now: Now, request_id: RequestId) -> AssetOut:
    """Register an asset; a user that is not there yet is made. Its MPAN is validated soon after."""
    made = here.database.write(
        creation.create, caller.tenant, here.vault, body.asset(), who=caller.actor(request_id), now=now
    )
    return _one(here, caller, made.uuid)


@router.post(
    "/assets/bulk",
    status_code=201,
    operation_id="createAssets",
    response_model=BulkOut,
    responses=answers(409, 413),
)
def create_assets(
    caller: FlexCaller,
    body: BulkIn,
    here: Here,
    now: Now,
    request_id: RequestId,
    all_or_nothing: Annotated[
        bool, Query(alias="allOrNothing", description="Make none if one cannot be.", examples=[False])
    ] = False,
) -> Response:
    """Register up to 10,000 assets: all that can be. Those that cannot be are listed, and stop no other."""
    wanted, failed = _read(body.assets)
    if all_or_nothing:
        creation.require_none(failed)
    made = here.database.write(
        creation.create_many,
        caller.tenant,
        here.vault,
        wanted,
        who=caller.actor(request_id),
        now=now,
        all_or_none=all_or_nothing,
    )
    shown = here.database.read(views.of, caller.tenant, here.vault, list(made.created.values()))
    failed |= made.failed
    answer = BulkOut(
        created=asset_views.shown(here, caller.tenant, shown),
        failed=[
            FailedOut(index=at, asset_id=_id_of(body.assets[at]), message=error.message, code=error.code)
            for at, error in sorted(failed.items())
        ],
    )
    return Response(answer.model_dump_json(by_alias=True), 201, media_type="application/json")


@router.get("/assets", operation_id="listAssets", responses=answers())
def list_assets(
    caller: FlexCaller,
    here: Here,
    paging: Paged,
    asset_id: Annotated[str | None, Query(alias="assetId", examples=["1012345678903"])] = None,
    user_id: Annotated[str | None, Query(alias="userId", examples=["anna"])] = None,
    archived: Annotated[bool | None, Query(description="Left out: both.", examples=[False])] = None,
    portfolio_uuid: Annotated[UUID | None, Query(alias="portfolioUUID")] = None,
    mpan_status: Annotated[MpanStatus | None, Query(alias="mpanStatus", examples=["INVALID"])] = None,
) -> Page[AssetOut]:
    """Assets that match everything given, the oldest first, archived ones among them."""
    filters = Filters(_text(asset_id), _text(user_id), archived, portfolio_uuid, mpan_status)
    found, total = here.database.read(views.page, caller.tenant, here.vault, filters, paging.offset, paging.page_size)
    return paging.of(asset_views.shown(here, caller.tenant, found), total)


@router.get("/assets/{asset_uuid}", operation_id="getAsset", responses=answers(404))
def get_asset(caller: FlexCaller, asset_uuid: UUID, here: Here) -> AssetOut:
    """One asset."""
    return _one(here, caller, asset_uuid)


@router.patch("/assets/{asset_uuid}", operation_id="changeAsset", responses=answers(404, 409))
def change_asset(
    caller: FlexCaller, asset_uuid: UUID, body: AssetPatch, here: Here, now: Now, request_id: RequestId
) -> AssetOut:
    """Change its name, its location, or what is said of its metering. Another `exportMpan` is validated anew."""
    here.database.write(
        assets.change,
        caller.tenant,
        here.vault,
        asset_uuid,
        values=body.values(),
        place=body.place(),
        who=caller.actor(request_id),
        now=now,
    )
    return _one(here, caller, asset_uuid)


@router.delete("/assets/{asset_uuid}", operation_id="archiveAsset", responses=answers(404))
def archive_asset(caller: FlexCaller, asset_uuid: UUID, here: Here, now: Now, request_id: RequestId) -> ArchivedOut:
    """Archive an asset: it leaves its portfolio and its schemes and takes no more readings. Nothing is erased."""
    here.database.write(assets.archive, caller.tenant, asset_uuid, who=caller.actor(request_id), now=now)
    return ArchivedOut(uuid=asset_uuid, archived=True)


def _one(here: Services, caller: FlexCaller, uuid: UUID) -> AssetOut:
    view = here.database.read(views.one, caller.tenant, here.vault, uuid)
    return asset_views.shown(here, caller.tenant, [view])[0]


def _read(bodies: list[dict[str, Any]]) -> tuple[dict[int, NewAsset], dict[int, DomainError]]:
    """Assets that read well, and what is wrong with the others, by position."""
    wanted: dict[int, NewAsset] = {}
    failed: dict[int, DomainError] = {}
    for at, body in enumerate(bodies):
        try:
            wanted[at] = AssetIn.model_validate(body).asset()
        except ValidationError as error:
            faults = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
            failed[at] = Invalid("INVALID_PAYLOAD", "; ".join(faults))
    return wanted, failed


def _id_of(body: dict[str, Any]) -> str | None:
    given = body.get("assetId")
    return given[:200] if isinstance(given, str) else None


def _text(given: str | None) -> str | None:
    """PostgreSQL holds no NUL, so nothing is named so."""
    return None if given is None else given.replace("\x00", "\ufffd")
