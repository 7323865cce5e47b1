"""One record of each kind as it comes, and what is stored of it.

Names are matched without regard to case, spaces, `_`, `-` and `.`: `ContractAccount`, `contract_account` and
`contractAccount` are the same column. Columns and their meaning: docs/formats-billing.md. Source:
contracts/powerbox.md 1.7.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import AliasGenerator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from energygrid.billing.records.facts import FACT_ROWS, FactRow, Facts
from energygrid.billing.records.record import Line, Record, RecordKind, record_id
from energygrid.billing.records.values import Currency, Day, Id, Moment, Number, Words, squash

LineKind = Literal["ENERGY", "DELIVERY", "ADDER", "FIXED", "TAX", "CREDIT", "PREVIOUS_BALANCE", "PAYMENT", "OTHER"]


QualityCode = Annotated[
    Literal[0, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19],
    BeforeValidator(
        lambda value: int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
    ),
]
"""QualityOfReading of ESPI."""


class _Row(BaseModel):
    model_config = ConfigDict(extra="ignore", alias_generator=AliasGenerator(alias=squash), coerce_numbers_to_str=True)

    contract_account: Id
    currency: Currency | None = None


class LineRow(BaseModel):
    model_config = ConfigDict(extra="ignore", alias_generator=AliasGenerator(alias=squash))

    kind: LineKind = "OTHER"
    name: Words
    quantity: Number | None = None
    unit: Words | None = None
    price: Number | None = None
    amount: Number


class BillFacts(Facts):
    """What a bill may say besides what it charges; None where the utility sent nothing.

    Amounts of energy are in the bill's unit, demands in `demand_unit`; both days of the ratchet period are included.
    """

    bill_to_date: Number | None = None
    additional_cost: Number | None = None
    current_period_consumption: Number | None = None
    current_day_consumption: Number | None = None
    current_day_net_consumption: Number | None = None
    current_day_last_year_net_consumption: Number | None = None
    previous_day_consumption: Number | None = None
    previous_day_net_consumption: Number | None = None
    previous_day_last_year_consumption: Number | None = None
    peak_demand: Number | None = None
    ratchet_demand: Number | None = None
    ratchet_start: Day | None = None
    ratchet_end: Day | None = None
    demand_unit: Words | None = None
    quality_of_reading: QualityCode | None = None
    status_time: Moment | None = None
    tariff_profile: Words | None = None
    read_cycle: Words | None = None
    charge_source: Words | None = None

    @model_validator(mode="after")
    def _ratchet_is_a_span(self) -> Self:
        start, end = self.ratchet_start, self.ratchet_end
        if (start is None) != (end is None) or (start is not None and end is not None and end < start):
            raise ValueError("RatchetStart and RatchetEnd come together, in order")
        return self


class _BillRow(BillFacts, _Row):
    external_site_id: Id | None = None
    billing_start: Day
    billing_end: Day
    rate_code: Id | None = None
    line_items: list[LineRow] = Field([], max_length=500)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.billing_end < self.billing_start:
            raise ValueError("BillingEnd is before BillingStart")
        return self


class MchRow(_BillRow):
    """One meter and one billing period. `cost` is without taxes; `total_amount` defaults to cost and taxes."""

    meter_id: Id = Field(alias="meterid")
    total_consumption: Number
    unit_of_measure: Words | None = None
    usage_value: Number | None = None
    cost: Number
    tax_amount: Number | None = None
    total_amount: Number | None = None
    meter_effective_date: Day | None = None


class InvoiceRow(_BillRow):
    invoice_number: Id
    meter_id: Id | None = None
    issue_date: Day | None = None
    due_date: Day | None = None
    total_amount: Number


class PaymentPlanRow(_Row):
    plan_id: Id
    plan_type: Words
    status: Words | None = None
    start_date: Day
    end_date: Day | None = None
    installment_amount: Number | None = None
    total_amount: Number | None = None
    next_due_date: Day | None = None


class TerminationRow(_Row):
    client_id: Id | None = None
    external_site_id: Id | None = None
    termination_date: Day
    reason: Words | None = None


ROWS: Mapping[RecordKind, type[BaseModel]] = {
    RecordKind.MCH: MchRow,
    RecordKind.INVOICE: InvoiceRow,
    RecordKind.PAYMENT_PLAN: PaymentPlanRow,
    RecordKind.TERMINATION: TerminationRow,
    **FACT_ROWS,
}


def _after(day: date) -> date:
    return day + timedelta(days=1)


def record_of(row: BaseModel, number: int, currency: str) -> Record:
    """The record that a checked row stands for; `currency` is used where the row names none."""
    match row:
        case MchRow():
            tax = row.tax_amount
            if tax is None and row.line_items:
                tax = sum((line.amount for line in row.line_items if line.kind == "TAX"), Decimal(0))
            return _bill(
                RecordKind.MCH,
                ("mch", row.contract_account, row.meter_id, row.billing_start),
                row,
                number,
                currency,
                consumption=row.total_consumption,
                unit=row.unit_of_measure,
                usage_value=row.usage_value,
                cost=row.cost,
                tax=tax,
                total=row.total_amount if row.total_amount is not None else row.cost + (tax or 0),
                meter_effective_on=row.meter_effective_date,
            )
        case InvoiceRow():
            taxes = [line.amount for line in row.line_items if line.kind == "TAX"]
            return _bill(
                RecordKind.INVOICE,
                ("invoice", row.invoice_number),
                row,
                number,
                currency,
                invoice_number=row.invoice_number,
                issued_on=row.issue_date,
                due_on=row.due_date,
                tax=sum(taxes, Decimal(0)) if taxes else None,
                total=row.total_amount,
            )
        case PaymentPlanRow():
            return _plan(row, number, currency)
        case TerminationRow():
            columns = {
                "account_number": row.contract_account,
                "client_id": row.client_id,
                "premise_id": row.external_site_id,
                "last_day": row.termination_date,
                "reason": row.reason,
            }
            key = record_id("trm", row.contract_account, row.external_site_id or "")
            return Record(RecordKind.TERMINATION, key, number, columns)
        case FactRow():
            return row.record(number)
    raise TypeError(type(row).__name__)


_BILL_COLUMNS = (
    "invoice_number",
    "issued_on",
    "due_on",
    "consumption",
    "unit",
    "usage_value",
    "cost",
    "tax",
    "total",
    "meter_effective_on",
)


def _bill(
    kind: RecordKind,
    key: tuple[object, ...],
    row: MchRow | InvoiceRow,
    number: int,
    currency: str,
    **particular: object,
) -> Record:
    columns: dict[str, Any] = {
        **dict.fromkeys(_BILL_COLUMNS),
        **particular,
        "source": kind.value,
        "account_number": row.contract_account,
        "premise_id": row.external_site_id,
        "meter_id": row.meter_id,
        "start_date": row.billing_start,
        "end_date": _after(row.billing_end),
        "currency": row.currency or currency,
        "rate_code": row.rate_code,
    }
    lines = tuple(
        Line(each.kind, each.name, each.quantity, each.unit, each.price, each.amount) for each in row.line_items
    )
    facts = row.model_dump(mode="json", include=set(BillFacts.model_fields), exclude_none=True)
    return Record(kind, record_id("bil", *key), number, columns, lines, facts or None)


def _plan(row: PaymentPlanRow, number: int, currency: str) -> Record:
    columns = {
        "account_number": row.contract_account,
        "plan_number": row.plan_id,
        "type": row.plan_type,
        "status": row.status,
        "start_date": row.start_date,
        "end_date": _after(row.end_date) if row.end_date else None,
        "currency": row.currency or currency,
        "installment": row.installment_amount,
        "total": row.total_amount,
        "next_due_on": row.next_due_date,
    }
    return Record(RecordKind.PAYMENT_PLAN, record_id("pln", row.contract_account, row.plan_id), number, columns)
