"""The sandbox's household: everything Green Button can show, the same every time."""

import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from sqlalchemy import Connection, text

from energygrid.access.caller import Tenant
from energygrid.access.vault import Vault
from energygrid.billing.money import to_money
from energygrid.billing.records import bills, known
from energygrid.customers.meters import holdings_of_client
from energygrid.greenbutton.sandbox import household
from energygrid.greenbutton.sandbox.household import SandboxCustomer
from energygrid.metering.calendar import Span, day_span
from energygrid.metering.quality import Quality
from energygrid.metering.readings import Flow
from energygrid.metering.series import Series, series_of_owners
from energygrid.metering.settings import MeteringSettings
from energygrid.metering.store import read

_COUNTED = ("bill", "bill_line", "utility_record", "statement_file", "reading_block", "reading_revision", "contract")


@pytest.fixture
def home(db: Connection, vault: Vault, tenant: Tenant, now: datetime) -> SandboxCustomer:
    return household.load(db, vault, tenant, now)


def counts(db: Connection) -> dict[str, int]:
    return {name: db.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() for name in _COUNTED}


def series_of(db: Connection, tenant: Tenant, meter: str, flow: Flow = Flow.DELIVERED) -> Series:
    return next(each for each in series_of_owners(db, tenant.id, [meter]) if each.flow is flow and each.interval_s > 0)


def test_loading_again_the_same_day_changes_nothing_and_is_quick(
    db: Connection, vault: Vault, tenant: Tenant, now: datetime, home: SandboxCustomer
) -> None:
    before = counts(db)
    began = time.perf_counter()
    assert household.load(db, vault, tenant, now + timedelta(hours=2)) == home
    assert time.perf_counter() - began < 2
    assert counts(db) == before
    assert before["statement_file"] == before["bill"] / 3


def test_loading_the_next_day_adds_that_day(
    db: Connection, vault: Vault, tenant: Tenant, now: datetime, home: SandboxCustomer
) -> None:
    series = series_of(db, tenant, home.electric)
    tomorrow = day_span(now.date(), tenant_zone(tenant))
    assert (read(db, series, tomorrow).quality == Quality.MISSING).all()
    household.load(db, vault, tenant, now + timedelta(days=1))
    assert (read(db, series, tomorrow).quality == Quality.ACTUAL).all()


def tenant_zone(tenant: Tenant) -> str:
    return tenant.section("metering", MeteringSettings).zone


def test_every_bill_is_the_sum_of_its_lines(db: Connection, tenant: Tenant, home: SandboxCustomer) -> None:
    for meter in home.meters:
        found = bills.bills_of_meter(db, tenant.id, meter)
        assert len(found) >= 12
        for bill in found:
            assert sum(line.amount for line in bill.lines) == bill.total
            assert bill.cost is not None
            assert bill.cost + (bill.tax or 0) == bill.total
            for line in bill.lines:
                if line.quantity is not None and line.price is not None:
                    assert abs(line.amount) == to_money(line.quantity * line.price, bill.currency)
    kinds = {line.kind for each in bills.bills_of_account(db, tenant.id, home.account_number) for line in each.lines}
    assert kinds >= {"ENERGY", "DELIVERY", "FIXED", "TAX", "CREDIT", "PAYMENT"}


def test_a_bill_charges_what_was_measured_in_its_month(db: Connection, tenant: Tenant, home: SandboxCustomer) -> None:
    """A month of the year before has neither gap nor estimate, so its readings sum to the billed consumption."""
    zone = tenant_zone(tenant)
    for meter in home.meters:
        bill = bills.bills_of_meter(db, tenant.id, meter)[2]
        span = Span(day_span(bill.start_date, zone).start, day_span(bill.end_date, zone).start)
        measured = read(db, series_of(db, tenant, meter), span).value.sum()
        assert measured == pytest.approx(float(bill.consumption or 0), abs=1e-6)


def test_readings_have_a_gap_estimates_and_a_corrected_day(
    db: Connection, tenant: Tenant, now: datetime, home: SandboxCustomer
) -> None:
    series = series_of(db, tenant, home.electric)
    zone = tenant_zone(tenant)
    span = Span(now - timedelta(days=30), day_span(now.date(), zone).start)
    later, before = read(db, series, span), read(db, series, span, as_of=now - timedelta(hours=1))
    assert (later.quality == Quality.MISSING).sum() == 16
    assert np.isnan(later.value).sum() == 16
    assert (later.quality == Quality.ESTIMATED).sum() == 24
    changed = later.value[(later.value != before.value) & ~np.isnan(later.value)]
    assert 50 < len(changed) <= 96
    assert (before.quality == Quality.ESTIMATED).sum() == 24 + 96


def test_net_is_negative_while_the_panels_feed_the_grid(
    db: Connection, tenant: Tenant, now: datetime, home: SandboxCustomer
) -> None:
    span = Span(now - timedelta(days=330), now - timedelta(days=200))
    found = {flow: read(db, series_of(db, tenant, home.electric, flow), span).value for flow in list(Flow)[:3]}
    assert (found[Flow.NET] < 0).sum() > 1000
    np.testing.assert_allclose(found[Flow.DELIVERED] - found[Flow.RECEIVED], found[Flow.NET], atol=1e-9)
    assert not ((found[Flow.DELIVERED] > 0) & (found[Flow.RECEIVED] > 0)).any()


def test_the_household_holds_its_meters_for_all_of_its_readings(
    db: Connection, tenant: Tenant, home: SandboxCustomer
) -> None:
    holdings = holdings_of_client(db, tenant.id, home.customer_id)
    assert {each.meter_id for each in holdings} == set(home.meters)
    assert all(each.since.astimezone(ZoneInfo(tenant_zone(tenant))).date() == home.first_day for each in holdings)


def test_a_statement_is_a_pdf_that_says_the_total(
    db: Connection, vault: Vault, tenant: Tenant, home: SandboxCustomer
) -> None:
    last = known.statements(db, vault, tenant, [home.account_number])[-1]
    media, name, body = known.statement_file(db, vault, tenant, last.id)
    bill = bills.bills_of_meter(db, tenant.id, home.electric)[-1]
    assert (media, name) == ("application/pdf", f"bill-{bill.start_date:%Y-%m}.pdf")
    assert body.startswith(b"%PDF-1.4")
    assert body.rstrip().endswith(b"%%EOF")
    assert f"Total: {bill.total} USD".encode() in body
    table = int(body.split(b"startxref\n")[1].split(b"\n")[0])
    assert body[table:].startswith(b"xref")
    for number, entry in enumerate(body[table:].split(b"\n")[3:9], 1):
        assert body[int(entry[:10]) :].startswith(b"%d 0 obj" % number)
