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

import structlog
from sqlalchemy import Connection

from energygrid.access import tenants
from energygrid.access.caller import Tenant
from energygrid.access.vault import Vault
from energygrid.database.engine import Database
from energygrid.messaging import events
from energygrid.messaging.webhooks import faults, queries, retry
from energygrid.messaging.webhooks.endpoints import SEAL
from energygrid.messaging.webhooks.messages import Message
from energygrid.messaging.webhooks.queries import DEAD, Claimed, Endpoint
from energygrid.messaging.webhooks.retry import Answer, Outcome, Plan
from energygrid.messaging.webhooks.surfaces import SURFACES, Surface
from energygrid.messaging.webhooks.waking import fan_out, sweep, wake

__all__ = ["Post", "deliver", "fan_out", "forget_leases", "prune", "sweep", "wake"]

PARALLEL = 16
"""Requests one delivery job has under way at once."""

BATCH = 64
"""Deliveries that are leased together while all goes well; else no more than are sent at once."""

LEASE = timedelta(seconds=90)
"""Longer than a batch can take: four rounds of requests that time out."""
STINT = timedelta(seconds=60)
"""How long one job goes on before it makes room for another tenant's."""

RETENTION = timedelta(days=90)

Post = Callable[[str, Message, Plan], Answer]
"""(url, message, plan) -> answer; it never raises, never follows a redirect and never reaches a private address."""

_log = structlog.get_logger("energygrid.messaging")


@dataclass(frozen=True, slots=True)
class Batch:
    """Leased deliveries of one endpoint and what is needed to send them."""

    tenant: Tenant
    endpoint: Endpoint
    secrets: Sequence[str]
    claimed: Sequence[Claimed]

    @property
    def surface(self) -> Surface:
        return SURFACES[self.endpoint.surface]


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
            answers = list(pool.map(_sending(batch, post, clock()), batch.claimed))
            database.write(_settle_all, batch, answers, clock())
    database.write(_wake_next, tenant_id, endpoint_id, clock())


def _take(db: Connection, vault: Vault, tenant_id: int, endpoint_id: str, now: datetime) -> Batch | None:
    endpoint = queries.endpoint(db, tenant_id, endpoint_id)
    if endpoint is None:
        return None
    tenant = tenants.get_tenant(db, tenant_id)
    is_smooth = not endpoint.failures and not faults.faults_of(tenant).duplicate
    claimed = queries.claim(db, tenant_id, endpoint_id, now, now + LEASE, BATCH if is_smooth else PARALLEL)
    if not claimed:
        return None
    sealed = queries.live_secrets(db, tenant_id, endpoint_id, now)
    return Batch(tenant, endpoint, [vault.open(SEAL, each).decode() for each in sealed], claimed)


def _sending(batch: Batch, post: Post, now: datetime) -> Callable[[Claimed], list[Answer]]:
    """How one message of the batch is sent; two answers where a sandbox sends it twice."""
    render, url, plan = batch.surface.renderer(batch.tenant), batch.endpoint.url, batch.surface.plan
    made = faults.faults_of(batch.tenant)

    def send(claimed: Claimed) -> list[Answer]:
        message = render(claimed.event, batch.secrets, now)
        return faults.attempt(lambda: post(url, message, plan), made, random.random)

    return send


def _settle_all(db: Connection, batch: Batch, answers: Sequence[Sequence[Answer]], now: datetime) -> None:
    """Write down what came back. The first answer to a message decides; a second one is only logged."""
    at = (batch.tenant.id, batch.endpoint.id)
    by_event = dict(zip((each.event.id for each in batch.claimed), answers, strict=True))
    arrived = [event_id for event_id, got in by_event.items() if got[0].outcome is Outcome.DELIVERED]
    queries.log_attempts(db, *at, by_event, now)
    queries.finish_delivered(db, *at, arrived, now)
    failures = queries.count_failures(db, *at, failed=len(by_event) - len(arrived), reached=bool(arrived))
    for claimed in batch.claimed:
        answer = by_event[claimed.event.id][0]
        if answer.outcome is not Outcome.DELIVERED:
            _settle_failed(db, batch, claimed, answer, failures, now, reached=bool(arrived))


def _settle_failed(
    db: Connection,
    batch: Batch,
    claimed: Claimed,
    answer: Answer,
    failures: int,
    now: datetime,
    *,
    reached: bool,
) -> None:
    at, event_id, plan = (batch.tenant.id, batch.endpoint.id), claimed.event.id, batch.surface.plan
    if answer.outcome is Outcome.GONE:
        queries.finish(db, *at, event_id, DEAD, "GONE", now)
        _give_up(db, batch, "GONE", now)
        return
    wait = retry.wait_before(plan, claimed.attempts + 1, answer, random.random())  # noqa: S311 - jitter, not a secret
    if wait is not None:
        queries.reschedule(db, *at, event_id, now + wait)
    else:
        queries.finish(db, *at, event_id, DEAD, "EXHAUSTED", now)
        if failures >= len(plan.waits):  # one event that the receiver cannot digest stops only itself
            _give_up(db, batch, "EXHAUSTED", now)
    pause = retry.breather(plan, answer, failures, reached=reached)
    if pause is not None:
        queries.update_endpoint(db, *at, not_before=now + pause)


def _give_up(db: Connection, batch: Batch, reason: str, now: datetime) -> None:
    """Nothing more is sent until the owner enables the endpoint again; everybody else hears of it."""
    tenant, endpoint = batch.tenant, batch.endpoint
    if not queries.disable(db, tenant.id, endpoint.id, reason, now):
        return
    type_, data = batch.surface.given_up(endpoint, reason)
    at = tenants.tenant_now(tenant, now)
    events.record(db, tenant.id, type_, data, at, surface=endpoint.surface, subject=endpoint.id)
    _log.warning(
        "a webhook endpoint was given up", tenant=tenant.key, webhook=endpoint.id, url=endpoint.url, reason=reason
    )


def _wake_next(db: Connection, tenant_id: int, endpoint_id: str, now: datetime) -> None:
    at = queries.next_due(db, tenant_id, endpoint_id)
    if at is not None:
        wake(db, tenant_id, endpoint_id, at, now)


def forget_leases(db: Connection) -> None:
    """What somebody had under way may be attempted at once; for when no worker lives."""
    queries.forget_leases(db)


def prune(db: Connection, now: datetime) -> int:
    """Forget events older than the retention; returns how many."""
    return queries.prune(db, now - RETENTION)
