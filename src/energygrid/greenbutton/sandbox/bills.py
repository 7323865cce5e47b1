"""The household's bills, which add up: each is the sum of its lines, each line the product it names, in cents."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from energygrid.greenbutton.sandbox import curves
from energygrid.greenbutton.sandbox.home import ISSUED_AT, Household, billed_at, next_month
from energygrid.metering.calendar import day_span

CURRENCY = "USD"
SUPPLIER = "Sandbox Light and Water"
_CENT = Decimal("0.01")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Tariff:
    """Prices of one unit and of one month."""

    code: str
    unit: str
    energy: Decimal
    delivery: Decimal
    fixed: Decimal
    tax: Decimal


ELECTRIC = Tariff("RES1", "kWh", Decimal("0.1042"), Decimal("0.06879"), Decimal("8.50"), Decimal("0.04"))
_GAS = Tariff("GAS1", "ccf", Decimal("0.4125"), Decimal("0.38"), Decimal("8.50"), Decimal("0.04"))
_WATER = Tariff("WATER1", "gal", Decimal("0.0049"), Decimal("0.0061"), Decimal("6.20"), Decimal(0))
_EXPORT = Decimal("0.0512")
"""Paid for each kWh that the panels feed into the grid."""


def tariffs(home: Household) -> Mapping[str, Tariff]:
    return {home.electric: ELECTRIC, home.gas: _GAS, home.water: _WATER}


def _quarters(start: datetime, end: datetime, step: int) -> Any:
    return np.arange(int(start.timestamp()), int(end.timestamp()), step, dtype=np.int64)


def _sum(values: Any) -> Decimal:
    return Decimal(str(round(float(values.sum()), 3)))


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT)


def bills_of(home: Household, billed: Iterable[date]) -> Iterator[Json]:
    before: Decimal | None = None
    for month in billed:
        bill = _electric_bill(home, month, before)
        before = bill["TotalAmount"]
        yield bill
        start, end = day_span(month, home.zone).start, day_span(next_month(month), home.zone).start
        hours = _quarters(start, end, curves.HOUR_S)
        late = [_line("CREDIT", "Late appointment credit", Decimal("-5.00"))] if month.month == 2 else []
        yield _bill(home, home.gas, _GAS, month, _sum(curves.gas(hours, home.zone)), late)
        yield _bill(home, home.water, _WATER, month, _sum(curves.water(hours, home.zone)), [])


def _electric_bill(home: Household, month: date, before: Decimal | None) -> Json:
    """With the solar credit, and the payment of the bill before."""
    start, end = day_span(month, home.zone).start, day_span(next_month(month), home.zone).start
    delivered, received = curves.electricity(_quarters(start, end, curves.QUARTER_S), home.zone)
    exported = _sum(received)
    more = [_line("CREDIT", "Solar export", -_cents(exported * _EXPORT), exported, "kWh", _EXPORT)]
    if before is not None:
        more += [
            _line("PREVIOUS_BALANCE", "Previous balance", before),
            _line("PAYMENT", "Payment received, thank you", -before),
        ]
    bill = _bill(home, home.electric, ELECTRIC, month, _sum(delivered), more)
    return bill | _figures(home, month, end, delivered)


def _bill(home: Household, meter: str, tariff: Tariff, month: date, used: Decimal, more: list[Json]) -> Json:
    lines = [
        _line("ENERGY", "Energy", _cents(used * tariff.energy), used, tariff.unit, tariff.energy),
        _line("DELIVERY", "Distribution", _cents(used * tariff.delivery), used, tariff.unit, tariff.delivery),
        _line("FIXED", "Service charge", tariff.fixed),
    ]
    taxed = sum((line["amount"] for line in lines), Decimal(0))
    tax = _cents(taxed * tariff.tax)
    if tax:
        lines.append(_line("TAX", "State sales tax", tax))
    lines += more
    total = sum((line["amount"] for line in lines), Decimal(0))
    return {
        "ContractAccount": home.account,
        "MeterID": meter,
        "BillingStart": month,
        "BillingEnd": next_month(month) - timedelta(days=1),
        "TotalConsumption": used,
        "UnitOfMeasure": tariff.unit,
        "Cost": total - tax,
        "TaxAmount": tax,
        "TotalAmount": total,
        "RateCode": tariff.code,
        "TariffProfile": tariff.code,
        "ReadCycle": "1",
        "ChargeSource": SUPPLIER,
        "QualityOfReading": 17,
        "StatusTime": billed_at(month, home.zone).isoformat(),
        "LineItems": lines,
    }


def _line(
    kind: str,
    name: str,
    amount: Decimal,
    quantity: Decimal | None = None,
    unit: str | None = None,
    price: Decimal | None = None,
) -> Json:
    return {"kind": kind, "name": name, "amount": amount, "quantity": quantity, "unit": unit, "price": price}


def _figures(home: Household, month: date, end: datetime, delivered: Any) -> Json:
    """Demands, and what had been used of the running period when the bill was issued."""
    quarter, day = curves.QUARTER_S, timedelta(days=1)
    last_day = day_span(next_month(month) - day, home.zone).start
    so_far, _ = curves.electricity(_quarters(end, end + timedelta(hours=ISSUED_AT), quarter), home.zone)
    yesterday, _ = curves.electricity(_quarters(last_day, end, quarter), home.zone)
    since = day_span(month.replace(year=month.year - 1), home.zone).start
    year, _ = curves.electricity(_quarters(since, end, quarter), home.zone)
    used, per_hour = _sum(so_far), 3600 // quarter
    return {
        "BillToDate": _cents(used * (ELECTRIC.energy + ELECTRIC.delivery)),
        "CurrentPeriodConsumption": used,
        "CurrentDayConsumption": used,
        "PreviousDayConsumption": _sum(yesterday),
        "PeakDemand": Decimal(str(round(float(delivered.max()) * per_hour, 3))),
        "RatchetDemand": Decimal(str(round(float(year.max()) * per_hour, 3))),
        "RatchetStart": month.replace(year=month.year - 1),
        "RatchetEnd": next_month(month) - day,
        "DemandUnit": "kW",
    }
