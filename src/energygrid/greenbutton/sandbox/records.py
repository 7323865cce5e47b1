"""What the sandbox's utility says of the household besides readings: bills with documents, agreements, devices."""

import base64
import io
import json
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal

from sqlalchemy import Connection

from energygrid.access.vault import Vault
from energygrid.billing.records import files
from energygrid.billing.records.load import write_records
from energygrid.billing.records.record import Record, RecordKind
from energygrid.billing.records.sealing import Safe
from energygrid.billing.records.values import DateRules
from energygrid.greenbutton.sandbox import curves
from energygrid.greenbutton.sandbox.bills import CURRENCY, ELECTRIC, SUPPLIER, Json, bills_of, rate_codes
from energygrid.greenbutton.sandbox.home import Household, billed_at, months, next_month
from energygrid.greenbutton.sandbox.pdf import one_page

_TARIFFS = "https://utility.example/tariffs"


def load(db: Connection, vault: Vault, home: Household, first: date, now: datetime) -> None:
    """Store what is not known yet of the months from `first` that are billed by `now`."""
    safe = Safe.of(home.tenant, vault)
    billed = [each for each in months(first, now.date()) if billed_at(each, home.zone) <= now]
    bills = list(bills_of(home, billed))
    for kind, rows in {
        RecordKind.SUPPLIER: [_SUPPLIER],
        RecordKind.AGREEMENT: [_agreement(home, meter, code) for meter, code in rate_codes(home).items()],
        RecordKind.ACCOUNT: [_account(home)],
        RecordKind.LOCATION: [_location(meter) for meter in rate_codes(home)],
        RecordKind.DEVICE: list(_devices(home)),
        RecordKind.MCH: bills,
        RecordKind.STATEMENT: [_statement(home, bill) for bill in bills if bill["MeterID"] == home.electric],
        RecordKind.POWER_QUALITY: [_power_quality(home, month) for month in billed],
    }.items():
        write_records(db, home.tenant, safe, f"sandbox {now.isoformat()}", kind, _records(kind, rows), now)


def _records(kind: RecordKind, rows: Iterable[Json]) -> list[Record]:
    """The rows through the reader of billing files, which must have nothing to say about them."""
    body = "\n".join(json.dumps(row, default=str) for row in rows)
    found = list(files.read(io.BytesIO(body.encode()), kind, DateRules(), CURRENCY)) if body else []
    records = [each for each in found if isinstance(each, Record)]
    assert len(records) == len(found), [each for each in found if not isinstance(each, Record)]
    return records


def _statement(home: Household, bill: Json) -> Json:
    month: date = bill["BillingStart"]
    text = [
        SUPPLIER,
        f"Account {home.account}, {month:%B %Y}",
        *(f"{line['name']}: {line['amount']} {CURRENCY}" for line in bill["LineItems"]),
        f"Total: {bill['TotalAmount']} {CURRENCY}",
    ]
    return {
        "ContractAccount": home.account,
        "MeterID": home.electric,
        "StatementID": f"{month:%Y-%m}",
        "IssueDate": next_month(month),
        "FileName": f"bill-{month:%Y-%m}.pdf",
        "MediaType": "application/pdf",
        "Content": base64.b64encode(one_page(text)).decode(),
    }


def _power_quality(home: Household, month: date) -> Json:
    at = month.month
    return {
        "MeterID": home.electric,
        "PeriodStart": month,
        "PeriodEnd": next_month(month) - timedelta(days=1),
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
    "Name": SUPPLIER,
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


def _agreement(home: Household, meter: str, code: str) -> Json:
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
        "Currency": CURRENCY,
        "TariffURL": [f"{_TARIFFS}/{code}"],
        "Programs": [program] if code == ELECTRIC else [],
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
