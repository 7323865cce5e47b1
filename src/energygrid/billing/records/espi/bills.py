"""Bills: a UsageSummary of a meter that the mirror knows becomes a bill with its lines.

Source: contracts/greenbutton.md 1.2.
"""

from decimal import Decimal
from math import isclose
from typing import Any

from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.billing.records.bills import Bill, bills_of_account
from energygrid.billing.records.espi.mirror import Mirror
from energygrid.billing.records.espi.reading import Homeless, count, currency, instant, local, money, number
from energygrid.billing.records.record import Record
from energygrid.billing.records.rows import MchRow, record_of
from energygrid.billing.settings import BillingSettings
from energygrid.errors import Invalid
from energygrid.metering.importers.espi_codes import unit_of
from energygrid.metering.told import Told, Tree, all_of, inside, text
from energygrid.metering.units import unit as unit_named

SUMMARIES = frozenset({"UsageSummary", "ElectricPowerUsageSummary"})
_LINE_KINDS = {1: "ENERGY", 2: "DELIVERY", 3: "ADDER", 4: "FIXED", 5: "TAX", 9: "PAYMENT", 6: "CREDIT"}
_LINE_KINDS |= {7: "CREDIT", 8: "CREDIT", 10: "OTHER"}
_KEPT = ("rate_code", "usage_value", "meter_effective_on")
"""What no summary tells; a corrected bill keeps it."""


class Bills:
    """Collects the bills of one feed."""

    def __init__(self, db: Connection, tenant: Tenant, mirror: Mirror) -> None:
        self._db, self._tenant, self._mirror = db, tenant, mirror
        self._found: dict[str, Record] = {}
        self._known: dict[str, list[Bill]] = {}

    def add(self, told: Told) -> None:
        """Raises Homeless, or ValidationError when it breaks a rule that rows of files keep."""
        row = _row(told, self._mirror)
        record = record_of(row, told.row, self._tenant.section("billing", BillingSettings).currency)
        if self._found.setdefault(record.id, record).content != record.content:
            raise Homeless("the feed has another bill of the same meter and days")
        there = [each for each in self._bills_of(row.contract_account) if _is_same_period(each, record)]
        if any(_says_the_same(each, record) for each in there):
            del self._found[record.id]
        elif any(each.source == "invoice" for each in there):
            del self._found[record.id]
            raise Homeless("there is an invoice of the same account and days, with other amounts")
        else:
            kept = {name: getattr(each, name) for each in there for name in _KEPT}
            self._found[record.id] = Record(
                record.kind, record.id, record.row, {**record.columns, **kept}, record.lines, record.facts
            )

    def records(self) -> list[Record]:
        return list(self._found.values())

    def _bills_of(self, account: str) -> list[Bill]:
        if account not in self._known:
            self._known[account] = bills_of_account(self._db, self._tenant.id, account)
        return self._known[account]


def _is_same_period(bill: Bill, record: Record) -> bool:
    new = record.columns
    days = (bill.start_date, bill.end_date) == (new["start_date"], new["end_date"])
    return days and bill.meter_id in {None, new["meter_id"]}


def _says_the_same(bill: Bill, record: Record) -> bool:
    """Summaries hold whole numbers of their unit, so the last digits of an amount may have gone."""
    new = record.columns
    if (bill.total, bill.currency) != (new["total"], new["currency"]):
        return False
    if bill.consumption is None or bill.unit is None:
        return bill.source == "invoice"
    try:
        known, given = unit_named(bill.unit), unit_named(new["unit"])
    except Invalid:
        return False
    amounts = float(bill.consumption) * known.factor, float(new["consumption"]) * given.factor
    return known.dimension is given.dimension and isclose(*amounts, rel_tol=1e-6)


def _row(told: Told, mirror: Mirror) -> MchRow:
    start, duration = number(told.tree, "billingPeriod", "start"), number(told.tree, "billingPeriod", "duration")
    total = money(told.tree, "billLastPeriod")
    if start is None or duration is None or total is None or duration <= 0:
        raise Homeless("it lacks the billing period or the amount of the bill")
    begun = instant(start)
    holder = next((found for name in told.names if (found := mirror.holder(name, begun)) is not None), None)
    if holder is None:
        raise Homeless("no account of the mirror has a meter of the names that the feed gives")
    used, unit = _amount(inside(told.tree, "overallConsumptionLastPeriod"))
    if used is None:
        raise Homeless("it lacks the consumption")
    zone = mirror.zone_of(holder.meter_id)
    lines = [_line(each) for each in all_of(told.tree, "costAdditionalDetailLastPeriod")]
    tax = sum((line["amount"] for line in lines if line["kind"] == "TAX"), Decimal(0))
    status = number(told.tree, "statusTimeStamp")
    return MchRow.model_validate(
        {
            "contract_account": holder.account_number,
            "meter_id": holder.meter_id,
            "external_site_id": holder.premise_id,
            "billing_start": local(begun, zone),
            "billing_end": local(instant(start + duration - 1), zone),
            "total_consumption": used,
            "unit_of_measure": unit,
            "cost": total - tax,
            "tax_amount": tax,
            "total_amount": total,
            "currency": currency(told.tree),
            "line_items": lines,
            "bill_to_date": money(told.tree, "billToDate"),
            "additional_cost": money(told.tree, "costAdditionalLastPeriod"),
            "quality_of_reading": count(told.tree, "qualityOfReading"),
            # One that is no instant of this century (milliseconds, say) counts as absent.
            "status_time": None if status is None or not 0 < status < 2**32 else instant(status),
            "tariff_profile": told.text("tariffProfile"),
            "read_cycle": told.text("readCycle"),
            "charge_source": told.text("billingChargeSource", "agencyName"),
        },
        by_name=True,
    )


def _line(line: Tree) -> dict[str, Any]:
    quantity, unit = _amount(inside(line, "measurement"))
    return {
        "kind": _LINE_KINDS.get(count(line, "itemKind") or 0, "OTHER"),
        "name": text(line, "note") or "-",
        "quantity": quantity,
        "unit": unit,
        "price": money(line, "unitCost"),
        "amount": money(line, "amount") or Decimal(0),
    }


def _amount(measured: Any) -> tuple[Decimal | None, str | None]:
    """A SummaryMeasurement with its unit, energy in kWh; (None, None) for a unit that is not kept."""
    value, uom = number(measured, "value"), number(measured, "uom")
    unit = None if uom is None else unit_of(int(uom))
    if value is None or unit is None:
        return None, None
    amount = value.scaleb(count(measured, "powerOfTenMultiplier") or 0)
    return (amount.scaleb(-3), "kWh") if unit == "Wh" else (amount, unit)
