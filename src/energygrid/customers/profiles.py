"""Whom a hemProfileId means (contract C15: the guide says a GUID, the tutorial passes the clientId)."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.customers.queries import reading
from energygrid.errors import NotFound


@dataclass(frozen=True, slots=True)
class Profile:
    client_id: str
    profile_id: UUID
    acct_status: str | None


def resolve_profile(db: Connection, tenant: Tenant, hem_profile_id: str) -> Profile:
    """The customer by our profile GUID, else by clientId; raises NotFound UNKNOWN_PROFILE."""
    row = None
    if (guid := _guid(hem_profile_id)) is not None:
        row = reading.customer_by_profile(db, tenant.id, guid)
    row = row or reading.customer_of(db, tenant.id, hem_profile_id)
    if row is None:
        raise NotFound("UNKNOWN_PROFILE", f"there is no profile {hem_profile_id}", hemProfileId=hem_profile_id)
    return Profile(row.client_id, row.profile_id, row.acct_status)


def _guid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
