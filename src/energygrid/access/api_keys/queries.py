"""SQL of API keys."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import Connection, Row, insert, select, update

from energygrid.access.api_keys.tables import api_key
from energygrid.access.tables import tenant

AnyRow: TypeAlias = Row[*tuple[Any, ...]]


def insert_api_key(db: Connection, values: Mapping[str, object]) -> None:
    db.execute(insert(api_key).values(**values))


def api_key_with_tenant(db: Connection, fingerprint: bytes) -> AnyRow | None:
    statement = (
        select(
            api_key.c.id,
            api_key.c.surfaces,
            api_key.c.expires_at,
            api_key.c.disabled_at,
            api_key.c.tenant_id,
            tenant.c.key.label("tenant_key"),
            tenant.c.environment,
            tenant.c.settings,
            tenant.c.uuid,
        )
        .join(tenant, tenant.c.id == api_key.c.tenant_id)
        .where(api_key.c.fingerprint == fingerprint)
    )
    return db.execute(statement).one_or_none()


def api_keys_of(db: Connection, tenant_id: int | None) -> Sequence[AnyRow]:
    statement = (
        select(api_key, tenant.c.key.label("tenant_key"))
        .join(tenant, tenant.c.id == api_key.c.tenant_id)
        .order_by(tenant.c.key, api_key.c.created_at, api_key.c.id)
    )
    return db.execute(statement if tenant_id is None else statement.where(api_key.c.tenant_id == tenant_id)).all()


def disable_api_key(db: Connection, key_id: str, now: datetime) -> int | None:
    """Whose key it was; None: there is no such key."""
    statement = update(api_key).where(api_key.c.id == key_id).values(disabled_at=now).returning(api_key.c.tenant_id)
    return db.execute(statement).scalar_one_or_none()


def tenant_uuid(db: Connection, tenant_id: int) -> UUID:
    found: UUID = db.execute(select(tenant.c.uuid).where(tenant.c.id == tenant_id)).scalar_one()
    return found
