"""SQL of webhook endpoints."""

from datetime import datetime

from sqlalchemy import Connection, delete, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from energygrid.messaging.tables import webhook_delivery, webhook_endpoint
from energygrid.messaging.webhooks.queries.rows import DEAD, Endpoint, is_pending, of, own

_w, _d = webhook_endpoint.c, webhook_delivery.c


_COLUMNS = [webhook_endpoint.c[name] for name in Endpoint.__slots__]


def insert_endpoint(db: Connection, **values: object) -> None:
    db.execute(insert(webhook_endpoint).values(**values))


def endpoint(db: Connection, tenant_id: int, endpoint_id: str) -> Endpoint | None:
    row = db.execute(select(*_COLUMNS).where(own(tenant_id, endpoint_id))).mappings().first()
    return Endpoint(**row) if row else None


def endpoints(db: Connection, tenant_id: int, surface: str) -> list[Endpoint]:
    statement = select(*_COLUMNS).where(_w.tenant_id == tenant_id, _w.surface == surface).order_by(_w.created_at, _w.id)
    return [Endpoint(**row) for row in db.execute(statement).mappings()]


def count_endpoints(db: Connection, tenant_id: int, surface: str) -> int:
    statement = select(func.count()).where(_w.tenant_id == tenant_id, _w.surface == surface)
    return int(db.execute(statement).scalar_one())


def update_endpoint(db: Connection, tenant_id: int, endpoint_id: str, **values: object) -> None:
    db.execute(update(webhook_endpoint).where(own(tenant_id, endpoint_id)).values(**values))


def delete_endpoint(db: Connection, tenant_id: int, endpoint_id: str) -> None:
    db.execute(delete(webhook_endpoint).where(own(tenant_id, endpoint_id)))


def rotate(db: Connection, tenant_id: int, endpoint_id: str, sealed: bytes, until: datetime, now: datetime) -> None:
    db.execute(
        update(webhook_endpoint)
        .where(own(tenant_id, endpoint_id))
        .values(previous_secret=_w.secret, previous_secret_until=until, secret=sealed, updated_at=now)
    )


def live_secrets(db: Connection, tenant_id: int, endpoint_id: str, now: datetime) -> list[bytes]:
    """Sealed secrets that messages are signed with now, newest first."""
    statement = select(_w.secret, _w.previous_secret, _w.previous_secret_until)
    row = db.execute(statement.where(own(tenant_id, endpoint_id))).one()
    rotating = row.previous_secret is not None and row.previous_secret_until > now
    return [row.secret, row.previous_secret] if rotating else [row.secret]


def disable(db: Connection, tenant_id: int, endpoint_id: str, reason: str, now: datetime) -> bool:
    """Stop an endpoint and dead-letter what waits for it; False when it was disabled already."""
    stopped = db.execute(
        update(webhook_endpoint)
        .where(own(tenant_id, endpoint_id), _w.enabled)
        .values(enabled=False, disabled_reason=reason, updated_at=now)
    ).rowcount
    db.execute(
        update(webhook_delivery)
        .where(of(tenant_id, endpoint_id), is_pending())
        .values(state=DEAD, reason="ENDPOINT_DISABLED", finished_at=now, leased_until=None)
    )
    return stopped > 0


def enable(db: Connection, tenant_id: int, endpoint_id: str, now: datetime) -> None:
    """Start afresh: nothing is held against it any more."""
    values = {"enabled": True, "disabled_reason": None, "failures": 0, "not_before": None, "updated_at": now}
    update_endpoint(db, tenant_id, endpoint_id, **values)


def count_failures(db: Connection, tenant_id: int, endpoint_id: str, *, failed: int, reached: bool) -> int:
    """Attempts since something last arrived, after `failed` more; 0 once something has, and for no endpoint."""
    after = literal(0) if reached else _w.failures + failed
    statement = update(webhook_endpoint).where(own(tenant_id, endpoint_id)).values(failures=after)
    return int(db.execute(statement.returning(_w.failures)).scalar() or 0)


def book_wake(db: Connection, tenant_id: int, endpoint_id: str, at: datetime, now: datetime) -> bool:
    """Whether a delivery job must be deferred to `at`: none waits for an earlier time that is still to come."""
    booked = db.execute(
        update(webhook_endpoint)
        .where(
            own(tenant_id, endpoint_id),
            _w.enabled,
            or_(_w.wake_at.is_(None), _w.wake_at > at, _w.wake_at <= now),
        )
        .values(wake_at=at)
    )
    return booked.rowcount > 0
