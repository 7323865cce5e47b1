"""Bodies and answers of webhooks."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StrictStr

from energygrid.messaging.webhooks.queries import Attempt, Delivery, Endpoint
from energygrid.surfaces.flex.wire import In, Instant, Out

TestedType = Literal[
    "PORTFOLIO.ASSETS_ASSIGNED",
    "EVENT.PORTFOLIO_ASSIGNED",
    "EVENT.SCHEDULED",
    "EVENT.STARTED",
    "EVENT.ENDED",
    "EVENT.CANCELLED",
    "EVENT.BASELINES_READY",
    "EVENT.STATS_CALCULATION_STARTED",
    "EVENT.STATS_READY",
    "ASSET.MPAN_VALIDATED",
    "EVENT_SCHEME.ASSETS_UPDATED",
]
EventType = TestedType | Literal["WEBHOOK.BROKEN"]

_WEBHOOK: dict[str, Any] = {
    "uuid": "5f7c1a52-7b0e-4a55-9c1f-2f1f2b7f8a10",
    "name": "Events to our scheduler",
    "url": "https://hooks.supplier.example/flexibility",
    "eventTypes": ["EVENT.SCHEDULED", "EVENT.STARTED", "EVENT.ENDED"],
    "status": "ACTIVE",
    "brokenReason": None,
    "failures": 0,
    "createdAt": "2026-01-14T16:00:00.000Z",
    "updatedAt": "2026-01-14T16:00:00.000Z",
}
_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - an example


def _example(example: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [example]})


class SubscribeIn(In):
    model_config = _example({name: _WEBHOOK[name] for name in ("name", "url", "eventTypes")})

    name: Annotated[StrictStr, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1F\x7F]*$")]
    url: Annotated[
        StrictStr, Field(max_length=2048, description="https and public; in a sandbox also http to this machine.")
    ]
    event_types: Annotated[list[EventType], Field(min_length=1, max_length=50)]


class WebhookOut(Out):
    """BROKEN: nothing is sent any more (brokenReason GONE: it answered 410; EXHAUSTED: three days without success).

    `failures` counts attempts since something last arrived.
    """

    model_config = _example(_WEBHOOK)

    uuid: UUID
    name: str
    url: str
    event_types: list[str]
    status: Literal["ACTIVE", "BROKEN"]
    broken_reason: str | None
    failures: int
    created_at: Instant
    updated_at: Instant

    @classmethod
    def facts(cls, endpoint: Endpoint) -> dict[str, Any]:
        return {
            "uuid": UUID(endpoint.id),
            "name": endpoint.description,
            "url": endpoint.url,
            "event_types": endpoint.types,
            "status": "ACTIVE" if endpoint.enabled else "BROKEN",
            "broken_reason": endpoint.disabled_reason,
            "failures": endpoint.failures,
            "created_at": endpoint.created_at,
            "updated_at": endpoint.updated_at,
        }

    @classmethod
    def of(cls, endpoint: Endpoint) -> "WebhookOut":
        return cls(**cls.facts(endpoint))


class SubscribedOut(WebhookOut):
    """The only answer that shows the secret."""

    model_config = _example(_WEBHOOK | {"secret": _SECRET})

    secret: str


class UnsubscribedOut(Out):
    model_config = _example({"uuid": _WEBHOOK["uuid"]})

    uuid: UUID


class RotateIn(In):
    """How long messages are signed with the old secret too; 0 for receivers that can check one signature only."""

    model_config = _example({"overlapHours": 24})

    overlap_hours: Annotated[float, Field(ge=0, le=168)] = 24


class SecretOut(Out):
    """Until `previousValidUntil` messages carry a signature with the old secret too."""

    model_config = _example({"secret": _SECRET, "previousValidUntil": "2026-01-15T16:00:00.000Z"})

    secret: str
    previous_valid_until: Instant


class TestOut(Out):
    """A message under way; its uuid finds it in the deliveries."""

    model_config = _example({"type": "EVENT.STARTED", "uuid": "11111111-1111-4111-8111-111111111111"})

    type: str
    uuid: UUID


class Faults(In):
    """Shares of attempts that are not sent and of messages sent twice; delayS puts each first attempt off."""

    model_config = _example({"drop": 0.2, "duplicate": 0.1, "delayS": 5})

    drop: Annotated[float, Field(ge=0, le=1)] = 0
    duplicate: Annotated[float, Field(ge=0, le=1)] = 0
    delay_s: Annotated[float, Field(ge=0, le=86_400)] = 0


_MESSAGE = "11111111-1111-4111-8111-111111111111"
_DATA = {"uuid": "22222222-2222-4222-8222-222222222222", "status": "STARTED"}
_DELIVERY: dict[str, Any] = {
    "uuid": _MESSAGE,
    "type": "EVENT.STARTED",
    "status": "DELIVERED",
    "reason": None,
    "attempts": 1,
    "nextAttemptAt": None,
    "createdAt": "2026-01-15T17:00:00.000Z",
    "finishedAt": "2026-01-15T17:00:00.120Z",
}
_ATTEMPT = {
    "number": 1,
    "at": "2026-01-15T17:00:00.120Z",
    "status": 200,
    "outcome": "delivered",
    "milliseconds": 42,
    "excerpt": "ok",
}


class DeliveryOut(Out):
    """`uuid` is the message's. DEAD: not tried any more (GONE, EXHAUSTED, ENDPOINT_DISABLED) until it is replayed."""

    model_config = _example(_DELIVERY)

    uuid: UUID
    type: str
    status: Literal["PENDING", "DELIVERED", "DEAD"]
    reason: str | None
    attempts: int
    next_attempt_at: Instant | None
    created_at: Instant
    finished_at: Instant | None

    @classmethod
    def facts(cls, delivery: Delivery) -> dict[str, Any]:
        return {
            "uuid": UUID(delivery.event_id),
            "type": delivery.type,
            "status": delivery.state.upper(),
            "reason": delivery.reason,
            "attempts": delivery.attempts,
            "next_attempt_at": delivery.next_at if delivery.state == "pending" else None,
            "created_at": delivery.created_at,
            "finished_at": delivery.finished_at,
        }

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryOut":
        return cls(**cls.facts(delivery))


