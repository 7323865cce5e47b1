"""Sending events to endpoints: at least once, in order per subject, delivered or dead-lettered in the end.

A delivery is leased before the request and settled after it, in two short transactions; nothing is locked while
the receiver thinks. A process that dies in between leaves a lease that runs out, and the delivery is sent again
with the same message id.
"""

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from energygrid.access.vault import Vault
from energygrid.database.engine import Database
from energygrid.database.queue import defer
from energygrid.messaging import events
from energygrid.messaging.webhooks import queries, retry
from energygrid.messaging.webhooks.endpoints import SEAL
from energygrid.messaging.webhooks.messages import RENDERERS, Message
from energygrid.messaging.webhooks.queries import DEAD, DELIVERED, Claimed, Endpoint
from energygrid.messaging.webhooks.retry import Answer, Outcome

PARALLEL = 16
"""Requests one delivery job has under way at once."""

TIMEOUT = timedelta(seconds=20)
LEASE = timedelta(seconds=90)
STINT = timedelta(seconds=60)
"""How long one job goes on before it makes room for another tenant's."""

RETENTION = timedelta(days=90)

Post = Callable[[str, Message], Answer]
"""(url, message) -> answer; it never raises, never follows a redirect and never reaches a private address."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Leased deliveries of one endpoint and what is needed to send them."""

    endpoint: Endpoint
    secrets: Sequence[str]
    claimed: Sequence[Claimed]


def fan_out(db: Connection, tenant_id: int, now: datetime) -> None:
    """Turn committed events into deliveries and wake the endpoints that got some."""
    for endpoint_id in queries.fan_out(db, tenant_id, now):
        wake(db, tenant_id, endpoint_id, now, now)


def sweep(db: Connection, now: datetime) -> None:
    """Pick up what a killed worker left behind: events not fanned out, deliveries due and on nobody's way."""
    for tenant_id in queries.behind(db):
        fan_out(db, tenant_id, now)
    for tenant_id, endpoint_id in queries.overdue(db, now):
        wake(db, tenant_id, endpoint_id, now, now)


def wake(db: Connection, tenant_id: int, endpoint_id: str, at: datetime, now: datetime) -> None:
    if queries.book_wake(db, tenant_id, endpoint_id, at, now):
        later = at if at > now else None
        defer(db, "messaging.deliver", at=later, tenant_id=tenant_id, endpoint_id=endpoint_id)


def deliver(
    database: Database,
    vault: Vault,
    post: Post,
    clock: Callable[[], datetime],
    tenant_id: int,
    endpoint_id: str,
) -> None:
    """Attempt everything that is due at one endpoint, then book the next wake-up."""
    stop = clock() + STINT
    with ThreadPoolExecutor(PARALLEL, thread_name_prefix="webhook") as pool:
        while clock() < stop:
            batch = database.write(_take, vault, tenant_id, endpoint_id, clock())
            if batch is None:
                break
            render, url = RENDERERS[batch.endpoint.surface], batch.endpoint.url
            messages = [render(each.event, batch.secrets, clock()) for each in batch.claimed]
            answers = list(pool.map(lambda message, url=url: post(url, message), messages))
            database.write(_settle_all, tenant_id, batch, answers, clock())
    database.write(_wake_next, tenant_id, endpoint_id, clock())


def _take(db: Connection, vault: Vault, tenant_id: int, endpoint_id: str, now: datetime) -> Batch | None:
    claimed = queries.claim(db, tenant_id, endpoint_id, now, now + LEASE, PARALLEL)
    endpoint = queries.endpoint(db, tenant_id, endpoint_id)
    if not claimed or endpoint is None:
        return None
    sealed = queries.live_secrets(db, tenant_id, endpoint_id, now)
    return Batch(endpoint, [vault.open(SEAL, each).decode() for each in sealed], claimed)


def _settle_all(db: Connection, tenant_id: int, batch: Batch, answers: Sequence[Answer], now: datetime) -> None:
    reached = any(answer.outcome is Outcome.DELIVERED for answer in answers)
    for claimed, answer in zip(batch.claimed, answers, strict=True):
        _settle(db, tenant_id, batch.endpoint, claimed, answer, now, reached=reached)


def _settle(
    db: Connection,
    tenant_id: int,
    endpoint: Endpoint,
    claimed: Claimed,
    answer: Answer,
    now: datetime,
    *,
    reached: bool,
) -> None:
    at, event_id = (tenant_id, endpoint.id), claimed.event.id
    if not queries.log_attempt(db, *at, event_id, answer, now):
        return
    delivered = answer.outcome is Outcome.DELIVERED
    failures = queries.count_failures(db, *at, delivered=delivered)
    if delivered:
        queries.finish(db, *at, event_id, DELIVERED, None, now)
        return
    if answer.outcome is Outcome.GONE:
        queries.finish(db, *at, event_id, DEAD, "GONE", now)
        _disable(db, tenant_id, endpoint, "GONE", now)
        return
    wait = retry.wait_before(claimed.attempts + 1, answer, random.random())  # noqa: S311 - jitter, not a secret
    if wait is not None:
        queries.reschedule(db, *at, event_id, now + wait)
    else:
        queries.finish(db, *at, event_id, DEAD, "EXHAUSTED", now)
        if failures >= len(retry.SCHEDULE):  # one event that the receiver cannot digest stops only itself
            _disable(db, tenant_id, endpoint, "EXHAUSTED", now)
    pause = retry.breather(answer, failures, reached=reached)
    if pause is not None:
        queries.update_endpoint(db, *at, not_before=now + pause)


def _disable(db: Connection, tenant_id: int, endpoint: Endpoint, reason: str, now: datetime) -> None:
    if queries.disable(db, tenant_id, endpoint.id, reason, now):
        data = {"webhookId": endpoint.id, "url": endpoint.url, "reason": reason}
        events.record(db, tenant_id, events.WEBHOOK_DISABLED, data, now, surface=endpoint.surface)


def _wake_next(db: Connection, tenant_id: int, endpoint_id: str, now: datetime) -> None:
    at = queries.next_due(db, tenant_id, endpoint_id)
    if at is not None:
        wake(db, tenant_id, endpoint_id, at, now)


def prune(db: Connection, now: datetime) -> int:
    """Forget events older than the retention; returns how many."""
    return queries.prune(db, now - RETENTION)
