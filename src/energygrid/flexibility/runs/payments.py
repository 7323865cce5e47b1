"""What assets that were sold together came to, over all of a tenant's settled events."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.flexibility.runs.queries import payments as queries
from energygrid.flexibility.settlement import neso


def poor_delivery(db: Connection, tenant: Tenant, *, since: date, until: datetime) -> str | None:
    """Why the operator may deregister the tenant's unit, told of half-hours from `since` on; None: it has no reason to.

    Events that wait for readings are left out, as what they delivered is not known yet.
    """
    settled = [
        (datetime.fromisoformat(each["start"]).date(), Decimal(each["k"]))
        for totals in queries.totals_with_bid(db, tenant.id, until)
        if not totals["pending"]
        for each in totals["atPortfolio"]["bidPayment"]["halfHours"]
    ]
    return neso.poor_delivery(settled, since)
