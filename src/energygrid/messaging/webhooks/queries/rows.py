"""What the queries of webhooks return, and the conditions that they share."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, FromClause, and_, literal

from energygrid.messaging.queries import Event
from energygrid.messaging.tables import webhook_delivery, webhook_endpoint

PENDING, DELIVERED, DEAD = "pending", "delivered", "dead"

_w, _d = webhook_endpoint.c, webhook_delivery.c


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint without its secrets."""

    id: str
    surface: str
    url: str
    description: str
    types: list[str]
    enabled: bool
    disabled_reason: str | None
    failures: int
    previous_secret_until: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that this process may attempt until its lease ends; `attempts` were made before."""

    event: Event
    attempts: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """`position` is the event's place in the feed, and the cursor of the log."""

    event_id: str
    position: int
    type: str
    state: str
    reason: str | None
    attempts: int
    next_at: datetime
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Attempt:
    number: int
    at: datetime
    status: int | None
    outcome: str
    milliseconds: int
    excerpt: str


def own(tenant_id: int, endpoint_id: str) -> ColumnElement[bool]:
    return and_(_w.tenant_id == tenant_id, _w.id == endpoint_id)


def of(tenant_id: int, endpoint_id: str) -> ColumnElement[bool]:
    return and_(_d.tenant_id == tenant_id, _d.endpoint_id == endpoint_id)


def is_pending(delivery: FromClause = webhook_delivery) -> ColumnElement[bool]:
    """In the words of the partial indexes: a plan that is kept for any parameter could not use them."""
    condition: ColumnElement[bool] = delivery.c.state == literal(PENDING, literal_execute=True)
    return condition


def one(tenant_id: int, endpoint_id: str, event_id: str) -> ColumnElement[bool]:
    return and_(of(tenant_id, endpoint_id), _d.event_id == event_id)
