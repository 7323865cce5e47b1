"""SQL of webhook endpoints and deliveries."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from energygrid.messaging.queries import Event, number_events, subscribes
from energygrid.messaging.tables import (
    outbox_event,
    outbox_position,
    webhook_attempt,
    webhook_delivery,
    webhook_endpoint,
)
from energygrid.messaging.webhooks.retry import Answer

PENDING, DELIVERED, DEAD = "pending", "delivered", "dead"

_e, _p, _w, _d, _a = outbox_event.c, outbox_position.c, webhook_endpoint.c, webhook_delivery.c, webhook_attempt.c


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


_ENDPOINT = [webhook_endpoint.c[name] for name in Endpoint.__slots__]


def _own(tenant_id: int, endpoint_id: str) -> ColumnElement[bool]:
    return and_(_w.tenant_id == tenant_id, _w.id == endpoint_id)


def _of(tenant_id: int, endpoint_id: str) -> ColumnElement[bool]:
    return and_(_d.tenant_id == tenant_id, _d.endpoint_id == endpoint_id)


def _one(tenant_id: int, endpoint_id: str, event_id: str) -> ColumnElement[bool]:
    return and_(_of(tenant_id, endpoint_id), _d.event_id == event_id)


# Endpoints


def insert_endpoint(db: Connection, **values: object) -> None:
    db.execute(insert(webhook_endpoint).values(**values))


def endpoint(db: Connection, tenant_id: int, endpoint_id: str) -> Endpoint | None:
    row = db.execute(select(*_ENDPOINT).where(_own(tenant_id, endpoint_id))).mappings().first()
    return Endpoint(**row) if row else None


def endpoints(db: Connection, tenant_id: int, surface: str) -> list[Endpoint]:
    statement = (
        select(*_ENDPOINT).where(_w.tenant_id == tenant_id, _w.surface == surface).order_by(_w.created_at, _w.id)
    )
    return [Endpoint(**row) for row in db.execute(statement).mappings()]


def count_endpoints(db: Connection, tenant_id: int, surface: str) -> int:
    statement = select(func.count()).where(_w.tenant_id == tenant_id, _w.surface == surface)
    return int(db.execute(statement).scalar_one())


def update_endpoint(db: Connection, tenant_id: int, endpoint_id: str, **values: object) -> None:
    db.execute(update(webhook_endpoint).where(_own(tenant_id, endpoint_id)).values(**values))


def delete_endpoint(db: Connection, tenant_id: int, endpoint_id: str) -> None:
    db.execute(delete(webhook_endpoint).where(_own(tenant_id, endpoint_id)))


def rotate(db: Connection, tenant_id: int, endpoint_id: str, sealed: bytes, until: datetime, now: datetime) -> None:
    db.execute(
        update(webhook_endpoint)
        .where(_own(tenant_id, endpoint_id))
        .values(previous_secret=_w.secret, previous_secret_until=until, secret=sealed, updated_at=now)
    )


def live_secrets(db: Connection, tenant_id: int, endpoint_id: str, now: datetime) -> list[bytes]:
    """Sealed secrets that messages are signed with now, newest first."""
    statement = select(_w.secret, _w.previous_secret, _w.previous_secret_until)
    row = db.execute(statement.where(_own(tenant_id, endpoint_id))).one()
    rotating = row.previous_secret is not None and row.previous_secret_until > now
    return [row.secret, row.previous_secret] if rotating else [row.secret]


def disable(db: Connection, tenant_id: int, endpoint_id: str, reason: str, now: datetime) -> bool:
    """Stop an endpoint and dead-letter what waits for it; False when it was disabled already."""
    stopped = db.execute(
        update(webhook_endpoint)
        .where(_own(tenant_id, endpoint_id), _w.enabled)
        .values(enabled=False, disabled_reason=reason, updated_at=now)
    ).rowcount
    db.execute(
        update(webhook_delivery)
        .where(_of(tenant_id, endpoint_id), _d.state == PENDING)
        .values(state=DEAD, reason="ENDPOINT_DISABLED", finished_at=now, leased_until=None)
    )
    return stopped > 0


# From events to deliveries


def fan_out(db: Connection, tenant_id: int, now: datetime) -> list[str]:
    """Make the deliveries of all committed events that have none yet; returns the endpoints that got some."""
    numbered, fanned_out = number_events(db, tenant_id)
    if numbered == fanned_out:
        return []
    wanted = or_(
        and_(_e.endpoint_id.is_(None), subscribes(_e.surface, _e.type)),
        and_(_e.endpoint_id == _w.id, _w.enabled),
    )
    rows = (
        select(
            _e.tenant_id,
            _w.id,
            _e.id,
            _e.position,
            _e.subject,
            literal(PENDING),
            literal(0),
            literal(now, _d.next_at.type),
            literal(now, _d.created_at.type),
        )
        .join_from(outbox_event, webhook_endpoint, _w.tenant_id == _e.tenant_id)
        .where(_e.tenant_id == tenant_id, _e.position > fanned_out, _e.position <= numbered, wanted)
    )
    made = db.execute(
        insert(webhook_delivery).from_select(_NEW, rows).on_conflict_do_nothing().returning(_d.endpoint_id)
    )
    reached = sorted(set(made.scalars()))
    db.execute(update(outbox_position).where(_p.tenant_id == tenant_id).values(fanned_out=numbered))
    return reached


_NEW = [
    "tenant_id",
    "endpoint_id",
    "event_id",
    "position",
    "subject",
    "state",
    "attempts",
    "next_at",
    "created_at",
]


def replay(
    db: Connection, tenant_id: int, target: Endpoint, now: datetime, which: ColumnElement[bool], *, dead_only: bool
) -> int:
    """Make deliveries of the events `which` names wait again, whether or not they were delivered before."""
    wanted = _e.type.in_(target.types) if target.types else literal(value=True)
    rows = select(
        _e.tenant_id,
        literal(target.id),
        _e.id,
        _e.position,
        _e.subject,
        literal(PENDING),
        literal(0),
        literal(now, _d.next_at.type),
        literal(now, _d.created_at.type),
    ).where(
        _e.tenant_id == tenant_id,
        _e.surface == target.surface,
        _e.position.is_not(None),
        or_(_e.endpoint_id == target.id, and_(_e.endpoint_id.is_(None), wanted)),
        which,
    )
    statement = insert(webhook_delivery).from_select(_NEW, rows)
    again = statement.on_conflict_do_update(
        index_elements=["tenant_id", "endpoint_id", "event_id"],
        set_={
            **{name: statement.excluded[name] for name in ("state", "attempts", "next_at")},
            "reason": None,
            "finished_at": None,
        },
        where=_d.state == DEAD if dead_only else _d.state != PENDING,
    )
    return len(db.execute(again.returning(_d.event_id)).all())


def event_is(event_id: str) -> ColumnElement[bool]:
    return _e.id == event_id


def recorded_between(start: datetime, end: datetime) -> ColumnElement[bool]:
    return and_(_e.recorded_at >= start, _e.recorded_at < end)


# Attempts


def _heads(tenant_id: int, endpoint_id: str) -> Select[tuple[str]]:
    """Pending deliveries with no earlier pending one of the same subject: the order that is kept."""
    earlier = webhook_delivery.alias("earlier")
    waits = exists().where(
        earlier.c.tenant_id == tenant_id,
        earlier.c.endpoint_id == endpoint_id,
        earlier.c.subject == _d.subject,
        earlier.c.state == PENDING,
        earlier.c.position < _d.position,
    )
    return select(_d.event_id).where(_of(tenant_id, endpoint_id), _d.state == PENDING, ~waits)


def claim(
    db: Connection, tenant_id: int, endpoint_id: str, now: datetime, until: datetime, limit: int
) -> list[Claimed]:
    """Lease due deliveries of an endpoint, one a subject, for attempts that end before `until`."""
    ready = exists().where(_own(tenant_id, endpoint_id), _w.enabled, or_(_w.not_before.is_(None), _w.not_before <= now))
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
    db.execute(
        update(webhook_delivery).where(_of(tenant_id, endpoint_id), _d.event_id.in_(ids)).values(leased_until=until)
    )
    statement = (
        select(_e.id, _e.position, _e.type, _e.recorded_at, _e.data, _d.attempts)
        .join_from(
            webhook_delivery,
            outbox_event,
            and_(_e.tenant_id == _d.tenant_id, _e.id == _d.event_id),
        )
        .where(_of(tenant_id, endpoint_id), _d.event_id.in_(ids))
        .order_by(_e.position)
    )
    return [
        Claimed(Event(row.id, row.position, row.type, row.recorded_at, row.data), row.attempts)
        for row in db.execute(statement)
    ]


def log_attempt(db: Connection, tenant_id: int, endpoint_id: str, event_id: str, answer: Answer, now: datetime) -> bool:
    """Count and log one attempt; False when the delivery is gone with its endpoint."""
    counted = db.execute(
        update(webhook_delivery)
        .where(_one(tenant_id, endpoint_id, event_id))
        .values(attempts=_d.attempts + 1, leased_until=None)
    ).rowcount
    if not counted:
        return False
    earlier = select(func.coalesce(func.max(_a.number), 0)).where(
        _a.tenant_id == tenant_id, _a.endpoint_id == endpoint_id, _a.event_id == event_id
    )
    number = int(db.execute(earlier).scalar_one()) + 1
    values = {"status": answer.status, "outcome": answer.outcome.value, "milliseconds": answer.milliseconds}
    db.execute(
        insert(webhook_attempt).values(
            tenant_id=tenant_id,
            endpoint_id=endpoint_id,
            event_id=event_id,
            number=number,
            at=now,
            excerpt=answer.excerpt,
            **values,
        )
    )
    return True


def count_failures(db: Connection, tenant_id: int, endpoint_id: str, *, delivered: bool) -> int:
    """Attempts since the last success, after this one."""
    after = literal(0) if delivered else _w.failures + 1
    statement = update(webhook_endpoint).where(_own(tenant_id, endpoint_id)).values(failures=after)
    return int(db.execute(statement.returning(_w.failures)).scalar_one())


def finish(
    db: Connection, tenant_id: int, endpoint_id: str, event_id: str, state: str, reason: str | None, now: datetime
) -> None:
    db.execute(
        update(webhook_delivery)
        .where(_one(tenant_id, endpoint_id, event_id))
        .values(state=state, reason=reason, finished_at=now)
    )


def reschedule(db: Connection, tenant_id: int, endpoint_id: str, event_id: str, at: datetime) -> None:
    """Wait until `at`, unless the endpoint was disabled while the attempt ran."""
    db.execute(
        update(webhook_delivery).where(_one(tenant_id, endpoint_id, event_id), _d.state == PENDING).values(next_at=at)
    )


# Waking


def next_due(db: Connection, tenant_id: int, endpoint_id: str) -> datetime | None:
    """When the endpoint has something to attempt, None when nothing waits or it is disabled."""
    ready = func.greatest(_d.next_at, _d.leased_until)
    heads = _heads(tenant_id, endpoint_id).with_only_columns(func.min(ready)).scalar_subquery()
    statement = select(heads.label("due"), _w.not_before).where(_own(tenant_id, endpoint_id), _w.enabled)
    row = db.execute(statement).first()
    if row is None or row.due is None:
        return None
    at: datetime = max(row.due, row.not_before) if row.not_before else row.due
    return at


def book_wake(db: Connection, tenant_id: int, endpoint_id: str, at: datetime, now: datetime) -> bool:
    """Whether a delivery job must be deferred to `at`: none waits for an earlier time that is still to come."""
    booked = db.execute(
        update(webhook_endpoint)
        .where(
            _own(tenant_id, endpoint_id),
            _w.enabled,
            or_(_w.wake_at.is_(None), _w.wake_at > at, _w.wake_at <= now),
        )
        .values(wake_at=at)
    )
    return booked.rowcount > 0


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
            _d.state == PENDING,
            _d.next_at <= now,
            or_(_d.leased_until.is_(None), _d.leased_until <= now),
            or_(_w.not_before.is_(None), _w.not_before <= now),
        )
        .distinct()
    )
    return [(row.tenant_id, row.endpoint_id) for row in db.execute(statement)]


def behind(db: Connection) -> list[int]:
    """Tenants with endpoints and with committed events that have not been fanned out."""
    unnumbered = exists().where(_e.tenant_id == _w.tenant_id, _e.position.is_(None))
    unfanned = exists().where(_p.tenant_id == _w.tenant_id, _p.fanned_out < _p.numbered)
    statement = select(_w.tenant_id).where(_w.enabled, or_(unnumbered, unfanned)).distinct()
    return list(db.execute(statement).scalars())


def prune(db: Connection, before: datetime) -> int:
    """Delete events recorded before an instant, with their deliveries and log."""
    return db.execute(delete(outbox_event).where(_e.recorded_at < before)).rowcount


# The log


def deliveries(
    db: Connection, tenant_id: int, endpoint_id: str, *, state: str | None, before: int | None, limit: int
) -> list[Delivery]:
    """Newest first, from below the position `before`."""
    statement = _DELIVERIES.where(_of(tenant_id, endpoint_id)).order_by(_d.position.desc()).limit(limit)
    if state is not None:
        statement = statement.where(_d.state == state)
    if before is not None:
        statement = statement.where(_d.position < before)
    return [Delivery(**row) for row in db.execute(statement).mappings()]


def delivery(db: Connection, tenant_id: int, endpoint_id: str, event_id: str) -> Delivery | None:
    row = db.execute(_DELIVERIES.where(_one(tenant_id, endpoint_id, event_id))).mappings().first()
    return Delivery(**row) if row else None


def attempts(db: Connection, tenant_id: int, endpoint_id: str, event_id: str) -> list[Attempt]:
    statement = (
        select(*(_a[name] for name in Attempt.__slots__))
        .where(_a.tenant_id == tenant_id, _a.endpoint_id == endpoint_id, _a.event_id == event_id)
        .order_by(_a.number)
    )
    return [Attempt(**row) for row in db.execute(statement).mappings()]


_DELIVERIES = select(*(_e.type if name == "type" else _d[name] for name in Delivery.__slots__)).join_from(
    webhook_delivery, outbox_event, and_(_e.tenant_id == _d.tenant_id, _e.id == _d.event_id)
)
