"""Premises, and the guide's way to name a meter by one (contract C12)."""

from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.customers import meters
from energygrid.customers.meters import ELECTRIC, Meter
from energygrid.customers.queries import reading
from energygrid.customers.settings import CustomerSettings
from energygrid.errors import Invalid, NotFound


def meter_for_slid(db: Connection, tenant: Tenant, slid: str) -> Meter:
    """The meter that an accountSlid (account service location) means: the AMI electric meter of its premise.

    The SLID is a premise id, with or without the tenant's prefix, or else an account number. Of several such meters it
    means the primary one. Raises NotFound UNKNOWN_PREMISE, Invalid METER_NOT_AMI when none can be bound and Invalid
    AMBIGUOUS_METER when several could.
    """
    electric = [meter for meter in _meters_for(db, tenant, slid) if meter.meter_type == ELECTRIC]
    candidates = [meter for meter in electric if meter.is_ami]
    if not candidates:
        raise Invalid("METER_NOT_AMI", f"{slid} has no electric AMI meter", accountSlid=slid)
    if len(candidates) == 1:
        return candidates[0]
    primary = [meter for meter in candidates if any(holder.is_primary for holder in meter.holders)]
    if len(primary) != 1:
        raise Invalid(
            "AMBIGUOUS_METER", f"{slid} has several electric AMI meters; name one by meterId", accountSlid=slid
        )
    return primary[0]


def _meters_for(db: Connection, tenant: Tenant, slid: str) -> list[Meter]:
    bare = slid.removeprefix(tenant.section("customers", CustomerSettings).slid_prefix)
    for premise_id in dict.fromkeys((slid, bare)):
        if reading.premise_exists(db, tenant.id, premise_id):
            return meters.meters_at(db, tenant.id, premise_id)
    for account_number in dict.fromkeys((slid, bare)):
        if found := meters.meters_of_account(db, tenant.id, account_number):
            return found
    raise NotFound("UNKNOWN_PREMISE", f"there is no premise or account {slid}", accountSlid=slid)
