"""SQL of webhook endpoints and deliveries, as one name: `queries.claim(...)`."""

from energygrid.messaging.webhooks.queries.attempts import claim, finish, log_attempt, next_due, overdue, reschedule
from energygrid.messaging.webhooks.queries.endpoints import (
    book_wake,
    count_endpoints,
    count_failures,
    delete_endpoint,
    disable,
    endpoint,
    endpoints,
    insert_endpoint,
    live_secrets,
    rotate,
    update_endpoint,
)
from energygrid.messaging.webhooks.queries.fanning import behind, event_is, fan_out, prune, recorded_between, replay
from energygrid.messaging.webhooks.queries.log import attempts, deliveries, delivery
from energygrid.messaging.webhooks.queries.rows import DEAD, DELIVERED, PENDING, Attempt, Claimed, Delivery, Endpoint

__all__ = [
    "DEAD",
    "DELIVERED",
    "PENDING",
    "Attempt",
    "Claimed",
    "Delivery",
    "Endpoint",
    "attempts",
    "behind",
    "book_wake",
    "claim",
    "count_endpoints",
    "count_failures",
    "delete_endpoint",
    "deliveries",
    "delivery",
    "disable",
    "endpoint",
    "endpoints",
    "event_is",
    "fan_out",
    "finish",
    "insert_endpoint",
    "live_secrets",
    "log_attempt",
    "next_due",
    "overdue",
    "prune",
    "recorded_between",
    "replay",
    "reschedule",
    "rotate",
    "update_endpoint",
]
