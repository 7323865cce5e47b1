"""Storing and reading billing cycles."""

from datetime import date, datetime

from sqlalchemy import Connection

from energygrid.access import audit
from energygrid.access.caller import Actor, Tenant
from energygrid.billing import cycles, queries
from energygrid.billing.cycles import Cycle, Finding, Period
from energygrid.errors import Invalid, NotFound


def put_cycle(db: Connection, tenant: Tenant, cycle: Cycle, *, who: Actor, now: datetime) -> list[Finding]:
    """Make this the whole schedule of the cycle; returns the warnings.

    Raises Invalid("INVALID_PAYLOAD") with the errors, and then nothing is changed.
    """
    found = cycles.check(cycle.periods, is_bimonthly=cycle.is_bimonthly)
    errors = [each for each in found if each.severity == "error"]
    if errors:
        first = errors[0]
        raise Invalid(
            "INVALID_PAYLOAD",
            f"period {first.period_id} {first.message}",
            errors=[{"field": f"periods[{each.period_id}]", "message": each.message} for each in errors],
        )
    queries.put_cycle(db, tenant.id, cycle, now)
    audit.record(
        db,
        tenant.id,
        actor=who.name,
        action="billing_cycle.put",
        subject=f"billing_cycle/{cycle.cycle_id}",
        request_id=who.request_id,
        now=now,
        facts={"periods": len(cycle.periods)},
    )
    return found


def get_cycle(db: Connection, tenant: Tenant, cycle_id: str) -> Cycle:
    """Raises NotFound("UNKNOWN_BILLING_CYCLE")."""
    found = queries.cycle(db, tenant.id, cycle_id)
    if found is None:
        raise NotFound("UNKNOWN_BILLING_CYCLE", f"there is no billing cycle {cycle_id}", billingCycleId=cycle_id)
    return found


def list_cycles(db: Connection, tenant: Tenant, *, after: str = "", limit: int = 100) -> list[Cycle]:
    """By id, without periods; go on with `after` = the last id seen."""
    return queries.cycle_page(db, tenant.id, after, limit)


def period_of(db: Connection, tenant: Tenant, cycle_id: str, day: date) -> Period | None:
    """The billing period that a local day belongs to, None when the schedule does not reach it."""
    return queries.period_of(db, tenant.id, cycle_id, day)
