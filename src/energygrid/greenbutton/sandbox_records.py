"""What the sandbox's utility says of the household besides readings: bills with documents, agreements, devices.

The bills add up: each is the sum of its lines, each line the product that it names, rounded to cents.
"""

import base64
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.access.vault import Vault
from energygrid.billing.records import files
from energygrid.billing.records.load import write_records
from energygrid.billing.records.record import Record, RecordKind
from energygrid.billing.records.sealing import Safe
from energygrid.billing.records.values import DateRules
from energygrid.greenbutton import sandbox_curves as curves
from energygrid.greenbutton.sandbox_pdf import one_page
from energygrid.metering.calendar import day_span

_CENT = Decimal("0.01")
_CURRENCY = "USD"
_TARIFFS = "https://utility.example/tariffs"
_ISSUED_AT = 6
"""Hour of the month's first day at which the month before is billed."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Household:
    tenant: Tenant
    zone: str
    account: str
    electric: str
    gas: str
    water: str


@dataclass(frozen=True, slots=True)
class Tariff:
    """Prices of one unit and of one month."""

    code: str
    unit: str
    energy: Decimal
    delivery: Decimal
    fixed: Decimal
    tax: Decimal


_ELECTRIC = Tariff("RES1", "kWh", Decimal("0.1042"), Decimal("0.06879"), Decimal("8.50"), Decimal("0.04"))
_GAS = Tariff("GAS1", "ccf", Decimal("0.4125"), Decimal("0.38"), Decimal("8.50"), Decimal("0.04"))
_WATER = Tariff("WATER1", "gal", Decimal("0.0049"), Decimal("0.0061"), Decimal("6.20"), Decimal(0))
_EXPORT = Decimal("0.0512")
"""Paid for each kWh that the panels feed into the grid."""


def load(db: Connection, vault: Vault, home: Household, first: date, now: datetime) -> None:
    """Store what is not known yet of the months from `first` that are billed by `now`."""
    safe = Safe.of(home.tenant, vault)
    billed = [each for each in months(first, now.date()) if _issued(_next(each), home.zone) <= now]
    bills = list(_bills(home, billed))
    for kind, rows in {
        RecordKind.SUPPLIER: [_SUPPLIER],
        RecordKind.AGREEMENT: [_agreement(home, meter, tariff) for meter, tariff in _tariffs(home).items()],
        RecordKind.ACCOUNT: [_account(home)],
        RecordKind.LOCATION: [_location(meter) for meter in _tariffs(home)],
        RecordKind.DEVICE: list(_devices(home)),
        RecordKind.MCH: bills,
        RecordKind.STATEMENT: [_statement(home, bill) for bill in bills if bill["MeterID"] == home.electric],
        RecordKind.POWER_QUALITY: [_power_quality(home, month) for month in billed],
    }.items():
        write_records(db, home.tenant, safe, f"sandbox {now.isoformat()}", kind, _records(kind, rows), now)


def months(first: date, until: date) -> Iterator[date]:
    """First days of months from `first` up to the day `until`."""
    day = first
    while day <= until:
        yield day
        day = _next(day)


def _next(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)


def _issued(day: date, zone: str) -> datetime:
    return day_span(day, zone).start + timedelta(hours=_ISSUED_AT)


def _records(kind: RecordKind, rows: Iterable[Json]) -> list[Record]:
    """The rows through the reader of billing files, which must have nothing to say about them."""
    body = "\n".join(json.dumps(row, default=str) for row in rows)
    found = list(files.read(io.BytesIO(body.encode()), kind, DateRules(), _CURRENCY)) if body else []
    records = [each for each in found if isinstance(each, Record)]
    assert len(records) == len(found), [each for each in found if not isinstance(each, Record)]
    return records


def _tariffs(home: Household) -> Mapping[str, Tariff]:
    return {home.electric: _ELECTRIC, home.gas: _GAS, home.water: _WATER}


def _quarters(start: datetime, end: datetime, step: int) -> Any:
    return np.arange(int(start.timestamp()), int(end.timestamp()), step, dtype=np.int64)


def _sum(values: Any) -> Decimal:
    return Decimal(str(round(float(values.sum()), 3)))


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT)


def _bills(home: Household, billed: Iterable[date]) -> Iterator[Json]:
    before: Decimal | None = None
    for month in billed:
        bill = _electric_bill(home, month, before)
        before = bill["TotalAmount"]
        yield bill
        start, end = day_span(month, home.zone).start, day_span(_next(month), home.zone).start
        hours = _quarters(start, end, curves.HOUR_S)
        late = [_line("CREDIT", "Late appointment credit", Decimal("-5.00"))] if month.month == 2 else []
        yield _bill(home, home.gas, _GAS, month, _sum(curves.gas(hours, home.zone)), late)
        yield _bill(home, home.water, _WATER, month, _sum(curves.water(hours, home.zone)), [])


def _electric_bill(home: Household, month: date, before: Decimal | None) -> Json:
    """With the solar credit, and the payment of the bill before."""
    start, end = day_span(month, home.zone).start, day_span(_next(month), home.zone).start
    delivered, received = curves.electricity(_quarters(start, end, curves.QUARTER_S), home.zone)
    exported = _sum(received)
    more = [_line("CREDIT", "Solar export", -_cents(exported * _EXPORT), exported, "kWh", _EXPORT)]
    if before is not None:
        more += [
            _line("PREVIOUS_BALANCE", "Previous balance", before),
            _line("PAYMENT", "Payment received, thank you", -before),
        ]
    bill = _bill(home, home.electric, _ELECTRIC, month, _sum(delivered), more)
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
        "BillingEnd": _next(month) - timedelta(days=1),
        "TotalConsumption": used,
        "UnitOfMeasure": tariff.unit,
        "Cost": total - tax,
        "TaxAmount": tax,
        "TotalAmount": total,
        "RateCode": tariff.code,
        "TariffProfile": tariff.code,
        "ReadCycle": "1",
        "ChargeSource": _SUPPLIER["Name"],
        "QualityOfReading": 17,
        "StatusTime": _issued(_next(month), home.zone).isoformat(),
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
    last_day = day_span(_next(month) - day, home.zone).start
    so_far, _ = curves.electricity(_quarters(end, end + timedelta(hours=_ISSUED_AT), quarter), home.zone)
    yesterday, _ = curves.electricity(_quarters(last_day, end, quarter), home.zone)
    since = day_span(month.replace(year=month.year - 1), home.zone).start
    year, _ = curves.electricity(_quarters(since, end, quarter), home.zone)
    used, per_hour = _sum(so_far), 3600 // quarter
    return {
        "BillToDate": _cents(used * (_ELECTRIC.energy + _ELECTRIC.delivery)),
        "CurrentPeriodConsumption": used,
        "CurrentDayConsumption": used,
        "PreviousDayConsumption": _sum(yesterday),
        "PeakDemand": Decimal(str(round(float(delivered.max()) * per_hour, 3))),
        "RatchetDemand": Decimal(str(round(float(year.max()) * per_hour, 3))),
        "RatchetStart": month.replace(year=month.year - 1),
        "RatchetEnd": _next(month) - day,
        "DemandUnit": "kW",
    }


def _statement(home: Household, bill: Json) -> Json:
    month: date = bill["BillingStart"]
    text = [
        _SUPPLIER["Name"],
        f"Account {home.account}, {month:%B %Y}",
        *(f"{line['name']}: {line['amount']} {_CURRENCY}" for line in bill["LineItems"]),
        f"Total: {bill['TotalAmount']} {_CURRENCY}",
    ]
    return {
        "ContractAccount": home.account,
        "MeterID": home.electric,
        "StatementID": f"{month:%Y-%m}",
        "IssueDate": _next(month),
        "FileName": f"bill-{month:%Y-%m}.pdf",
        "MediaType": "application/pdf",
        "Content": base64.b64encode(one_page(text)).decode(),
    }


def _power_quality(home: Household, month: date) -> Json:
    at = month.month
    return {
        "MeterID": home.electric,
        "PeriodStart": month,
        "PeriodEnd": _next(month) - timedelta(days=1),
        "Protocol": "EN50160",
        "LongTermFlicker": Decimal(50 + at) / 100,
        "ShortTermFlicker": Decimal(60 + at) / 100,
        "HarmonicVoltage": Decimal(20 + at) / 10,
        "MainsVoltage": Decimal(1200 + at) / 10,
        "PowerFrequency": Decimal("59.998"),
        "LongInterruptions": int(at in {1, 7}),
        "ShortInterruptions": at % 3,
        "RapidVoltageChanges": at,
        "SupplyVoltageDips": at % 4,
        "SupplyVoltageImbalance": at % 2,
        "SupplyVoltageVariations": at % 5,
        "TemporaryOvervoltages": 0,
    }


_SUPPLIER: Json = {
    "SupplierID": "sandbox-light",
    "Name": "Sandbox Light and Water",
    "Kind": "utility",
    "IssuerIdentificationNumber": "901234",
    "EffectiveDate": "2015-04-01",
    "Street": "1 Utility Plaza",
    "City": "Detroit",
    "State": "MI",
    "PostalCode": "48226",
    "Country": "US",
    "Phone": "313-555-0100",
    "Email": "service@utility.example",
    "Web": "https://utility.example",
}


def _agreement(home: Household, meter: str, tariff: Tariff) -> Json:
    program = {
        "name": "Peak Saver",
        "status": "enrolled",
        "description": "https://utility.example/programs/peak-saver",
        "dates": [
            {
                "type": "CUST_DR_PROGRAM_ENROLLMENT_DATE",
                "date": "2021-06-01",
                "code": "PS-IN",
                "note": "The first day on which events count",
            },
            {"type": "CUST_DR_PROGRAM_DE_ENROLLMENT_DATE", "code": "PS-OUT"},
        ],
    }
    return {
        "ContractAccount": home.account,
        "AgreementID": f"AG-{meter}",
        "MeterID": meter,
        "SupplierID": _SUPPLIER["SupplierID"],
        "Type": "residential service",
        "Status": "active",
        "SignDate": "2019-08-12",
        "ValidFrom": "2019-09-01",
        "IsPrePay": False,
        "Currency": _CURRENCY,
        "TariffURL": [f"{_TARIFFS}/{tariff.code}"],
        "Programs": [program] if tariff is _ELECTRIC else [],
    }


def _account(home: Household) -> Json:
    return {
        "ContractAccount": home.account,
        "CustomerKind": "residential",
        "Locale": "en-US",
        "Status": "active",
        "BillingCycle": "1",
        "BudgetBill": "N",
        "Notifications": [
            {"method": "email", "time": "2026-01-02T15:00:00Z", "note": "Your bill is ready", "kind": "bill issued"}
        ],
        "ContactName": "Grace Greenfield",
        "Street": "P.O. Box 40",
        "City": "Royal Oak",
        "State": "MI",
        "PostalCode": "48068",
        "Country": "US",
        "Phone": "248-555-0140",
        "Email": "grace@customer.example",
    }


def _location(meter: str) -> Json:
    place = {"Type": "residence", "Country": "US", "Longitude": "-83.1446", "Latitude": "42.4895"}
    return {"MeterID": meter, **place, "NeedsInspection": False, "OutageBlock": "B7"}


def _devices(home: Household) -> Iterator[Json]:
    common = {"InstalledOn": "2019-08-20", "IsVirtual": False, "IsPan": False, "AmrSystem": "RF mesh"}
    for meter, form in ((home.electric, "2S"), (home.gas, None), (home.water, None)):
        step = curves.QUARTER_S if meter == home.electric else curves.HOUR_S
        multipliers = [{"kind": "kR", "value": 1}] if meter == home.electric else []
        yield {
            "MeterID": meter,
            "DeviceID": meter,
            "Type": "AMI",
            "SerialNumber": f"SN{meter}",
            "FormNumber": form,
            "IntervalLength": step,
            "Multipliers": multipliers,
            **common,
        }
    yield {
        "MeterID": home.electric,
        "DeviceID": "NIC-40",
        "Role": "end_device",
        "Type": "network interface",
        "SerialNumber": "NIC400000001",
        **common,
    }
