"""The assets of events: what each said."""

from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter

from energygrid.flexibility.events import assets
from energygrid.surfaces.common.deps import Db, Now, RequestId
from energygrid.surfaces.flex.auth import FlexCaller
from energygrid.surfaces.flex.errors import answers
from energygrid.surfaces.flex.fields import ASSET, AssetRef, example
from energygrid.surfaces.flex.schemes import SaidOut, WordsIn
from energygrid.surfaces.flex.wire import Out, Page, Paged

router = APIRouter(tags=["Event assets"])
v1_router = APIRouter(tags=["Event assets"])
"""Under /api the same path answers with baselines."""
plain_router = APIRouter(tags=["Event assets"])

State = Literal["PENDING", "OPT_IN", "OPT_OUT", "INELIGIBLE"]
_EXAMPLE: dict[str, Any] = {"asset": {"uuid": ASSET, "assetId": "1012345678903"}, "state": "OPT_IN", "reason": None}


class EventAssetOut(Out):
    """`reason` says why an asset is INELIGIBLE."""

    model_config = example(_EXAMPLE)

    asset: AssetRef
    state: State
    reason: str | None


@v1_router.get("/events/{event_uuid}/assets", operation_id="listEventAssets", responses=answers(404))
def list_event_assets(caller: FlexCaller, event_uuid: UUID, db: Db, paging: Paged) -> Page[EventAssetOut]:
    """Assets that the event reaches, with what they said. A draft reaches none yet."""
    found, total = db.read(assets.page, caller.tenant, event_uuid, offset=paging.offset, limit=paging.page_size)
    shown = [
        EventAssetOut.model_validate(
            {
                "asset": AssetRef(uuid=each.uuid, asset_id=each.asset_id),
                "state": each.state,
                "reason": each.reason,
            }
        )
        for each in found
    ]
    return paging.of(shown, total)


class BaselineOut(Out):
    """`value` is kWh over the event, as a decimal; `method` the rule set, `type` the channel."""

    value: str
    method: str
    type: Literal["import", "export"]


class EventAssetBaselinesOut(Out):
    """Without baselines until EVENT.BASELINES_READY, and where readings do not suffice for any."""

    model_config = example(
        {"asset": _EXAMPLE["asset"], "baselines": [{"value": "0.800000", "method": "BL01", "type": "import"}]}
    )

    asset: AssetRef
    baselines: list[BaselineOut]


@plain_router.get("/events/{event_uuid}/assets", operation_id="listEventAssetBaselines", responses=answers(404))
def list_event_asset_baselines(
    caller: FlexCaller, event_uuid: UUID, db: Db, paging: Paged
) -> Page[EventAssetBaselinesOut]:
    """Assets that the event reaches, with their baselines as published before it."""
    found, total = db.read(
        assets.page_with_baselines, caller.tenant, event_uuid, offset=paging.offset, limit=paging.page_size
    )
    shown = [
        EventAssetBaselinesOut(
            asset=AssetRef(uuid=asset.uuid, asset_id=asset.asset_id),
            baselines=[
                BaselineOut(
                    value=str(it.value), method=it.method, type="export" if it.channel == "export" else "import"
                )
                for it in baselines
            ],
        )
        for asset, baselines in found
    ]
    return paging.of(shown, total)


@router.post(
    "/events/{event_uuid}/asset-optin",
    status_code=201,
    operation_id="optAssetsIntoEvent",
    responses=answers(404, 409),
)
def opt(caller: FlexCaller, event_uuid: UUID, body: WordsIn, db: Db, now: Now, request_id: RequestId) -> SaidOut:
    """Opt assets in until the event starts, or out until it ends: all or none of them, with their users' consent."""
    said = {uuid: word.status for word in body.statuses for uuid in word.asset_uuids}
    db.write(assets.say, caller.tenant, event_uuid, said, who=caller.actor(request_id), now=now)
    opted_in = sum(status == "OPT_IN" for status in said.values())
    return SaidOut(opted_in=opted_in, opted_out=len(said) - opted_in)
