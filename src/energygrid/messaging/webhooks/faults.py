"""Faults that a sandbox makes on purpose: messages dropped, doubled or late."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection

from energygrid.access import tenants
from energygrid.access.caller import Actor, Tenant
from energygrid.errors import Invalid, NotFound
from energygrid.messaging.settings import FaultSettings
from energygrid.messaging.webhooks.retry import Answer, Outcome

SECTION = "webhook_faults"
_DROPPED = Answer(None, 0, "not sent: this sandbox drops messages", Outcome.DROPPED)


def faults_of(tenant: Tenant) -> FaultSettings:
    """None at all outside a sandbox, whatever the settings say."""
    return tenant.section(SECTION, FaultSettings) if tenant.environment == "sandbox" else FaultSettings()


def set_faults(db: Connection, tenant: Tenant, faults: FaultSettings, *, who: Actor, now: datetime) -> Tenant:
    """Switch faults on or off for all webhooks of the tenant; raises Invalid("NOT_A_SANDBOX") elsewhere."""
    if tenant.environment != "sandbox":
        raise Invalid("NOT_A_SANDBOX", "only a sandbox loses, doubles or delays webhooks", tenant=tenant.key)
    return tenants.set_section(db, tenant, SECTION, faults.model_dump(), who=who, now=now)


def delay_of(db: Connection, tenant_id: int) -> timedelta:
    """How long a new delivery waits before its first attempt."""
    try:
        tenant = tenants.get_tenant(db, tenant_id)
    except NotFound:  # a job that outlived its tenant has nothing to deliver
        return timedelta()
    return timedelta(seconds=faults_of(tenant).delay_s)


def attempt(send: Callable[[], Answer], faults: FaultSettings, chance: Callable[[], float]) -> list[Answer]:
    """Send a message as the faults have it: what came back, once, or twice for a double.

    chance  gives random numbers in [0, 1)
    """
    if chance() < faults.drop:
        return [_DROPPED]
    return [send(), send()] if chance() < faults.duplicate else [send()]
