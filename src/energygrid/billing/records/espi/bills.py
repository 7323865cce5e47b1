"""Bills out of ESPI feeds: a UsageSummary of a meter that the mirror knows becomes a bill with its lines.

Source: contracts/greenbutton.md 1.2. Resources that have no home here are said to be left out, never guessed at.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.access.vault import Vault
from energygrid.billing.records.load import write_records
from energygrid.billing.records.record import Record, RecordKind
from energygrid.billing.records.rows import MchRow, record_of
from energygrid.billing.records.sealing import Safe
from energygrid.billing.settings import BillingSettings
from energygrid.customers.meters import Holding, holdings_of_meter
from energygrid.ingest.jobs import Job
from energygrid.ingest.rows import Note
from energygrid.metering.importers.espi_codes import unit_of
from energygrid.metering.settings import MeteringSettings
from energygrid.metering.told import Told, Tree, all_of, inside, text

_SUMMARIES = {"UsageSummary", "ElectricPowerUsageSummary"}
_LINE_KINDS = {1: "ENERGY", 2: "DELIVERY", 3: "ADDER", 4: "FIXED", 5: "TAX", 9: "PAYMENT", 6: "CREDIT"}
_LINE_KINDS |= {7: "CREDIT", 8: "CREDIT", 10: "OTHER"}
_CURRENCIES = {36: "AUD", 124: "CAD", 156: "CNY", 208: "DKK", 356: "INR", 392: "JPY", 578: "NOK"}
_CURRENCIES |= {643: "RUB", 752: "SEK", 756: "CHF", 826: "GBP", 840: "USD", 978: "EUR"}


class _Homeless(ValueError):
    """The summary cannot be kept; `args` has the reason."""


def take(
    vault: Vault, db: Connection, tenant: Tenant, job: Job, told: Sequence[Told], now: datetime
) -> tuple[int, list[Note]]:
    """Store the bills of a feed; how many of them changed something, and what is to be said of the rest."""
    notes: list[Note] = []
    records: dict[str, Record] = {}
    for each in told:
        if each.kind not in _SUMMARIES:
            continue
        try:
            record = _bill(db, tenant, each)
        except _Homeless as problem:
            notes.append(Note(each.row, "BILL_NOT_IMPORTED", str(problem)))
            continue
        if records.setdefault(record.id, record).content != record.content:
            notes.append(Note(each.row, "BILL_NOT_IMPORTED", "the feed has another bill of the same meter and days"))
    others = Counter(each.kind for each in told if each.kind not in _SUMMARIES)
    for kind, count in sorted(others.items()):
        notes.append(Note(0, "RESOURCE_NOT_IMPORTED", f"{count} x {kind}: not part of the readings"))
    safe = Safe.of(tenant, vault)
    counted = write_records(db, tenant, safe, job.id, RecordKind.MCH, list(records.values()), now)
    return counted["accepted"] + counted["replaced"], notes


def _bill(db: Connection, tenant: Tenant, told: Told) -> Record:
    start, end = _number(told.tree, "billingPeriod", "start"), _number(told.tree, "billingPeriod", "duration")
    total = _number(told.tree, "billLastPeriod")
    if start is None or end is None or total is None or end <= 0:
        raise _Homeless("it lacks the billing period or the amount of the bill")
    begun = _instant(start)
    holding = _holding(db, tenant, told, begun)
    zone = ZoneInfo(tenant.section("metering", MeteringSettings).zone)
    used, unit = _amount(inside(told.tree, "overallConsumptionLastPeriod"))
    if used is None:
        raise _Homeless("it lacks the consumption")
    lines = [_line(each) for each in all_of(told.tree, "costAdditionalDetailLastPeriod")]
    tax = sum((line["amount"] for line in lines if line["kind"] == "TAX"), Decimal(0))
    currency = _CURRENCIES.get(int(_number(told.tree, "currency") or 0))
    quality, status = _number(told.tree, "qualityOfReading"), _number(told.tree, "statusTimeStamp")
    try:
        row = MchRow.model_validate(
            {
                "contract_account": holding.account_number,
                "meter_id": holding.meter_id,
                "external_site_id": holding.premise_id,
                "billing_start": begun.astimezone(zone).date(),
                "billing_end": _instant(start + end - 1).astimezone(zone).date(),
                "total_consumption": used,
                "unit_of_measure": unit,
                "cost": _money(total) - tax,
                "tax_amount": tax,
                "total_amount": _money(total),
                "currency": currency,
                "line_items": lines,
                "bill_to_date": _optional_money(told.tree, "billToDate"),
                "additional_cost": _optional_money(told.tree, "costAdditionalLastPeriod"),
                "quality_of_reading": None if quality is None else int(quality),
                "status_time": None if status is None else _stamp(status),
                "tariff_profile": told.text("tariffProfile"),
                "read_cycle": told.text("readCycle"),
                "charge_source": told.text("billingChargeSource", "agencyName"),
            },
            by_name=True,
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise _Homeless(f"{'.'.join(map(str, first['loc']))}: {first['msg']}"[:300]) from None
    return record_of(row, told.row, tenant.section("billing", BillingSettings).currency)


def _holding(db: Connection, tenant: Tenant, told: Told, at: datetime) -> Holding:
    """Who had the meter when the period began, else who had it first after."""
    for name in told.meters:
        held = [each for each in holdings_of_meter(db, tenant.id, name) if each.account_number]
        then = [each for each in held if each.until is None or each.until > at]
        if then:
            return then[0]
    raise _Homeless("no account of the mirror has a meter of the names that the feed gives")


def _line(line: Tree) -> dict[str, Any]:
    quantity, unit = _amount(inside(line, "measurement"))
    kind, price = _number(line, "itemKind"), _number(line, "unitCost")
    return {
        "kind": _LINE_KINDS.get(int(kind or 0), "OTHER"),
        "name": text(line, "note") or "-",
        "quantity": quantity,
        "unit": unit,
        "price": None if price is None else _money(price),
        "amount": _money(_number(line, "amount") or Decimal(0)),
    }


def _amount(measured: Any) -> tuple[Decimal | None, str | None]:
    """A SummaryMeasurement with its unit, energy in kWh; (None, None) for a unit that is not kept."""
    value, uom = _number(measured, "value"), _number(measured, "uom")
    unit = None if uom is None else unit_of(int(uom))
    if value is None or unit is None:
        return None, None
    amount = value.scaleb(int(_number(measured, "powerOfTenMultiplier") or 0))
    return (amount.scaleb(-3), "kWh") if unit == "Wh" else (amount, unit)


def _optional_money(tree: Tree, name: str) -> Decimal | None:
    number = _number(tree, name)
    return None if number is None else _money(number)


def _money(number: Decimal) -> Decimal:
    return number.scaleb(-5)


def _number(tree: Any, *names: str) -> Decimal | None:
    """Whole numbers are all that ESPI writes; anything else counts as absent."""
    try:
        number = Decimal(text(tree, *names) or "")
    except InvalidOperation:
        return None
    return number if number.is_finite() and number == number.to_integral_value() and abs(number) < 10**15 else None


def _stamp(seconds: Decimal) -> datetime | None:
    """When a summary was true; one that is no instant of this century (milliseconds, say) counts as absent."""
    return _instant(seconds) if 0 < seconds < 2**32 else None


def _instant(seconds: Decimal) -> datetime:
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        raise _Homeless("its times are no instants") from None
