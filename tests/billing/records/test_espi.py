"""Summaries of ESPI feeds become bills of meters that the mirror knows."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from energygrid.access.caller import Actor, Tenant
from energygrid.access.vault import Vault
from energygrid.billing.records import bills
from energygrid.billing.records.espi import take
from energygrid.greenbutton.sandbox import household
from energygrid.ingest import jobs, landing
from energygrid.metering.told import Told

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
START = int(datetime(2026, 1, 10, tzinfo=UTC).timestamp())


def tree(content: Any) -> Any:
    """Nested plain values as an importer hands them on."""
    if isinstance(content, dict):
        return {
            name: tuple(tree(each) for each in (value if isinstance(value, list) else [value]))
            for name, value in content.items()
        }
    return str(content)


def summary(meters: tuple[str, ...], **more: Any) -> Told:
    content = {
        "billingPeriod": {"duration": 10 * 86400, "start": START},
        "billLastPeriod": 1_100_000,
        "costAdditionalDetailLastPeriod": [
            {"amount": 1_000_000, "note": "Usage", "itemKind": 1, "unitCost": 10_000},
            {"amount": 100_000, "note": "Tax", "itemKind": 5},
        ],
        "overallConsumptionLastPeriod": {"powerOfTenMultiplier": -3, "uom": 72, "value": 100_000_000},
        "currency": 840,
        "statusTimeStamp": START,
    } | more
    return Told("UsageSummary", 7, "/UsagePoint/1/UsageSummary/1", meters, tree(content))


def test_a_summary_is_a_bill_with_its_lines(db: Connection, vault: Vault, tenant: Tenant) -> None:
    home = household.load(db, vault, tenant, NOW)
    landed = landing.land(db, tenant.id, [b"x"], limit=9)
    job = jobs.open_job(db, tenant, Actor("test", "r"), landed, kind="usage", task=None, name="f", options={}, now=NOW)
    told = [
        summary((home.electric,), statusTimeStamp=START * 1000),
        summary(("nobody",)),
        summary((home.electric,), billLastPeriod="much"),
        Told("Statement", 1, "/c", (), {}),
    ]
    changed, notes = take(vault, db, tenant, job, told, NOW)
    assert changed == 1
    assert [(each.row, each.code) for each in notes] == [
        (7, "BILL_NOT_IMPORTED"),
        (7, "BILL_NOT_IMPORTED"),
        (1, "RECORD_NOT_IMPORTED"),
    ]
    (bill,) = [each for each in bills.bills_of_meter(db, tenant.id, home.electric) if each.total == Decimal("11.00000")]
    assert (bill.start_date.month, bill.end_date > date(2026, 1, 15), bill.currency) == (1, True, "USD")
    assert (bill.consumption, bill.unit, bill.tax) == (100, "kWh", 1)
    assert [(line.kind, line.amount, line.price) for line in bill.lines] == [
        ("ENERGY", 10, Decimal("0.1")),
        ("TAX", 1, None),
    ]
    assert bill.facts.status_time is None
    assert bill.account_number == home.account_number
