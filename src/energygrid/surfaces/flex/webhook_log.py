"""What became of webhook messages, sending them again, and the pull feed (contracts/flexibility.md 1.8, 5.8)."""

from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query

from energygrid.errors import Invalid
from energygrid.messaging import feed
from energygrid.messaging.events import FLEX
from energygrid.messaging.webhooks import log
from energygrid.surfaces.common.deps import Db, Now, RequestId
from energygrid.surfaces.flex.auth import FlexCaller
from energygrid.surfaces.flex.errors import answers
from energygrid.surfaces.flex.webhook_wire import (
    AttemptOut,
    DeliveryDetail,
    DeliveryOut,
    EventOut,
    EventsOut,
    ReplayedOneOut,
    ReplayedOut,
)
from energygrid.surfaces.flex.wire import Page, Paged

router = APIRouter(tags=["Webhooks"])


@router.get("/webhooks/{webhook_uuid}/deliveries", operation_id="listDeliveries", responses=answers(404))
def list_deliveries(
    caller: FlexCaller,
    webhook_uuid: UUID,
    db: Db,
    paging: Paged,
    status: Annotated[
        Literal["PENDING", "DELIVERED", "DEAD"] | None, Query(description="DEAD is the dead-letter list.")
    ] = None,
) -> Page[DeliveryOut]:
    """What was and is to be sent to this subscription, the newest first."""
    found, total = db.read(
        log.page,
        caller.tenant,
        str(webhook_uuid),
        state=status and status.lower(),
        offset=paging.offset,
        limit=paging.page_size,
        surface=FLEX,
    )
    return paging.of([DeliveryOut.of(each) for each in found], total)


@router.get("/webhooks/{webhook_uuid}/deliveries/{message_uuid}", operation_id="getDelivery", responses=answers(404))
def get_delivery(caller: FlexCaller, webhook_uuid: UUID, message_uuid: UUID, db: Db) -> DeliveryDetail:
    """One message: what it says, and every attempt to deliver it."""
    at = (caller.tenant, str(webhook_uuid), str(message_uuid))
    found, attempts = db.read(log.delivery, *at, surface=FLEX)
    data = db.read(log.data_of, caller.tenant, str(message_uuid))
    return DeliveryDetail(**DeliveryOut.facts(found), data=data, log=[AttemptOut.of(each) for each in attempts])


@router.post(
    "/webhooks/{webhook_uuid}/deliveries/{message_uuid}/replay",
    operation_id="replayDelivery",
    status_code=201,
    responses=answers(404, 409),
)
def replay_delivery(
    caller: FlexCaller, webhook_uuid: UUID, message_uuid: UUID, db: Db, request_id: RequestId, now: Now
) -> ReplayedOneOut:
    """Send one message again, whatever became of it; its bytes are the same."""
    at = (caller.tenant, str(webhook_uuid), str(message_uuid))
    db.write(log.replay_one, *at, who=caller.actor(request_id), now=now, surface=FLEX)
    return ReplayedOneOut(uuid=message_uuid)


@router.post(
    "/webhooks/{webhook_uuid}/replay", operation_id="replayWebhook", status_code=201, responses=answers(404, 409)
)
def replay_webhook(
    caller: FlexCaller,
    webhook_uuid: UUID,
    db: Db,
    request_id: RequestId,
    now: Now,
    start: Annotated[datetime, Query(alias="from", examples=["2026-01-15T00:00:00Z"])],
    end: Annotated[datetime, Query(alias="to", examples=["2026-01-16T00:00:00Z"])],
    only_dead: Annotated[bool, Query(alias="onlyDead", description="Leave out what was delivered.")] = False,
) -> ReplayedOut:
    """Send again what happened in [from, to), in its order; also what happened before the subscription existed."""
    first, last = _aware(start), _aware(end)
    if first >= last:
        raise Invalid("EMPTY_SPAN", "from must be before to")
    count = db.write(
        log.replay_range,
        caller.tenant,
        str(webhook_uuid),
        start=first,
        end=last,
        dead_only=only_dead,
        who=caller.actor(request_id),
        now=now,
        surface=FLEX,
    )
    return ReplayedOut(messages=count)


@router.get("/webhook-events", operation_id="listWebhookEvents", responses=answers())
def list_events(
    caller: FlexCaller,
    db: Db,
    after: Annotated[int, Query(ge=0, le=2**62, description="`next` of the answer before; 0: the oldest.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> EventsOut:
    """The same messages for who was down or wants to reconcile, in their order, kept for 90 days.

    Nothing that is committed later ever appears at or before `next`.
    """
    found = db.write(feed.events_after, caller.tenant, after, limit=limit + 1, surface=FLEX)
    shown = [
        EventOut(uuid=UUID(e.id), type=e.type, timestamp=e.recorded_at, data=e.data, cursor=e.position)
        for e in found[:limit]
    ]
    return EventsOut(items=shown, next=shown[-1].cursor if shown else after, has_more=len(found) > limit)


def _aware(instant: datetime) -> datetime:
    """An instant without a zone is UTC."""
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
