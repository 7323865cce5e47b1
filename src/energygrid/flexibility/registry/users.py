"""Users: whose assets they are, by the caller's own ids. Nothing else is known of them here."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.access.tenants import tenant_now
from energygrid.flexibility.registry.queries import assets as queries


@dataclass(frozen=True, slots=True)
class User:
    uuid: UUID
    user_id: str
    created_at: datetime


def ensure(db: Connection, tenant: Tenant, user_ids: Iterable[str], now: datetime) -> None:
    """Make those that are not there yet."""
    at = tenant_now(tenant, now)
    wanted = sorted(set(user_ids))
    if wanted:
        queries.insert_users(
            db, [{"tenant_id": tenant.id, "uuid": uuid4(), "user_id": each, "created_at": at} for each in wanted]
        )


def create(db: Connection, tenant: Tenant, user_id: str, now: datetime) -> User:
    """The user of that id, made where there is none: asking again changes nothing."""
    ensure(db, tenant, [user_id], now)
    row = queries.user(db, tenant.id, user_id)
    assert row is not None
    return User(row.uuid, row.user_id, row.created_at)


def listed(db: Connection, tenant: Tenant, offset: int, limit: int) -> tuple[list[User], int]:
    """A page in order of creation, and how many there are."""
    rows, total = queries.users(db, tenant.id, offset, limit)
    return [User(row.uuid, row.user_id, row.created_at) for row in rows], total
