"""Who a bind is for: a client of the tenant, and one meter of theirs."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.customers.meters import Meter, find_meter, find_meters
from energygrid.customers.premises import meter_for_slid
from energygrid.customers.profiles import resolve_profile
from energygrid.customers.status import is_denied, require_service
from energygrid.errors import Invalid, NotFound


@dataclass(frozen=True, slots=True)
class Party:
    client_id: str
    meter_id: str


def served_parties(db: Connection, tenant: Tenant, meter_ids: Iterable[str]) -> set[Party]:
    """Who holds any of the meters under an account that is served."""
    return {
        Party(holder.client_id, meter.meter_id)
        for meter in find_meters(db, tenant.id, meter_ids).values()
        for holder in meter.holders
        if not is_denied(tenant, holder.acct_status)
    }


@dataclass(frozen=True, slots=True)
class Whose:
    """As a request names them: a profile, and a meter either by its id or by its service location (C12, C15)."""

    profile_id: str
    meter_id: str | None = None
    slid: str | None = None


def named_meter(db: Connection, tenant: Tenant, whose: Whose) -> str:
    """The meter's id; raises Invalid MISSING_FIELD, and what `meter_for_slid` raises."""
    if whose.meter_id is not None:
        return whose.meter_id
    if whose.slid is None:
        raise Invalid("MISSING_FIELD", "meterId is missing", field="meterId")
    return meter_for_slid(db, tenant, whose.slid).meter_id


def party_of(db: Connection, tenant: Tenant, profile_id: str, meter_id: str) -> tuple[Party, Meter]:
    """The client and the meter, which must be theirs.

    Raises NotFound UNKNOWN_PROFILE and UNKNOWN_METER (also for a meter somebody else holds), Denied ACCOUNT_CLOSED and
    ACCOUNT_LOCKED.
    """
    profile = resolve_profile(db, tenant, profile_id)
    require_service(tenant, profile.acct_status)
    meter = find_meter(db, tenant.id, meter_id)
    if meter is None or profile.client_id not in {holder.client_id for holder in meter.holders}:
        raise NotFound("UNKNOWN_METER", f"the customer has no meter {meter_id}", meterId=meter_id)
    return Party(profile.client_id, meter_id), meter
