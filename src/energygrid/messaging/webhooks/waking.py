"""Which endpoint has something to do, and the jobs that see to it."""

from datetime import datetime

from sqlalchemy import Connection

from energygrid.database.queue import defer
from energygrid.messaging.webhooks import faults, queries


def fan_out(db: Connection, tenant_id: int, now: datetime) -> None:
    """Turn committed events into deliveries and wake the endpoints that got some."""
    for endpoint_id in queries.fan_out(db, tenant_id, now, now + faults.delay_of(db, tenant_id)):
        wake(db, tenant_id, endpoint_id, now, now)


def sweep(db: Connection, now: datetime) -> None:
    """Pick up what a killed worker left behind: events not fanned out, deliveries due and on nobody's way."""
    for tenant_id in queries.behind(db):
        fan_out(db, tenant_id, now)
    for tenant_id, endpoint_id in queries.overdue(db, now):
        wake(db, tenant_id, endpoint_id, now, now)


def wake(db: Connection, tenant_id: int, endpoint_id: str, at: datetime, now: datetime) -> None:
    """Have a delivery job at `at`, unless one comes before."""
    if queries.book_wake(db, tenant_id, endpoint_id, at, now):
        later = at if at > now else None
        defer(db, "messaging.deliver", at=later, tenant_id=tenant_id, endpoint_id=endpoint_id)
