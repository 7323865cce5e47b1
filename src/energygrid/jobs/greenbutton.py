"""Notices to third parties, and feeds that are built ahead."""

from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from procrastinate import JobContext as Delivery
from sqlalchemy import Connection

from energygrid.access import tenants
from energygrid.access.caller import Tenant
from energygrid.access.consents import consents
from energygrid.billing.records import load
from energygrid.billing.records.record import RecordKind
from energygrid.customers import erase, sync
from energygrid.errors import NotFound
from energygrid.flexibility import runs
from energygrid.greenbutton import ahead, bulk, notices
from energygrid.greenbutton.notices.changes import TASK as NOTIFY
from energygrid.greenbutton.settings import GreenButtonSettings
from energygrid.jobs.app import Patient, app, context
from energygrid.metering.ingest import WRITTEN

_log = structlog.get_logger("energygrid.jobs.greenbutton")
_BUILDS = 3
_now = partial(datetime.now, UTC)
_RETRY = Patient(max_attempts=10, exponential_wait=3)
_BUILD_RETRY = Patient(max_attempts=_BUILDS, exponential_wait=2)


@app.task(name=WRITTEN, retry=_RETRY)
def readings_written(tenant_id: int, touched: list[tuple[int, int, int]]) -> None:
    """Whoever may read these series is to be told, and what was computed from them is to be restated."""
    database = context().database
    tenant = database.read(tenants.get_tenant, tenant_id)
    database.write(_written, tenant, touched, _now())


def _written(db: Connection, tenant: Tenant, touched: list[tuple[int, int, int]], now: datetime) -> None:
    notices.readings_written(db, tenant, touched, now)
    runs.readings_changed(db, tenant, touched, now)


@app.task(name=load.WRITTEN, retry=_RETRY)
def records_written(tenant_id: int, kind: str, about: list[notices.About]) -> None:
    """Whoever may read these bills, or of these accounts, is to be told."""
    database = context().database
    tenant = database.read(tenants.get_tenant, tenant_id)
    database.write(notices.records_written, tenant, RecordKind(kind), about, _now())


@app.task(name=sync.CHANGED, retry=_RETRY)
def customers_changed(tenant_id: int, customer_ids: list[str]) -> None:
    """Whoever may read of these customers is to be told."""
    database = context().database
    tenant = database.read(tenants.get_tenant, tenant_id)
    database.write(notices.customers_changed, tenant, customer_ids, _now())


@app.task(name=erase.ENDED, retry=_RETRY)
def consents_ended(tenant_id: int, consent_ids: list[str]) -> None:
    """Who held these consents is told that they have ended, and what was built under them goes."""
    database = context().database
    tenant = database.read(tenants.get_tenant, tenant_id)
    for consent_id in consent_ids:
        consent = database.read(consents.find, tenant_id, consent_id)
        database.write(notices.consent_changed, tenant, consent, _now())


@app.task(name=ahead.TASK, queue=ahead.QUEUE, retry=_BUILD_RETRY, pass_context=True)
def build(delivery: Delivery, tenant_id: int, feed_id: str) -> None:
    """One feed is built ahead. What cannot be built is answered at once instead."""
    here = context()
    tenant = here.database.read(tenants.get_tenant, tenant_id)
    keep = timedelta(hours=tenant.section("greenbutton", GreenButtonSettings).built_hours)

    def ready(db: Connection, recipe: ahead.Recipe) -> None:
        notices.ready(db, here.vault, recipe.client_id, recipe.href, _now())

    base = here.settings.resource_url
    try:
        ahead.build(here.database, here.vault, base, _now, tenant_id, feed_id, keep=keep, ready=ready)
    except NotFound:
        here.database.write(ahead.fail, tenant_id, feed_id, _now())
    except Exception:
        if delivery.job.attempts + 1 < _BUILDS:
            raise
        _log.exception("a feed could not be built", feed_id=feed_id)
        here.database.write(ahead.fail, tenant_id, feed_id, _now())


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
