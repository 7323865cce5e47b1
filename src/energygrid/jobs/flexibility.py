"""Background work of flexibility: the clock of events, and what is asked of new assets."""

from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from energygrid.access import tenants
from energygrid.flexibility import runs, sandbox
from energygrid.flexibility.events import clock
from energygrid.flexibility.registry import schemes, verification
from energygrid.flexibility.runs import accuracy, running
from energygrid.flexibility.runs.basis import RunKind
from energygrid.jobs.app import Patient, app, context

_now = partial(datetime.now, UTC)
_RETRY = Patient(max_attempts=10, exponential_wait=3)


@app.task(name=schemes.CHECK, retry=_RETRY)
def check_assets(tenant_id: int, assets: list[str]) -> None:
    """Validate the MPANs of some assets, and verify what they are opted into."""
    database = context().database
    tenant = database.read(tenants.get_tenant, tenant_id)
    database.write(verification.check, tenant, [UUID(each) for each in assets], _now())


@app.task(name=clock.ADVANCE, retry=_RETRY)
def advance_event(tenant_id: int, event_uuid: str) -> None:
    """Do what is due for one event."""
    database = context().database
    tenant = database.read(tenants.get_tenant, tenant_id)
    database.write(clock.advance, tenant, UUID(event_uuid), _now())


@app.task(name=clock.WAKE, retry=_RETRY)
def wake(tenant_id: int) -> None:
    """A tenant's clock has jumped: the sandbox's homes get their readings, then what is due is done."""
    database = context().database
    tenant = database.read(tenants.get_tenant, tenant_id)
    database.write(sandbox.extend, tenant, _now())
    database.write(clock.wake, tenant, _now())


@app.periodic(cron="* * * * *")
@app.task(name="flexibility.sweep", queueing_lock="flexibility.sweep")
def sweep(timestamp: int) -> None:  # noqa: ARG001 - the scheduler passes it by name
    """What is due and was not done at its time is done within a minute."""
    context().database.write(clock.sweep, _now())


@app.task(name=running.PART, queue=running.QUEUE, retry=_RETRY)
def run_part(tenant_id: int, event: str, kind: str, revision: int, part: int) -> None:
    """Compute some thousand assets of a run."""
    database = context().database
    tenant = database.read(tenants.get_tenant, tenant_id)
    database.write(runs.run_part, tenant, UUID(event), RunKind(kind), revision, part, _now())


@app.task(name=running.RESTATE, queue=running.QUEUE, retry=_RETRY)
def restate(tenant_id: int) -> None:
    """Compute again what late or corrected readings have a part in."""
    database = context().database
    tenant = database.read(tenants.get_tenant, tenant_id)
    database.write(runs.restate, tenant, _now())


@app.task(name=running.CLOSE, queue=running.QUEUE, retry=_RETRY)
def close_runs(tenant_id: int) -> None:
    """The deadline for readings of an event has passed."""
    database = context().database
    tenant = database.read(tenants.get_tenant, tenant_id)
    database.write(runs.close_due, tenant, _now())


@app.task(name=running.MEASURE, queue=running.QUEUE, retry=_RETRY)
def measure(tenant_id: int, assets: list[str]) -> None:
    """Measure how well baselines fit some assets."""
    database = context().database
    tenant = database.read(tenants.get_tenant, tenant_id)
    database.write(accuracy.measure, tenant, [UUID(each) for each in assets], _now())


@app.task(name=running.MEASURE_PART, queue=running.QUEUE, retry=_RETRY)
def measure_part(tenant_id: int, event: str, kind: str, revision: int, part: int) -> None:
    """Measure how well baselines fit the assets of one part of a settlement."""
    database = context().database
    tenant = database.read(tenants.get_tenant, tenant_id)
    database.write(accuracy.measure_part, tenant, UUID(event), kind, revision, part, _now())
