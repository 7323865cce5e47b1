"""Commands to gateways, and everything about binds that falls due."""

from datetime import UTC, datetime
from functools import lru_cache

from energygrid.access import tenants
from energygrid.access.addresses import AllowList
from energygrid.access.outgoing import OutgoingClient
from energygrid.devices import events, queries, requests, timers
from energygrid.devices.binding import Reason
from energygrid.devices.gateways import dispatch as outbox
from energygrid.devices.gateways.choose import gateway_of
from energygrid.errors import Unavailable
from energygrid.jobs.app import Patient, app, context


@app.task(name="devices.dispatch")
def dispatch(tenant_id: int, bind_id: str) -> None:
    """Send one bind's next command. Needs no lock and no retry: leases and `devices.advance` see to both."""
    here = context()
    tenant = here.database.read(tenants.get_tenant, tenant_id)
    outbox.dispatch(here.database, here.vault, gateway_of(tenant, _outgoing()), tenant, bind_id, _now())


@app.task(name="devices.advance_bind")
def advance_bind(tenant_id: int, bind_id: str) -> None:
    """Do what is due for one bind, at the instant it was foreseen for."""
    here = context()
    tenant = here.database.read(tenants.get_tenant, tenant_id)
    here.database.write(timers.drive_bind, tenant, bind_id, _now())


@app.periodic(cron="* * * * *")
@app.task(name="devices.advance", queueing_lock="devices.advance")
def advance(timestamp: int) -> None:  # noqa: ARG001 - the scheduler passes it by name
    """Do what is due for every bind, and send what a dead worker left unsent."""
    here = context()
    now = _now()
    for tenant_id in here.database.read(queries.tenants_with_timers):
        timers.advance_tenant(here.database, here.database.read(tenants.get_tenant, tenant_id), now)
    here.database.write(outbox.wake_overdue, now)


@app.periodic(cron="*/15 * * * *")
@app.task(name="devices.poll", queueing_lock="devices.poll")
def poll(timestamp: int) -> None:  # noqa: ARG001 - as above
    """Ask gateways for events that never reached us."""
    here = context()
    for tenant_id in here.database.read(queries.tenants_with_timers):
        tenant = here.database.read(tenants.get_tenant, tenant_id)
        gateway = gateway_of(tenant, _outgoing())
        try:
            events.poll(here.database, gateway, tenant, _now())
        except Unavailable:
            continue  # the next round asks again


@app.task(name="devices.release_for", retry=Patient(max_attempts=10, exponential_wait=3))
def release_for(tenant_id: int, meter_ids: list[str], reason: str) -> None:
    """Release the devices of meters whose customer left, whose account closed or which were taken down."""
    here = context()
    tenant = here.database.read(tenants.get_tenant, tenant_id)
    here.database.write(requests.release_meters, tenant, meter_ids, Reason(reason.upper()), _now())


def _now() -> datetime:
    return datetime.now(UTC)


def _outgoing() -> OutgoingClient:
    settings = context().settings
    return _client(tuple(settings.outgoing_allow), allow_http=settings.outgoing_http)


@lru_cache(maxsize=4)
def _client(allow: tuple[str, ...], *, allow_http: bool) -> OutgoingClient:
    """Kept for the process: it reads the machine's certificate authorities."""
    return OutgoingClient(AllowList.of(allow), allow_http=allow_http)
