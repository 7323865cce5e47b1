"""One record of each kind as it comes, and what is stored of it.

Names are matched without regard to case, spaces, `_`, `-` and `.`: `ContractAccount`, `contract_account` and
`contractAccount` are the same column. Columns and their meaning: docs/formats-billing.md. Source:
contracts/powerbox.md 1.7.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AliasGenerator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    model_validator,
)

from energygrid.billing.settings import DateOrder


class RecordKind(StrEnum):
    MCH = "mch"
    INVOICE = "invoice"
    PAYMENT_PLAN = "payment_plan"
    TERMINATION = "termination"


LineKind = Literal["ENERGY", "DELIVERY", "ADDER", "FIXED", "TAX", "CREDIT", "PREVIOUS_BALANCE", "PAYMENT", "OTHER"]


def squash(name: str) -> str:
    """A column or member name as it is compared."""
    return re.sub(r"[\s_.\-]", "", name).lower()


@dataclass(frozen=True, slots=True)
class DateRules:
    """How `1/2/2025` is read; with None such dates are refused, never guessed (contracts/powerbox.md C26)."""

    order: DateOrder | None = None


_SLASHED = re.compile(r"(\d{1,4})[/.](\d{1,2})[/.](\d{1,4})")
_COMPACT = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})")


def _read_date(value: Any, info: ValidationInfo) -> Any:
    if not isinstance(value, str):
        return value
    text = value.strip()
    if match := _COMPACT.fullmatch(text):
        return date(*map(int, match.groups()))
    if match := _SLASHED.fullmatch(text):
        rules: DateRules = info.context or DateRules()
        if rules.order is None:
            raise ValueError("write YYYY-MM-DD, or set the tenant's date order")
        parts = dict(zip(rules.order, map(int, match.groups()), strict=True))
        return date(parts["Y"], parts["M"], parts["D"])
    raise ValueError("a date such as 2025-01-31")


def _read_number(value: Any) -> Any:
    if isinstance(value, str):
        text = value.strip()
        if not re.fullmatch(r"-?\d{1,15}(\.\d{1,8})?", text, re.ASCII):
            raise ValueError("a decimal number without exponent or thousands separator")
        return Decimal(text)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("a decimal number")  # noqa: TRY004 - a ValueError becomes the row's complaint
    return value


Day = Annotated[date, BeforeValidator(_read_date)]
Number = Annotated[Decimal, BeforeValidator(_read_number), Field(allow_inf_nan=False, max_digits=23, decimal_places=8)]
Id = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7E]{1,64}$")]
Words = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1F\x7F]+$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


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


class _BillRow(_Row):
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


ROWS: Mapping[RecordKind, type[_Row]] = {
    RecordKind.MCH: MchRow,
    RecordKind.INVOICE: InvoiceRow,
    RecordKind.PAYMENT_PLAN: PaymentPlanRow,
    RecordKind.TERMINATION: TerminationRow,
}


@dataclass(frozen=True, slots=True)
class Line:
    kind: str
    name: str
    quantity: Decimal | None
    unit: str | None
    price: Decimal | None
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Record:
    """What is stored: the columns of its table, and a bill's lines. `row` is its first line in the file."""

    kind: RecordKind
    id: str
    row: int
    columns: Mapping[str, Any]
    lines: tuple[Line, ...] = ()
    fingerprint: bytes = field(init=False)

    def __post_init__(self) -> None:
        content = [dict(self.columns), [asdict(line) for line in self.lines]]
        text = json.dumps(content, default=str, sort_keys=True)
        object.__setattr__(self, "fingerprint", hashlib.sha256(text.encode()).digest())


def _id(prefix: str, *parts: object) -> str:
    """The same for every revision: what identifies the record, hashed."""
    return f"{prefix}_{hashlib.sha256(json.dumps([str(part) for part in parts]).encode()).hexdigest()[:24]}"


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
            key = _id("trm", row.contract_account, row.external_site_id or "")
            return Record(RecordKind.TERMINATION, key, number, columns)
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
    return Record(kind, _id("bil", *key), number, columns, lines)


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
    return Record(RecordKind.PAYMENT_PLAN, _id("pln", row.contract_account, row.plan_id), number, columns)
