"""Every SQL statement about tenants and the audit log."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Column, Connection, Row, cast, insert, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB

from energygrid.access.caller import Tenant
from energygrid.access.tables import audit_log, tenant

AnyRow: TypeAlias = Row[*tuple[Any, ...]]
_TENANT: tuple[Column[Any], ...] = (tenant.c.id, tenant.c.key, tenant.c.environment, tenant.c.settings)


def tenant_of(row: AnyRow | None) -> Tenant | None:
    return None if row is None else Tenant(row.id, row.key, row.environment, row.settings)


def tenant_by_key(db: Connection, key: str) -> Tenant | None:
    return tenant_of(db.execute(select(*_TENANT).where(tenant.c.key == key)).one_or_none())


def tenant_by_id(db: Connection, tenant_id: int) -> Tenant | None:
    return tenant_of(db.execute(select(*_TENANT).where(tenant.c.id == tenant_id)).one_or_none())


def tenants(db: Connection) -> Sequence[AnyRow]:
    return db.execute(select(*_TENANT, tenant.c.name, tenant.c.created_at).order_by(tenant.c.key)).all()


def insert_tenant(db: Connection, values: Mapping[str, object]) -> Tenant | None:
    """The new tenant, or None when the key is taken."""
    statement = postgresql.insert(tenant).values(**values).on_conflict_do_nothing(index_elements=["key"])
    return tenant_of(db.execute(statement.returning(*_TENANT)).one_or_none())


def set_tenant_settings(db: Connection, tenant_id: int, section: str, values: Mapping[str, object]) -> Tenant | None:
    """Replace one section of a tenant's settings; None when there is no such tenant."""
    merged = tenant.c.settings.concat(cast({section: values}, JSONB))
    statement = update(tenant).where(tenant.c.id == tenant_id).values(settings=merged).returning(*_TENANT)
    return tenant_of(db.execute(statement).one_or_none())


def lock_tenant(db: Connection, tenant_id: int) -> Tenant | None:
    return tenant_of(db.execute(select(*_TENANT).where(tenant.c.id == tenant_id).with_for_update()).one_or_none())


def insert_audit(db: Connection, values: Mapping[str, object]) -> None:
    db.execute(insert(audit_log).values(**values))


def audit_entries(
    db: Connection,
    *,
    tenant_id: int | None,
    actor: str | None,
    subject: str | None,
    since: datetime | None,
    limit: int,
) -> Sequence[AnyRow]:
    """The newest `limit` entries that match, oldest first."""
    wanted = select(audit_log).order_by(audit_log.c.at.desc(), audit_log.c.id.desc()).limit(limit)
    for column, value in (
        (audit_log.c.tenant_id, tenant_id),
        (audit_log.c.actor, actor),
        (audit_log.c.subject, subject),
    ):
        if value is not None:
            wanted = wanted.where(column == value)
    if since is not None:
        wanted = wanted.where(audit_log.c.at >= since)
    return db.execute(wanted).all()[::-1]
