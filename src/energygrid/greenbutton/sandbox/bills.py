"""The household's bills, which add up: each is the sum of its lines, each line the product it names, in cents.

What electricity and gas cost is what their rate says of what was measured, so that a bill's energy is what its
intervals cost. Rates know no water: its prices stand here.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import numpy as np

from energygrid.billing.money import to_money
from energygrid.billing.pricing import Line, LineKind, Usage, price_bill
from energygrid.billing.rates import Rate
from energygrid.billing.sandbox import RATES
from energygrid.greenbutton.sandbox import curves
from energygrid.greenbutton.sandbox.home import ISSUED_AT, Household, billed_at, next_month
from energygrid.metering.calendar import day_span
from energygrid.metering.readings import Float64s, Int64s

CURRENCY = "USD"
SUPPLIER = "Sandbox Light and Water"
ELECTRIC: Final = "RES1"
_GAS, _WATER = "GAS1", "WATER1"
_RATES = {body["rateCode"]: Rate.model_validate(body) for body in RATES}
_DELIVERY = "Distribution"
"""The adder that is paid for delivery."""
_WATER_PRICES = (("ENERGY", "Water", Decimal("0.0049")), ("DELIVERY", _DELIVERY, Decimal("0.0061")))
_WATER_SERVICE = Decimal("6.20")
_EXPORT = Decimal("0.0512")
"""Paid for each kWh that the panels feed into the grid."""

Json = dict[str, Any]


def rate_codes(home: Household) -> dict[str, str]:
    """By meter."""
    return {home.electric: ELECTRIC, home.gas: _GAS, home.water: _WATER}


def bills_of(home: Household, billed: Iterable[date]) -> Iterator[Json]:
    before: Decimal | None = None
    for month in billed:
        bill = _electric_bill(home, month, before)
        before = bill["TotalAmount"]
        yield bill
        yield _gas_bill(home, month)
        yield _water_bill(home, month)


def _electric_bill(home: Household, month: date, before: Decimal | None) -> Json:
    """With the solar credit, and the payment of the bill before."""
    start, end = _bounds(home, month)
    delivered, received = curves.electricity(_steps(start, end, curves.QUARTER_S), home.zone)
    exported = _sum(received)
    more = [_line("CREDIT", "Solar export", -_cents(exported * _EXPORT), exported, "kWh", _EXPORT)]
    if before is not None:
        more += [
            _line("PREVIOUS_BALANCE", "Previous balance", before),
            _line("PAYMENT", "Payment received, thank you", -before),
        ]
    lines = [_of_rate(each) for each in _priced(home, ELECTRIC, month, next_month(month), curves.QUARTER_S, delivered)]
    bill = _bill(home, home.electric, ELECTRIC, month, _sum(delivered), "kWh", lines + more)
    return bill | _figures(home, month, end, delivered)


def _gas_bill(home: Household, month: date) -> Json:
    used = curves.gas(_steps(*_bounds(home, month), curves.HOUR_S), home.zone)
    lines = [_of_rate(each) for each in _priced(home, _GAS, month, next_month(month), curves.HOUR_S, used)]
    late = [_line("CREDIT", "Late appointment credit", Decimal("-5.00"))] if month.month == 2 else []
    return _bill(home, home.gas, _GAS, month, _sum(used), "ccf", lines + late)


def _water_bill(home: Household, month: date) -> Json:
    used = _sum(curves.water(_steps(*_bounds(home, month), curves.HOUR_S), home.zone))
    lines = [_line(kind, name, _cents(used * price), used, "gal", price) for kind, name, price in _WATER_PRICES]
    lines.append(_line("FIXED", "Service charge", _WATER_SERVICE))
    return _bill(home, home.water, _WATER, month, used, "gal", lines)


def _priced(home: Household, code: str, first: date, end: date, step: int, used: Float64s) -> list[Line]:
    """What the rate asks for the days [first, end), whose measured part begins with them."""
    start = int(day_span(first, home.zone).start.timestamp()) + step * np.arange(len(used), dtype=np.int64)
    bill = price_bill(Usage(start, used, step), first, end, home.zone, [_RATES[code]])
    return [line for line in bill.lines if line.amount]


def _of_rate(line: Line) -> Json:
    """A tax and a fixed charge are amounts; the others are so much of a unit at its price."""
    kind = "DELIVERY" if line.name == _DELIVERY else line.kind.value
    if line.kind in {LineKind.TAX, LineKind.FIXED}:
        return _line(kind, line.name, line.amount)
    return _line(kind, line.name, line.amount, line.quantity, line.unit, line.price)


def _bill(home: Household, meter: str, code: str, month: date, used: Decimal, unit: str, lines: list[Json]) -> Json:
    total = sum((line["amount"] for line in lines), Decimal(0))
    tax = sum((line["amount"] for line in lines if line["kind"] == "TAX"), Decimal(0))
    return {
        "ContractAccount": home.account,
        "MeterID": meter,
        "BillingStart": month,
        "BillingEnd": next_month(month) - timedelta(days=1),
        "TotalConsumption": used,
        "UnitOfMeasure": unit,
        "Cost": total - tax,
        "TaxAmount": tax,
        "TotalAmount": total,
        "RateCode": code,
        "TariffProfile": code,
        "ReadCycle": "1",
        "ChargeSource": SUPPLIER,
        "QualityOfReading": 17,
        "StatusTime": billed_at(month, home.zone).isoformat(),
        "LineItems": lines,
    }


def _bounds(home: Household, month: date) -> tuple[datetime, datetime]:
    return day_span(month, home.zone).start, day_span(next_month(month), home.zone).start


def _steps(start: datetime, end: datetime, step: int) -> Int64s:
    return np.arange(int(start.timestamp()), int(end.timestamp()), step, dtype=np.int64)


def _sum(values: Float64s) -> Decimal:
    return Decimal(str(round(float(values.sum()), 3)))


def _cents(amount: Decimal) -> Decimal:
    return to_money(amount, CURRENCY)


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
    so_far, _ = curves.electricity(_steps(end, end + timedelta(hours=ISSUED_AT), quarter), home.zone)
    yesterday, _ = curves.electricity(_steps(last_day, end, quarter), home.zone)
    since = day_span(month.replace(year=month.year - 1), home.zone).start
    year, _ = curves.electricity(_steps(since, end, quarter), home.zone)
    used, per_hour = _sum(so_far), 3600 // quarter
    today = next_month(month)
    lines = _priced(home, ELECTRIC, today, today + day, quarter, so_far)
    return {
        "BillToDate": sum((line.amount for line in lines if line.unit == "kWh"), Decimal(0)),
        "CurrentPeriodConsumption": used,
        "CurrentDayConsumption": used,
        "PreviousDayConsumption": _sum(yesterday),
        "PeakDemand": Decimal(str(round(float(delivered.max()) * per_hour, 3))),
        "RatchetDemand": Decimal(str(round(float(year.max()) * per_hour, 3))),
        "RatchetStart": month.replace(year=month.year - 1),
        "RatchetEnd": next_month(month) - day,
        "DemandUnit": "kW",
    }
