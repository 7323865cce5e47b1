"""Tenants: one utility each, with its environment, its settings and (in a sandbox) its own clock."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import uuid4

from pydantic import BaseModel
from sqlalchemy import Connection

from energygrid.access import audit, queries
from energygrid.access.caller import Actor, Environment, Tenant
from energygrid.errors import Conflict, Invalid, NotFound

_KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class ClockSettings(BaseModel):
    """Settings section `clock`: how far a sandbox tenant's virtual clock runs ahead of the real one."""

    offset_s: float = 0.0


def find_tenant(db: Connection, key: str) -> Tenant:
    """Raises NotFound("UNKNOWN_TENANT")."""
    return _known(queries.tenant_by_key(db, key), key)


def get_tenant(db: Connection, tenant_id: int) -> Tenant:
    """Raises NotFound("UNKNOWN_TENANT")."""
    return _known(queries.tenant_by_id(db, tenant_id), str(tenant_id))


def list_tenants(db: Connection) -> list[dict[str, object]]:
    """Key, name, environment, creation and UUID of every tenant, by key."""
    columns = ("id", "key", "name", "environment", "created_at", "uuid")
    return [{column: getattr(row, column) for column in columns} for row in queries.tenants(db)]


def create_tenant(
    db: Connection,
    key: str,
    *,
    environment: Environment,
    now: datetime,
    who: Actor = audit.SYSTEM,
    name: str = "",
    settings: Mapping[str, object] | None = None,
) -> Tenant:
    """A new tenant; raises Invalid("BAD_TENANT_KEY") and Conflict("TENANT_EXISTS")."""
    if not _KEY.fullmatch(key):
        raise Invalid("BAD_TENANT_KEY", "a tenant's key is 1 to 63 lower-case letters, digits and hyphens", key=key)
    values = {
        "key": key,
        "name": name or key,
        "environment": environment,
        "settings": dict(settings or {}),
        "created_at": now,
        "uuid": uuid4(),
    }
    tenant = queries.insert_tenant(db, values)
    if tenant is None:
        raise Conflict("TENANT_EXISTS", f"there is a tenant {key} already", key=key)
    _audit(db, tenant, "tenant.created", who, now, {"environment": environment})
    return tenant


def set_section(
    db: Connection, tenant: Tenant, section: str, values: Mapping[str, object], *, who: Actor, now: datetime
) -> Tenant:
    """Replace one section of the tenant's settings; the domain that owns the section has checked it."""
    changed = _known(queries.set_tenant_settings(db, tenant.id, section, values), tenant.key)
    _audit(db, tenant, "tenant.settings_changed", who, now, {"section": section})
    return changed


def tenant_now(tenant: Tenant, now: datetime) -> datetime:
    """The instant it is for this tenant: the real one, or later in a sandbox whose clock was advanced."""
    if tenant.environment != "sandbox":
        return now
    return now + timedelta(seconds=tenant.section("clock", ClockSettings).offset_s)


def advance_clock(db: Connection, tenant: Tenant, by: timedelta, *, who: Actor, now: datetime) -> Tenant:
    """Let a sandbox tenant's clock jump ahead; raises Invalid for other tenants and for jumps back."""
    if tenant.environment != "sandbox":
        raise Invalid("NOT_A_SANDBOX", "only a sandbox tenant has a clock of its own", tenant=tenant.key)
    if by < timedelta():
        raise Invalid("CLOCK_RUNS_FORWARD", "a tenant's clock never runs backwards", tenant=tenant.key)
    current = _known(queries.lock_tenant(db, tenant.id), tenant.key)
    offset = current.section("clock", ClockSettings).offset_s + by.total_seconds()
    return set_section(db, current, "clock", {"offset_s": offset}, who=who, now=now)


def _known(tenant: Tenant | None, key: str) -> Tenant:
    if tenant is None:
        raise NotFound("UNKNOWN_TENANT", f"there is no tenant {key}", tenant=key)
    return tenant


def _audit(db: Connection, tenant: Tenant, action: str, who: Actor, now: datetime, facts: Mapping[str, object]) -> None:
    audit.record(
        db,
        tenant.id,
        actor=who.name,
        action=action,
        subject=f"tenant/{tenant.key}",
        request_id=who.request_id,
        now=now,
        facts=facts,
    )
