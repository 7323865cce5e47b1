"""SQL of the delivery log."""

from sqlalchemy import Connection, and_, func, select

from energygrid.messaging.tables import outbox_event, webhook_attempt, webhook_delivery
from energygrid.messaging.webhooks.queries.rows import Attempt, Delivery, of, one

_e, _d, _a = outbox_event.c, webhook_delivery.c, webhook_attempt.c


_DELIVERIES = select(*(_e.type if name == "type" else _d[name] for name in Delivery.__slots__)).join_from(
    webhook_delivery, outbox_event, and_(_e.tenant_id == _d.tenant_id, _e.id == _d.event_id)
)


def deliveries(
    db: Connection,
    tenant_id: int,
    endpoint_id: str,
    *,
    state: str | None,
    before: int | None,
    limit: int,
    offset: int = 0,
) -> list[Delivery]:
    """Newest first, from below the position `before`."""
    statement = _DELIVERIES.where(of(tenant_id, endpoint_id)).order_by(_d.position.desc()).limit(limit).offset(offset)
    if state is not None:
        statement = statement.where(_d.state == state)
    if before is not None:
        statement = statement.where(_d.position < before)
    return [Delivery(**row) for row in db.execute(statement).mappings()]


def count_deliveries(db: Connection, tenant_id: int, endpoint_id: str, *, state: str | None) -> int:
    statement = select(func.count()).select_from(webhook_delivery).where(of(tenant_id, endpoint_id))
    if state is not None:
        statement = statement.where(_d.state == state)
    return int(db.execute(statement).scalar_one())


def delivery(db: Connection, tenant_id: int, endpoint_id: str, event_id: str) -> Delivery | None:
    row = db.execute(_DELIVERIES.where(one(tenant_id, endpoint_id, event_id))).mappings().first()
    return Delivery(**row) if row else None


def attempts(db: Connection, tenant_id: int, endpoint_id: str, event_id: str) -> list[Attempt]:
    statement = (
        select(*(_a[name] for name in Attempt.__slots__))
        .where(_a.tenant_id == tenant_id, _a.endpoint_id == endpoint_id, _a.event_id == event_id)
        .order_by(_a.number)
    )
    return [Attempt(**row) for row in db.execute(statement).mappings()]
