"""UsageSummary: a bill, with the lines that explain it. Source: contracts/greenbutton.md 1.2."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import TypeAlias

from sqlalchemy import Connection

from energygrid.billing.records.record import Line
from energygrid.billing.records.rows import BillFacts
from energygrid.errors import Invalid
from energygrid.greenbutton.atom import USAGE, Content, Entry, Link, Scalar
from energygrid.greenbutton.usage.bills import BilledPeriod, billed_periods
from energygrid.greenbutton.usage.codes import COMMODITY_OF_TYPE, UOMS
from energygrid.greenbutton.usage.context import Context
from energygrid.greenbutton.usage.costs import Tariff, energy_is_explained
from energygrid.greenbutton.usage.money import currency_number, money, whole
from energygrid.greenbutton.usage.queries import AnyRow
from energygrid.greenbutton.usage.served import ServedMeter
from energygrid.greenbutton.window import Window
from energygrid.metering.calendar import day_span
from energygrid.metering.units import unit

Element: TypeAlias = "tuple[str, Scalar | Content]"

_REVENUE_QUALITY = 19
_BILLING_DETAILS = 26

_ITEM_KINDS = {
    "ENERGY": 1,
    "DELIVERY": 2,
    "ADDER": 3,
    "FIXED": 4,
    "TAX": 5,
    "CREDIT": 8,
    "PREVIOUS_BALANCE": 10,
    "PAYMENT": 9,
    "OTHER": 4,
}
_CREDIT_KINDS = {"ENERGY": 6, "DELIVERY": 7}
"""What is given back for what was fed in, or taken."""

_MEASURED = (
    ("currentBillingPeriodOverAllConsumption", "current_period_consumption"),
    ("currentDayLastYearNetConsumption", "current_day_last_year_net_consumption"),
    ("currentDayNetConsumption", "current_day_net_consumption"),
    ("currentDayOverallConsumption", "current_day_consumption"),
    ("peakDemand", "peak_demand"),
    ("previousDayLastYearOverallConsumption", "previous_day_last_year_consumption"),
    ("previousDayNetConsumption", "previous_day_net_consumption"),
    ("previousDayOverallConsumption", "previous_day_consumption"),
)


def summary_entries(
    db: Connection, ctx: Context, meter: ServedMeter, tariff: Tariff | None, window: Window
) -> list[Entry]:
    """`tariff`: of the meter, when its readings carry costs."""
    if not ctx.entitlement.scope.summaries:
        return []
    return [_entry(ctx, meter, tariff, each) for each in billed_periods(db, ctx, meter.meter, meter.zone, window)]


def _entry(ctx: Context, meter: ServedMeter, tariff: Tariff | None, period: BilledPeriod) -> Entry:
    point = ctx.usage_point(meter.meter)
    up = f"{point}/UsageSummary"
    explained = energy_is_explained(tariff, period.start, meter.zone)
    return Entry(
        resource="UsageSummary",
        namespace=USAGE,
        href=f"{up}/{ctx.opaque('usage summary', *period.key)}",
        up=up,
        related=(Link("related", point, "espi-entry/UsagePoint"),),
        published=period.first_known_at,
        updated=period.known_at,
        content=tuple(_content(ctx, meter.row, meter.zone, period, explained=explained)),
    )


def _content(ctx: Context, row: AnyRow, zone: str, period: BilledPeriod, *, explained: bool) -> Iterator[Element]:
    bill, measured = period.charged, period.measured or period.charged
    facts, scope = _facts(period), ctx.entitlement.scope
    name = measured.unit or row.unit
    end = int(day_span(period.end, zone).start.timestamp())
    known = int((facts.status_time or period.known_at).timestamp())
    yield "billingPeriod", _interval(int(day_span(period.start, zone).start.timestamp()), end)
    if scope.costs or _BILLING_DETAILS in scope.blocks:
        yield from _charges(period, facts, end, explained=explained)
    yield from _measurement("overallConsumptionLastPeriod", measured.consumption, name, end)
    for element, field in _MEASURED:
        demand = element == "peakDemand"
        as_of = known if element == "currentBillingPeriodOverAllConsumption" else None
        yield from _measurement(element, getattr(facts, field), facts.demand_unit if demand else name, as_of)
    yield "qualityOfReading", _REVENUE_QUALITY if facts.quality_of_reading is None else facts.quality_of_reading
    yield from _measurement("ratchetDemand", facts.ratchet_demand, facts.demand_unit, None)
    if facts.ratchet_start is not None and facts.ratchet_end is not None:
        days = (facts.ratchet_start, facts.ratchet_end + timedelta(days=1))
        start, stop = (int(day_span(day, zone).start.timestamp()) for day in days)
        yield "ratchetDemandPeriod", _interval(start, stop)
    yield "statusTimeStamp", known
    if row.meter_type in COMMODITY_OF_TYPE:
        yield "commodity", COMMODITY_OF_TYPE[row.meter_type]
    profile = facts.tariff_profile or measured.rate_code or bill.rate_code
    for element, text in (("tariffProfile", profile), ("readCycle", facts.read_cycle)):
        if text is not None:
            yield element, text[:256]
    if facts.charge_source is not None:
        yield "billingChargeSource", (("agencyName", facts.charge_source[:256]),)


def _facts(period: BilledPeriod) -> BillFacts:
    """What was said besides, of the invoice and of the measured bill together; the invoice counts first."""
    said = period.charged.facts.model_dump(exclude_none=True)
    if period.measured is not None:
        said = period.measured.facts.model_dump(exclude_none=True) | said
    return BillFacts.model_construct(**(dict.fromkeys(BillFacts.model_fields) | said))


def _charges(period: BilledPeriod, facts: BillFacts, end: int, *, explained: bool) -> Iterator[Element]:
    """What was charged; `additional` is the part that costs of readings do not explain, and so are its lines.

    explained  whether readings carry what energy cost
    """
    bill = period.charged
    lines = bill.lines or (period.measured.lines if period.measured else ())
    if explained:
        energy = sum((line.amount for line in lines if line.kind == "ENERGY"), Decimal(0))
        lines = tuple(line for line in lines if line.kind != "ENERGY")
    else:
        energy = Decimal(0)
    additional = bill.total - energy if facts.additional_cost is None else facts.additional_cost
    amounts = (
        ("billLastPeriod", bill.total),
        ("billToDate", facts.bill_to_date),
        ("costAdditionalLastPeriod", additional),
    )
    for element, amount in amounts:
        yield from _money(element, amount)
    for line in lines:
        yield "costAdditionalDetailLastPeriod", tuple(_line(line, end))
    yield "currency", currency_number(bill.currency)


def _line(line: Line, end: int) -> Iterator[Element]:
    yield from _money("amount", line.amount)
    yield "note", line.name[:256]
    yield from _measurement("measurement", line.quantity, line.unit, end)
    kind = _ITEM_KINDS.get(line.kind, _ITEM_KINDS["OTHER"])
    yield "itemKind", _CREDIT_KINDS.get(line.kind, kind) if line.amount < 0 else kind
    if line.unit is not None and _uom(line.unit) is not None:
        yield from _money("unitCost", line.price)


def _money(element: str, amount: Decimal | None) -> Iterator[Element]:
    number = None if amount is None else money(amount)
    if number is not None:
        yield element, number


def _measurement(element: str, amount: Decimal | None, name: str | None, at: int | None) -> Iterator[Element]:
    """An amount in a unit that ESPI knows; otherwise nothing."""
    known = None if name is None else _uom(name)
    if amount is None or known is None:
        return
    code, power, places = known
    number = whole(amount, -places)
    if number is None:
        return
    stamp: Sequence[Element] = () if at is None else (("timeStamp", at),)
    yield element, (("powerOfTenMultiplier", power), *stamp, ("uom", code), ("value", number))


def _uom(name: str) -> tuple[int, int, int] | None:
    """UnitSymbolKind, powerOfTenMultiplier, and the decimals of the named unit that this keeps."""
    try:
        uom = UOMS.get(unit(name).name)
    except Invalid:
        return None
    return None if uom is None or uom.offset else (uom.code, uom.power, uom.unit - uom.power)


def _interval(start: int, end: int) -> Content:
    return (("duration", end - start), ("start", start))
