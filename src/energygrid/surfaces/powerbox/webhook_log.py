"""The delivery log of a webhook endpoint, replay from it, and the pull feed (contract P-8, 5.7)."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, ConfigDict, Field, StrictBool

from energygrid.messaging import feed
from energygrid.messaging.queries import Event
from energygrid.messaging.webhooks import log
from energygrid.messaging.webhooks.messages import stamp
from energygrid.messaging.webhooks.queries import Attempt, Delivery
from energygrid.surfaces.common.deps import Db, Now, RequestId
from energygrid.surfaces.powerbox.auth import MayManageWebhooks
from energygrid.surfaces.powerbox.errors import problems
from energygrid.surfaces.powerbox.wire import Wire

router = APIRouter(tags=["Webhooks"])

WebhookId = Annotated[str, Path(pattern=r"^whe_[0-9a-f]{24}$")]
EventId = Annotated[str, Path(pattern=r"^msg_[0-9a-f]{24}$")]
Limit = Annotated[int, Query(ge=1, le=500)]

EventType = Literal[
    "bind.requested",
    "bind.pending",
    "bind.slow",
    "bind.paired",
    "bind.failed",
    "bind.timed_out",
    "bind.released",
    "customer.synced",
    "ingest.completed",
    "ingest.failed",
    "webhook.disabled",
]


class AcceptedOut(Wire):
    event_id: str


class DeliveryOut(Wire):
    event_id: str
    position: int
    type: str
    state: Literal["pending", "delivered", "dead"]
    reason: str | None = Field(None, description="Why it is dead: GONE, EXHAUSTED or ENDPOINT_DISABLED.")
    attempts: int
    next_at: datetime
    created_at: datetime
    finished_at: datetime | None = None

    @classmethod
    def facts(cls, delivery: Delivery) -> dict[str, Any]:
        return {name: getattr(delivery, name) for name in Delivery.__slots__}

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryOut":
        return cls(**cls.facts(delivery))


class AttemptOut(Wire):
    """`status` is absent when no answer came; `excerpt` is the start of the answer."""

    number: int
    at: datetime
    status: int | None = None
    outcome: str
    milliseconds: int
    excerpt: str

    @classmethod
    def of(cls, attempt: Attempt) -> "AttemptOut":
        return cls(**{name: getattr(attempt, name) for name in Attempt.__slots__})


class DeliveryDetail(DeliveryOut):
    log: list[AttemptOut]


class DeliveriesOut(Wire):
    """Newest first; `next` is absent on the last page."""

    deliveries: list[DeliveryOut]
    next: int | None = None


class ReplayIn(Wire):
    """What was recorded in [from, to). `onlyDead` leaves out what was delivered."""

    model_config = ConfigDict(extra="ignore")

    from_: AwareDatetime = Field(alias="from")
    to: AwareDatetime
    only_dead: StrictBool = True


class ReplayOut(Wire):
    events: int


class EventOut(Wire):
    """The body that a webhook gets, with its message id and its place in the feed."""

    id: str
    position: int
    type: str
    timestamp: str
    data: dict[str, Any]

    @classmethod
    def of(cls, event: Event) -> "EventOut":
        return cls(
            id=event.id,
            position=event.position,
            type=event.type,
            timestamp=stamp(event.recorded_at),
            data=event.data,
        )


class EventsOut(Wire):
    """Ask again with `since` = `next`; it is the last position given, also when nothing was new."""

    events: list[EventOut]
    next: int
    more: bool


@router.get(
    "/powerbox/webhooks/{webhookId}/deliveries",
    operation_id="listDeliveries",
    responses=problems(400, 401, 403, 404),
    response_model_exclude_none=True,
)
def list_deliveries(
    webhookId: WebhookId,
    caller: MayManageWebhooks,
    db: Db,
    state: Literal["pending", "delivered", "dead"] | None = None,
    before: Annotated[int | None, Query(ge=1, le=2**62, description="`next` of the page before.")] = None,
    limit: Limit = 100,
) -> DeliveriesOut:
    """What was and is to be sent to this endpoint, newest first."""
    found = db.read(log.deliveries, caller.tenant, webhookId, state=state, before=before, limit=limit + 1)
    more = found[limit - 1].position if len(found) > limit else None
    return DeliveriesOut(deliveries=[DeliveryOut.of(each) for each in found[:limit]], next=more)


@router.get(
    "/powerbox/webhooks/{webhookId}/deliveries/{eventId}",
    operation_id="getDelivery",
    responses=problems(400, 401, 403, 404),
    response_model_exclude_none=True,
)
def get_delivery(
    webhookId: WebhookId,
    eventId: EventId,
    caller: MayManageWebhooks,
    db: Db,
) -> DeliveryDetail:
    """One delivery with every attempt at it."""
    found, attempts = db.read(log.delivery, caller.tenant, webhookId, eventId)
    return DeliveryDetail(**DeliveryOut.facts(found), log=[AttemptOut.of(each) for each in attempts])


@router.post(
    "/powerbox/webhooks/{webhookId}/deliveries/{eventId}/replay",
    operation_id="replayDelivery",
    status_code=202,
    responses=problems(400, 401, 403, 404, 409),
)
def replay_delivery(
    webhookId: WebhookId,
    eventId: EventId,
    caller: MayManageWebhooks,
    db: Db,
    request_id: RequestId,
    now: Now,
) -> AcceptedOut:
    """Send one event again, whatever became of it; it keeps its message id."""
    db.write(log.replay_one, caller.tenant, webhookId, eventId, who=caller.actor(request_id), now=now)
    return AcceptedOut(event_id=eventId)


@router.post(
    "/powerbox/webhooks/{webhookId}/replay",
    operation_id="replayWebhook",
    status_code=202,
    responses=problems(400, 401, 403, 404, 409, 413),
)
def replay_webhook(
    webhookId: WebhookId,
    body: ReplayIn,
    caller: MayManageWebhooks,
    db: Db,
    request_id: RequestId,
    now: Now,
) -> ReplayOut:
    """Send again what was recorded in a span, in its order."""
    count = db.write(
        log.replay_range,
        caller.tenant,
        webhookId,
        start=body.from_.astimezone(UTC),
        end=body.to.astimezone(UTC),
        dead_only=body.only_dead,
        who=caller.actor(request_id),
        now=now,
    )
    return ReplayOut(events=count)


@router.get("/powerbox/events", operation_id="listEvents", responses=problems(400, 401, 403))
def list_events(
    caller: MayManageWebhooks,
    db: Db,
    since: Annotated[
        int, Query(ge=0, le=2**62, description="`next` of the answer before; 0 begins at the oldest.")
    ] = 0,
    types: Annotated[list[EventType], Query(description="Only these types; none means all.", max_length=50)] = [],  # noqa: B006
    limit: Limit = 100,
) -> EventsOut:
    """Events in their order, kept for 90 days: the same that webhooks get, for whoever was down or wants to reconcile.

    No event that is committed later ever appears at or before `next`.
    """
    found = db.write(feed.events_after, caller.tenant, since, types=types, limit=limit + 1)
    page = found[:limit]
    return EventsOut(
        events=[EventOut.of(each) for each in page],
        next=page[-1].position if page else since,
        more=len(found) > limit,
    )
