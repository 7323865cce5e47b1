"""Events: making, finding, changing and cancelling them, and their portfolios."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Query, Response
from pydantic import Field

from energygrid.flexibility.events import dry_run as dry
from energygrid.flexibility.events import events, portfolios
from energygrid.flexibility.events.lifecycle import Status
from energygrid.flexibility.events.queries.events import Filter
from energygrid.surfaces.common.deps import Db, Now, RequestId
from energygrid.surfaces.flex.auth import FlexCaller
from energygrid.surfaces.flex.dry_run_wire import DryRunOut
from energygrid.surfaces.flex.errors import answers
from energygrid.surfaces.flex.event_wire import EventIn, EventOut, EventPatch
from energygrid.surfaces.flex.fields import PORTFOLIO, Given
from energygrid.surfaces.flex.wire import Page, Paged

router = APIRouter(tags=["Events"])
_LIST_OF_PORTFOLIOS = {"application/json": {"example": [PORTFOLIO]}}


@router.get("/events", operation_id="listEvents", responses=answers())
def list_events(
    caller: FlexCaller,
    db: Db,
    paging: Paged,
    status: Annotated[Status | None, Query(examples=["SCHEDULED"])] = None,
    start: Annotated[Given | None, Query(alias="from", examples=["2026-01-01T00:00:00Z"])] = None,
    end: Annotated[Given | None, Query(alias="to", examples=["2026-02-01T00:00:00Z"])] = None,
    scheme: Annotated[UUID | None, Query(alias="schemeUUID")] = None,
    portfolio: Annotated[UUID | None, Query(alias="portfolioUUID")] = None,
) -> Page[EventOut]:
    """Events that touch [from, to), the newest start first."""
    asked = Filter(status=status, start=start, end=end, scheme_uuid=scheme, portfolio_uuid=portfolio)
    found, total = db.read(events.page, caller.tenant, asked, offset=paging.offset, limit=paging.page_size)
    return paging.of([EventOut.of(each) for each in found], total)


@router.post(
    "/events",
    status_code=201,
    operation_id="createEvent",
    response_model=EventOut,
    responses=answers(404, 409) | {200: {"model": DryRunOut, "description": "What would become of it (`dryRun`)."}},
)
def create_event(
    caller: FlexCaller,
    body: EventIn,
    response: Response,
    db: Db,
    now: Now,
    request_id: RequestId,
    dry_run: Annotated[bool, Query(alias="dryRun", description="Store nothing; say what would happen.")] = False,
) -> EventOut | Response:
    """Make an event; with `dryRun=true` only say who would take part, who not and why, and what would fire.

    Events begin and end on half-hours. When SCHEDULED, who takes part is settled, EVENT.SCHEDULED is told, and the
    tenant's clock starts and ends it.
    """
    draft = body.draft()
    if dry_run:
        found = DryRunOut.of(db.read(dry.dry_run, caller.tenant, draft, now))
        return Response(found.model_dump_json(by_alias=True), 200, media_type="application/json")
    made = db.write(
        events.create,
        caller.tenant,
        draft,
        scheduled=body.status == "SCHEDULED",
        who=caller.actor(request_id),
        now=now,
    )
    response.headers["Location"] = f"/flex/api/v1/events/{made.uuid}"
    return EventOut.of(made)


@router.get("/events/{event_uuid}", operation_id="getEvent", responses=answers(404))
def get_event(caller: FlexCaller, event_uuid: UUID, db: Db) -> EventOut:
    """One event."""
    return EventOut.of(db.read(events.find, caller.tenant, event_uuid))


@router.patch("/events/{event_uuid}", operation_id="changeEvent", responses=answers(404, 409))
def change_event(
    caller: FlexCaller, event_uuid: UUID, body: EventPatch, db: Db, now: Now, request_id: RequestId
) -> EventOut:
    """Change an event, or schedule a draft. A scheduled event that changes is told anew with EVENT.SCHEDULED."""
    changed = db.write(
        events.change,
        caller.tenant,
        event_uuid,
        body.changes(),
        scheduled=body.status == "SCHEDULED",
        who=caller.actor(request_id),
        now=now,
    )
    return EventOut.of(changed)


@router.delete("/events/{event_uuid}", operation_id="deleteEvent", responses=answers(404, 409))
def delete_event(caller: FlexCaller, event_uuid: UUID, db: Db, now: Now, request_id: RequestId) -> EventOut:
    """Delete a draft, which was told to nobody; what it was is the answer. An event that is on is cancelled instead."""
    return EventOut.of(db.write(events.discard, caller.tenant, event_uuid, who=caller.actor(request_id), now=now))


@router.post("/events/{event_uuid}/cancel", operation_id="cancelEvent", responses=answers(404, 409))
def cancel_event(caller: FlexCaller, event_uuid: UUID, db: Db, now: Now, request_id: RequestId) -> EventOut:
    """Call off an event that has not ended; EVENT.CANCELLED is told. Cancelling it again changes nothing."""
    return EventOut.of(db.write(events.cancel, caller.tenant, event_uuid, who=caller.actor(request_id), now=now))


@router.get(
    "/events/{event_uuid}/portfolios",
    operation_id="listEventPortfolios",
    responses=answers(404) | {200: {"content": _LIST_OF_PORTFOLIOS}},
)
def list_portfolios(caller: FlexCaller, event_uuid: UUID, db: Db) -> list[UUID]:
    """The event's portfolios in the order of their assignment: an array, not paged."""
    return db.read(portfolios.of_event, caller.tenant, event_uuid)


@router.post(
    "/events/{event_uuid}/portfolios",
    status_code=201,
    operation_id="assignEventPortfolios",
    responses=answers(404, 409) | {201: {"content": _LIST_OF_PORTFOLIOS}},
)
def assign_portfolios(
    caller: FlexCaller,
    event_uuid: UUID,
    body: Annotated[list[UUID], Field(max_length=1000), Body(examples=[[PORTFOLIO]])],
    db: Db,
    now: Now,
    request_id: RequestId,
) -> list[UUID]:
    """Add portfolios to an event that has not started; all that it then has. EVENT.PORTFOLIO_ASSIGNED tells of each."""
    return db.write(portfolios.assign, caller.tenant, event_uuid, body, who=caller.actor(request_id), now=now)
