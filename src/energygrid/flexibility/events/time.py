"""The tenant's time."""

from datetime import datetime

from sqlalchemy import Connection

from energygrid.access import tenants
from energygrid.access.caller import Tenant


def time_of(db: Connection, tenant: Tenant, now: datetime) -> datetime:
    """The instant it is for the tenant, by the clock it has now: `tenant` may be older than a sandbox's last jump."""
    return tenants.tenant_now(tenants.get_tenant(db, tenant.id) if tenant.environment == "sandbox" else tenant, now)
