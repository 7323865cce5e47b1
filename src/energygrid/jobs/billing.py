"""Loading of billing files, and accounts that close."""

from datetime import UTC, datetime
from functools import partial

from energygrid.access import tenants
from energygrid.access.caller import Actor
from energygrid.billing.records import load, terminations
from energygrid.jobs.app import Patient, app, context

_now = partial(datetime.now, UTC)
_RETRY = Patient(max_attempts=10, exponential_wait=3)


@app.task(name="billing.ingest", queue="ingest", retry=_RETRY)
def ingest(tenant_id: int, job_id: str) -> None:
    """One landed billing file is stored."""
    load.run(context().database, context().vault, tenant_id, job_id, _now)


@app.task(name="billing.apply_termination", retry=_RETRY)
def apply_termination(tenant_id: int, termination_id: str, revision: int) -> None:
    """The contracts of a closed account end."""
    database = context().database
    tenant = database.read(tenants.get_tenant, tenant_id)
    who = Actor("billing", termination_id)
    database.write(terminations.apply, tenant, termination_id, revision, who=who, now=_now())
