"""What the feeds of this house say, imported into this house again."""

from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from typing import Any

import pytest
from lxml import etree
from sqlalchemy import Connection, text
from tests.greenbutton.customer.conftest import BASE, Share
from tests.greenbutton.customer.test_views import feed_text

from energygrid.access import tenants
from energygrid.access.audit import SYSTEM
from energygrid.access.caller import Tenant
from energygrid.access.vault import Vault
from energygrid.billing.records.espi import take
from energygrid.greenbutton.customer import views
from energygrid.greenbutton.entitlement import own_entitlement
from energygrid.greenbutton.feed import subscription_feed, xml
from energygrid.greenbutton.sandbox import household
from energygrid.greenbutton.usage.context import Context
from energygrid.greenbutton.window import EVERYTHING
from energygrid.ingest import jobs, landing
from energygrid.ingest.rows import Note
from energygrid.metering.importers import espi
from energygrid.metering.importers.options import ImportOptions
from energygrid.metering.told import Told


class Import:
    """Imports feeds of one consent; usage points are mapped to their meters, as an operator would."""

    def __init__(self, db: Connection, vault: Vault, tenant: Tenant, now: datetime) -> None:
        self.db, self.vault, self.tenant, self.now = db, vault, tenant, now

    def told(self, ctx: Context, feed: bytes) -> list[Told]:
        names = {each.usage_point: each.meter_id for each in ctx.entitlement.meters}
        options = ImportOptions(now=self.now, zone="America/Detroit", meter_map=names, check_schema=False)
        return [each for parsed in espi.parse(BytesIO(feed), options) for each in parsed.told]

    def take(self, told: Sequence[Told]) -> tuple[int, list[Note]]:
        landed = landing.land(self.db, self.tenant.id, [repr(told).encode()], limit=1 << 30)
        job = jobs.open_job(
            self.db, self.tenant, SYSTEM, landed, kind="usage", task=None, name="f", options={}, now=self.now
        )
        return take(self.vault, self.db, self.tenant, job, told, self.now)


@pytest.fixture
def again(db: Connection, vault: Vault, tenant: Tenant, now: datetime) -> Import:
    return Import(db, vault, tenant, now)


def usage_text(db: Connection, ctx: Context) -> bytes:
    class Here:
        """The connection of the test in place of the pool."""

        def read(self, use_case: Any, *args: Any, **kwargs: Any) -> Any:
            return use_case(db, *args, **kwargs)

    return b"".join(xml(subscription_feed(Here(), ctx, EVERYTHING, href="https://x.example")))  # type: ignore[arg-type]


def shown(db: Connection, ctx: Context) -> list[tuple[str, object]]:
    """The contents of the customer side; a document of a statement stands in no feed."""
    return [(each.resource, each.content) for each in views.resources(db, ctx) if each.resource != "Statement"]


def contents(feed: bytes, kind: str) -> list[bytes]:
    return [etree.tostring(each) for each in etree.fromstring(feed).iter(f"{{http://naesb.org/espi}}{kind}")]


@pytest.mark.parametrize("level", ["none", "encrypted", "plain"])
def test_the_own_customer_feed_tells_nothing_new_and_brings_back_what_was_lost(
    db: Connection, vault: Vault, now: datetime, level: str
) -> None:
    settings = {"customers": {"pii_level": level}}
    tenant = tenants.create_tenant(db, "level", environment="sandbox", settings=settings, now=now)
    home = household.load(db, vault, tenant, now)
    ctx = Context(vault, BASE, own_entitlement(db, vault, tenant, home.customer_id, now), now)
    again = Import(db, vault, tenant, now)
    told, before = again.told(ctx, feed_text(db, ctx)), shown(db, ctx)
    changed, notes = again.take(told)
    assert changed == 0
    assert {each.message.partition(":")[0] for each in notes} <= {"Statement"}
    assert db.execute(text("SELECT max(revision) FROM utility_record")).scalar() == 1
    assert shown(db, ctx) == before
    db.execute(text("DELETE FROM utility_record WHERE kind <> 'power_quality'"))
    assert shown(db, ctx) != before
    again.take(told)
    assert shown(db, ctx) == before
    assert again.take(told)[0] == 0


def test_bills_and_power_quality_of_the_own_feed_are_known(db: Connection, again: Import, share: Share) -> None:
    ctx = share("FB=4_15_16_17")
    feed = usage_text(db, ctx)
    told = again.told(ctx, feed)
    assert {each.kind for each in told} == {"UsageSummary", "ElectricPowerQualitySummary"}
    assert again.take(told) == (0, [])
    for table in ("utility_record WHERE kind = 'power_quality'", "bill_line", "bill"):
        db.execute(text(f"DELETE FROM {table}"))
    assert again.take(told) == (len(told), [])
    lost = usage_text(db, ctx)
    assert contents(lost, "ElectricPowerQualitySummary") == contents(feed, "ElectricPowerQualitySummary")
    for element in ("billingPeriod", "billLastPeriod", "billToDate", "tariffProfile", "billingChargeSource"):
        assert contents(lost, element) == contents(feed, element)
