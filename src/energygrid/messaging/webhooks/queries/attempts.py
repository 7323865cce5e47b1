"""SQL of attempts: what is due, whose turn it is, what became of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, Select, and_, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from energygrid.messaging.queries import Event
from energygrid.messaging.tables import outbox_event, webhook_attempt, webhook_delivery, webhook_endpoint
from energygrid.messaging.webhooks.queries.rows import DELIVERED, Claimed, is_pending, of, one, own
from energygrid.messaging.webhooks.retry import Answer

_e, _w, _d, _a = outbox_event.c, webhook_endpoint.c, webhook_delivery.c, webhook_attempt.c


def _heads(tenant_id: int, endpoint_id: str) -> Select[tuple[str]]:
    """Pending deliveries with no earlier pending one of the same subject: the order that is kept.

    The first of a subject is looked up for each: where nothing is known yet of how many there are, an anti join would
    read all that wait for each of them.
    """
    other = webhook_delivery.alias("other")
    first = (
        select(func.min(other.c.position))
        .where(
            other.c.tenant_id == tenant_id,
            other.c.endpoint_id == endpoint_id,
            other.c.subject == _d.subject,
            is_pending(other),
        )
        .scalar_subquery()
    )
    return select(_d.event_id).where(of(tenant_id, endpoint_id), is_pending(), _d.position == first)


def claim(
    db: Connection, tenant_id: int, endpoint_id: str, now: datetime, until: datetime, limit: int
) -> list[Claimed]:
    """Lease due deliveries of an endpoint, one a subject, for attempts that end before `until`."""
    ready = exists().where(own(tenant_id, endpoint_id), _w.enabled, or_(_w.not_before.is_(None), _w.not_before <= now))
    due = (
        _heads(tenant_id, endpoint_id)
        .where(_d.next_at <= now, or_(_d.leased_until.is_(None), _d.leased_until <= now), ready)
        .order_by(_d.next_at, _d.position)
        .limit(limit)
        .with_for_update(of=webhook_delivery, skip_locked=True)
    )
    ids = list(db.execute(due).scalars())
    if not ids:
        return []
    lease = (
        update(webhook_delivery)
        .where(of(tenant_id, endpoint_id), _d.event_id.in_(ids))
        .values(leased_until=until)
        .returning(_d.event_id, _d.attempts)
    )
    attempts = {row.event_id: row.attempts for row in db.execute(lease)}
    said = (
        select(_e.id, _e.position, _e.type, _e.recorded_at, _e.data)
        .where(_e.tenant_id == tenant_id, _e.id.in_(ids))
        .order_by(_e.position)
    )
    return [Claimed(Event(**row), attempts[row["id"]]) for row in db.execute(said).mappings()]


def log_attempts(
    db: Connection, tenant_id: int, endpoint_id: str, answers: Mapping[str, Sequence[Answer]], now: datetime
) -> None:
    """Count and log attempts, by event, and end their leases. What is gone with its endpoint is passed over."""
    counted = db.execute(
        update(webhook_delivery)
        .where(of(tenant_id, endpoint_id), _d.event_id.in_(answers))
        .values(attempts=_d.attempts + 1, leased_until=None)
        .returning(_d.event_id)
    )
    known = set(counted.scalars())
    latest = select(_a.event_id, func.max(_a.number).label("number")).where(
        _a.tenant_id == tenant_id, _a.endpoint_id == endpoint_id, _a.event_id.in_(known)
    )
    numbers = {row.event_id: row.number for row in db.execute(latest.group_by(_a.event_id))}
    rows = [
        {
            "tenant_id": tenant_id,
            "endpoint_id": endpoint_id,
            "event_id": event_id,
            "number": number,
            "at": now,
            "status": answer.status,
            "outcome": answer.outcome.value,
            "milliseconds": answer.milliseconds,
            "excerpt": answer.excerpt,
        }
        for event_id, got in answers.items()
        if event_id in known
        for number, answer in enumerate(got, numbers.get(event_id, 0) + 1)
    ]
    if rows:
        db.execute(insert(webhook_attempt).values(rows))


def finish_delivered(db: Connection, tenant_id: int, endpoint_id: str, event_ids: Sequence[str], now: datetime) -> None:
    if event_ids:
        db.execute(
            update(webhook_delivery)
            .where(of(tenant_id, endpoint_id), _d.event_id.in_(event_ids))
            .values(state=DELIVERED, reason=None, finished_at=now)
        )


def finish(
    db: Connection, tenant_id: int, endpoint_id: str, event_id: str, state: str, reason: str | None, now: datetime
) -> None:
    db.execute(
        update(webhook_delivery)
        .where(one(tenant_id, endpoint_id, event_id))
        .values(state=state, reason=reason, finished_at=now)
    )


def reschedule(db: Connection, tenant_id: int, endpoint_id: str, event_id: str, at: datetime) -> None:
    """Wait until `at`, unless the endpoint was disabled while the attempt ran."""
    db.execute(update(webhook_delivery).where(one(tenant_id, endpoint_id, event_id), is_pending()).values(next_at=at))


def forget_leases(db: Connection) -> None:
    db.execute(update(webhook_delivery).where(is_pending(), _d.leased_until.is_not(None)).values(leased_until=None))


def next_due(db: Connection, tenant_id: int, endpoint_id: str) -> datetime | None:
    """When the endpoint has something to attempt, None when nothing waits or it is disabled."""
    ready = func.greatest(_d.next_at, _d.leased_until)
    heads = _heads(tenant_id, endpoint_id).with_only_columns(func.min(ready)).scalar_subquery()
    statement = select(heads.label("due"), _w.not_before).where(own(tenant_id, endpoint_id), _w.enabled)
    row = db.execute(statement).first()
    if row is None or row.due is None:
        return None
    at: datetime = max(row.due, row.not_before) if row.not_before else row.due
    return at


def overdue(db: Connection, now: datetime) -> list[tuple[int, str]]:
    """Endpoints (tenant, id) with a delivery that is due and on nobody's way."""
    statement = (
        select(_d.tenant_id, _d.endpoint_id)
        .join_from(
            webhook_delivery,
            webhook_endpoint,
            and_(_w.tenant_id == _d.tenant_id, _w.id == _d.endpoint_id, _w.enabled),
        )
        .where(
            is_pending(),
            _d.next_at <= now,
            or_(_d.leased_until.is_(None), _d.leased_until <= now),
            or_(_w.not_before.is_(None), _w.not_before <= now),
        )
        .distinct()
    )
    return [(row.tenant_id, row.endpoint_id) for row in db.execute(statement)]
