"""Fan-out, delivery and upkeep of events."""

from datetime import UTC, datetime
from functools import partial

from energygrid.access import tenants
from energygrid.jobs.app import app, context
from energygrid.messaging.webhooks import delivery
from energygrid.messaging.webhooks.posting import client_of, poster

_now = partial(datetime.now, UTC)


@app.task(name="messaging.fan_out")
def fan_out(tenant_id: int) -> None:
    """Committed events of a tenant become deliveries."""
    context().database.write(delivery.fan_out, tenant_id, _now())


@app.task(name="messaging.deliver")
def deliver(tenant_id: int, endpoint_id: str) -> None:
    """What is due at one endpoint is attempted. Needs no lock and no retry: leases and the sweep see to both."""
    here = context()
    tenant = here.database.read(tenants.get_tenant, tenant_id)
    post = poster(client_of(here.settings, tenant))
    delivery.deliver(here.database, here.vault, post, _now, tenant_id, endpoint_id)


@app.periodic(cron="* * * * *")
@app.task(name="messaging.sweep", queueing_lock="messaging.sweep")
def sweep(timestamp: int) -> None:  # noqa: ARG001 - the scheduler passes it by name
    """What a killed worker left behind is picked up within a minute."""
    context().database.write(delivery.sweep, _now())


@app.periodic(cron="17 3 * * *")
@app.task(name="messaging.prune", queueing_lock="messaging.prune")
def prune(timestamp: int) -> None:  # noqa: ARG001 - as above
    """Events past their retention are forgotten."""
    context().database.write(delivery.prune, _now())