class AttemptOut(Out):
    """`status` is null when no answer came; `excerpt` is the start of the answer, 2 kB at most."""

    number: int
    at: Instant
    status: int | None
    outcome: str
    milliseconds: int
    excerpt: str

    @classmethod
    def of(cls, attempt: Attempt) -> "AttemptOut":
        return cls(**{name: getattr(attempt, name) for name in Attempt.__slots__})


class DeliveryDetail(DeliveryOut):
    model_config = _example({**_DELIVERY, "data": _DATA, "log": [_ATTEMPT]})

    data: dict[str, Any]
    log: list[AttemptOut]


class ReplayedOut(Out):
    model_config = _example({"messages": 12})

    messages: int


class ReplayedOneOut(Out):
    model_config = _example({"uuid": _MESSAGE})

    uuid: UUID


class EventOut(Out):
    """What webhooks send, with its place in the feed."""

    uuid: UUID
    type: str
    timestamp: Instant
    data: dict[str, Any]
    cursor: int


class EventsOut(Out):
    """Ask again with `after` = `next`; it is the last cursor given, also when nothing was new."""

    model_config = _example(
        {
            "items": [
                {
                    "uuid": _MESSAGE,
                    "type": "EVENT.STARTED",
                    "timestamp": "2026-01-15T17:00:00.000Z",
                    "data": _DATA,
                    "cursor": 41,
                }
            ],
            "next": 41,
            "hasMore": False,
        }
    )

    items: list[EventOut]
    next: int
    has_more: bool
