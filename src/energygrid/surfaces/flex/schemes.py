"""Schemes, and opting assets in and out of them."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from energygrid.flexibility.registry import membership, schemes
from energygrid.surfaces.common.deps import Db, Now, RequestId
from energygrid.surfaces.flex.auth import FlexCaller
from energygrid.surfaces.flex.errors import answers
from energygrid.surfaces.flex.fields import ASSET, SCHEME, AssetRef, State, example
from energygrid.surfaces.flex.wire import In, Instant, Out, Page, Paged

router = APIRouter(tags=["Event schemes"])
_MOST = 10_000
_WORD = {"assetUUIDs": [ASSET], "status": "OPT_IN"}
_MEMBER: dict[str, Any] = {"asset": {"uuid": ASSET, "assetId": "1012345678903"}, "state": "READY", "reason": None}


class SchemeOut(Out):
    model_config = example(
        {
            "uuid": SCHEME,
            "name": "Winter evenings",
            "description": None,
            "createdAt": "2025-11-01T09:00:00.000Z",
            "updatedAt": "2025-11-01T09:00:00.000Z",
        }
    )

    uuid: UUID
    name: str
    description: str | None
    created_at: Instant
    updated_at: Instant


class WordIn(In):
    model_config = example(_WORD)

    asset_uuids: Annotated[list[UUID], Field(max_length=_MOST)]
    status: Literal["OPT_IN", "OPT_OUT"]


class WordsIn(In):
    """Of several words on one asset the last counts."""

    model_config = example({"statuses": [_WORD]})

    statuses: Annotated[list[WordIn], Field(max_length=_MOST)]


class AssetsIn(In):
    model_config = example({"assetUUIDs": [ASSET]})

    asset_uuids: Annotated[list[UUID], Field(max_length=_MOST)]


class SaidOut(Out):
    """How many assets were named with each word."""

    model_config = example({"optedIn": 1, "optedOut": 0})

    opted_in: int
    opted_out: int


class MemberOut(Out):
    """`reason` says why an asset is REJECTED or DUPLICATED."""

    model_config = example(_MEMBER)

    asset: AssetRef
    state: State
    reason: str | None


@router.get("/event-schemes", operation_id="listEventSchemes", responses=answers())
def list_schemes(caller: FlexCaller, db: Db) -> list[SchemeOut]:
    """All schemes by name: an array, not paged."""
    return [
        SchemeOut(
            uuid=each.uuid,
            name=each.name,
            description=each.description,
            created_at=each.created_at,
            updated_at=each.updated_at,
        )
        for each in db.read(schemes.listed, caller.tenant)
    ]


@router.post(
    "/event-schemes/{scheme_uuid}/assets-optin",
    status_code=201,
    operation_id="optAssetsIntoScheme",
    responses=answers(404, 409),
)
def opt(caller: FlexCaller, scheme_uuid: UUID, body: WordsIn, db: Db, now: Now, request_id: RequestId) -> SaidOut:
    """Opt assets in or out, all or none of them, with their users' consent.

    What is opted in is verified soon after; EVENT_SCHEME.ASSETS_UPDATED tells of each change.
    """
    said = {uuid: word.status for word in body.statuses for uuid in word.asset_uuids}
    who = caller.actor(request_id)
    db.write(membership.say, caller.tenant, scheme_uuid, said, who=who, now=now)
    opted_in = sum(status == "OPT_IN" for status in said.values())
    return SaidOut(opted_in=opted_in, opted_out=len(said) - opted_in)


@router.post(
    "/event-schemes/assets/opt-out",
    status_code=201,
    operation_id="optAssetsOutOfSchemes",
    responses=answers(404),
)
def opt_out(caller: FlexCaller, body: AssetsIn, db: Db, now: Now, request_id: RequestId) -> SaidOut:
    """Opt assets out of all schemes that they are in; their consent to them ends."""
    uuids = list(dict.fromkeys(body.asset_uuids))
    db.write(membership.leave_all, caller.tenant, uuids, who=caller.actor(request_id), now=now)
    return SaidOut(opted_in=0, opted_out=len(uuids))


@router.get("/event-schemes/{scheme_uuid}/assets", operation_id="listSchemeAssets", responses=answers(404))
def list_members(
    caller: FlexCaller,
    scheme_uuid: UUID,
    db: Db,
    paging: Paged,
    state: Annotated[State | None, Query(examples=["READY"])] = None,
) -> Page[MemberOut]:
    """Assets that were ever opted in or out, with their states."""
    found, total = db.read(schemes.members, caller.tenant, scheme_uuid, paging.offset, paging.page_size, state)
    shown = [
        MemberOut(asset=AssetRef(uuid=each.uuid, asset_id=each.asset_id), state=each.state, reason=each.reason)
        for each in found
    ]
    return paging.of(shown, total)
