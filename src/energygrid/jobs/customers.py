"""Batches of customers, and upkeep of stored answers."""

from datetime import UTC, datetime
from functools import partial

from energygrid.access import idempotency
from energygrid.customers import batch
from energygrid.jobs.app import Patient, app, context

_now = partial(datetime.now, UTC)


@app.task(name=batch.TASK, queue="ingest", retry=Patient(max_attempts=5, exponential_wait=5))
def sync_batch(tenant_id: int, job_id: str) -> None:
    """Every line of a landed batch is pushed."""
    here = context()
    batch.run_batch(here.database, here.vault, _now, tenant_id, job_id)


@app.periodic(cron="41 * * * *")
@app.task(name="customers.purge_answers", queueing_lock="customers.purge_answers")
def purge_answers(timestamp: int) -> None:  # noqa: ARG001 - the scheduler passes it by name
    """Stored answers past their time are forgotten."""
    context().database.write(idempotency.purge, _now())
