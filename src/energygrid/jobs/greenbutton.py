"""Notices to third parties, and feeds that are built ahead."""

from datetime import UTC, date, datetime
from functools import partial

from energygrid.access import tenants
from energygrid.greenbutton import ahead, bulk, notices
from energygrid.greenbutton.notices.changes import TASK as NOTIFY
from energygrid.jobs.app import Patient, app, context
from energygrid.metering.ingest import WRITTEN

_now = partial(datetime.now, UTC)
_RETRY = Patient(max_attempts=10, exponential_wait=3)


@app.task(name=WRITTEN, retry=_RETRY)
def readings_written(tenant_id: int, touched: list[tuple[int, int, int]]) -> None:
    """Whoever may read these series is to be told."""
    database = context().database
    tenant = database.read(tenants.get_tenant, tenant_id)
    database.write(notices.readings_written, tenant, touched, _now())


@app.task(name="greenbutton.bills_written", retry=_RETRY)
def bills_written(tenant_id: int, bills: list[tuple[str, str | None, str, str]]) -> None:
    """Whoever may read these bills is to be told."""
    database = context().database
    tenant = database.read(tenants.get_tenant, tenant_id)
    spans = [(account, meter, date.fromisoformat(a), date.fromisoformat(b)) for account, meter, a, b in bills]
    database.write(notices.bills_changed, tenant, spans, _now())


@app.task(name=NOTIFY, retry=_RETRY)
def notify(tenant_id: int) -> None:
    """What third parties are to be told becomes messages."""
    here = context()
    here.database.write(notices.tell, here.vault, tenant_id, here.settings.resource_url, _now())


@app.periodic(cron="* * * * *")
@app.task(name="greenbutton.sweep", queueing_lock="greenbutton.sweep")
def sweep(timestamp: int) -> None:  # noqa: ARG001 - the scheduler passes it by name
    """What was due and not told is told within a minute."""
    here = context()
    here.database.write(notices.sweep, here.vault, here.settings.resource_url, _now())


@app.periodic(cron="23 * * * *")
@app.task(name="greenbutton.drop", queueing_lock="greenbutton.drop")
def drop(timestamp: int) -> None:  # noqa: ARG001 - as above
    """Feeds whose time is over go, and those of consents that have ended."""
    database = context().database
    now = _now()
    database.write(ahead.drop, now)
    database.write(bulk.drop, now)
