"""Writing a plan into the tables."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from energygrid.customers.facts import Contract, CustomerFacts, MeterFacts, PremiseFacts, SiteLink
from energygrid.customers.plan import Plan
from energygrid.customers.privacy import Privacy
from energygrid.customers.queries import pushing
from energygrid.customers.tables import contract, customer_premise, meter, premise, premise_meter


def write_plan(db: Connection, tenant_id: int, plan: Plan, privacy: Privacy, *, at: datetime, now: datetime) -> None:
    """Write a plan but for the customer's own row; links begin and end `at`, rows say they changed `now`."""
    pushing.put(db, premise, [premise_row(tenant_id, key, facts, privacy, now) for key, facts in plan.premises.items()])
    pushing.put(db, meter, [meter_row(tenant_id, key, facts, now) for key, facts in plan.meters.items()])
    pushing.begin_rates(
        db,
        [
            {"tenant_id": tenant_id, "meter_id": key, "since": at, "rate_code": rate}
            for key, rate in plan.new_rates.items()
        ],
    )
    pushing.end(db, contract, tenant_id, [link.id for link in plan.ended_contracts], at)
    pushing.end(db, customer_premise, tenant_id, [link.id for link in plan.ended_sites], at)
    pushing.take_down(db, tenant_id, [*plan.taken_down, *plan.hung], at)
    begun: dict[str, Any] = {"tenant_id": tenant_id, "since": at}
    pushing.begin(db, customer_premise, [begun | _site_columns(link, privacy) for link in plan.begun_sites])
    pushing.begin(db, contract, [begun | _contract_columns(link) for link in plan.begun_contracts])
    pushing.begin(
        db,
        premise_meter,
        [begun | {"meter_id": hung, "premise_id": place} for hung, place in plan.hung.items()],
    )
    changed_sites = {link.id: _site_columns(link, privacy) for link in plan.changed_sites}
    pushing.change(db, customer_premise, tenant_id, changed_sites)
    pushing.change(db, contract, tenant_id, {link.id: _contract_columns(link) for link in plan.changed_contracts})
    if plan.disturbed:
        pushing.disturb(db, tenant_id, plan.disturbed, now)


def customer_columns(facts: CustomerFacts, privacy: Privacy) -> dict[str, Any]:
    return {"acct_status": facts.acct_status, **privacy.columns(facts.names)}


def premise_row(
    tenant_id: int, premise_id: str, facts: PremiseFacts, privacy: Privacy, now: datetime
) -> dict[str, Any]:
    return {
        "tenant_id": tenant_id,
        "premise_id": premise_id,
        **privacy.columns(facts.street),
        "city": facts.city,
        "state": facts.state,
        "postal_code": facts.postal_code,
        "changed_at": now,
    }


def meter_row(tenant_id: int, meter_id: str, facts: MeterFacts, now: datetime) -> dict[str, Any]:
    return {
        "tenant_id": tenant_id,
        "meter_id": meter_id,
        "meter_type": facts.meter_type,
        "unit": facts.unit,
        "is_ami": facts.is_ami,
        "is_amr": facts.is_amr,
        "rate_code": facts.rate_code,
        "billing_cycle": str(facts.billing_cycle),
        "billing_cycle_is_number": isinstance(facts.billing_cycle, int),
        "obsolete": dict(facts.obsolete),
        "changed_at": now,
    }


def _site_columns(link: SiteLink, privacy: Privacy) -> dict[str, Any]:
    return {
        "client_id": link.client_id,
        "premise_id": link.premise_id,
        "is_primary": link.is_primary,
        "position": link.position,
        **privacy.columns(link.names),
    }


def _contract_columns(link: Contract) -> dict[str, Any]:
    return {
        "client_id": link.client_id,
        "premise_id": link.premise_id,
        "meter_id": link.meter_id,
        "account_number": link.account_number,
        "is_primary": link.is_primary,
        "position": link.position,
    }
