"""Nominated curves of events."""

from collections import Counter
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from energygrid.errors import Invalid
from energygrid.flexibility.events import nominations
from energygrid.surfaces.common.deps import Db, Now, RequestId
from energygrid.surfaces.flex.auth import FlexCaller
from energygrid.surfaces.flex.errors import answers
from energygrid.surfaces.flex.fields import ASSET, example
from energygrid.surfaces.flex.wire import In, Instant, Out, Page, Paged

router = APIRouter(tags=["Nominations"])
_MOST_CURVES = 5_000

Value = Annotated[Decimal, Field(ge=0, le=1_000_000, max_digits=13, decimal_places=6)]


class CurveIn(In):
    """`values`: kWh in each half-hour of the event."""

    asset_uuid: UUID
    values: Annotated[list[Value], Field(min_length=1, max_length=48)]


class CurvesIn(In):
    model_config = example({"curves": [{"assetUUID": ASSET, "values": ["0.598", "0.603"]}]})

    curves: Annotated[list[CurveIn], Field(min_length=1, max_length=_MOST_CURVES)]


class FilingOut(Out):
    """`unchanged`: curves that their assets had already. Until `deadline` each may be filed anew."""

    model_config = example({"filed": 1, "unchanged": 0, "deadline": "2026-01-14T12:00:00.000Z"})

    filed: int
    unchanged: int
    deadline: Instant


class NominationOut(Out):
    """The last curve of an asset, kWh a half-hour as decimals.

    counts  whether the event is settled by it: false once the event's times or its deadline have moved away from it
    """

    model_config = example(
        {
            "assetUUID": ASSET,
            "values": ["0.598000", "0.603000"],
            "filedAt": "2026-01-14T10:12:00.000Z",
            "revision": 1,
            "counts": True,
        }
    )

    asset_uuid: UUID
    values: list[str]
    filed_at: Instant
    revision: int
    counts: bool


@router.put("/events/{event_uuid}/nominations", operation_id="nominate", responses=answers(404, 409))
def nominate(
    caller: FlexCaller, event_uuid: UUID, body: CurvesIn, db: Db, now: Now, request_id: RequestId
) -> FilingOut:
    """File what assets would use in an event of rule set NOMINATED, until the deadline: all curves or none.

    A curve takes the place of the asset's earlier one; curves of other assets stay.
    """
    twice = [uuid for uuid, count in Counter(each.asset_uuid for each in body.curves).items() if count > 1]
    if twice:
        raise Invalid("BAD_CURVE", f"asset {twice[0]} has more than one curve")
    curves = {each.asset_uuid: each.values for each in body.curves}
    found = db.write(nominations.file, caller.tenant, event_uuid, curves, who=caller.actor(request_id), now=now)
    return FilingOut(filed=found.filed, unchanged=found.unchanged, deadline=found.deadline)


@router.get("/events/{event_uuid}/nominations", operation_id="listNominations", responses=answers(404))
def list_nominations(caller: FlexCaller, event_uuid: UUID, db: Db, paging: Paged) -> Page[NominationOut]:
    """The last curve of each asset that has one."""
    found, total = db.read(nominations.page, caller.tenant, event_uuid, offset=paging.offset, limit=paging.page_size)
    shown = [
        NominationOut(
            asset_uuid=each.asset_uuid,
            values=[str(value) for value in each.values],
            filed_at=each.filed_at,
            revision=each.revision,
            counts=each.counts,
        )
        for each in found
    ]
    return paging.of(shown, total)
