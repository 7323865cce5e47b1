"""Reading bills: what the customer was charged, with the lines that explain it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row

from energygrid.billing.records import queries
from energygrid.billing.records.record import Line
from energygrid.billing.records.rows import BillFacts


@dataclass(frozen=True, slots=True)
class Bill:
    """The current revision of one bill over the local days [start_date, end_date).

    source  `mch` (one meter, with its consumption) or `invoice` (with its lines); a utility that sends both
            sends the same charge twice, so a reader takes one or joins them by account and period
    facts   what else was said of the period; every fact may be None
    """

    id: str
    revision: int
    known_at: datetime
    source: str
    account_number: str
    premise_id: str | None
    meter_id: str | None
    invoice_number: str | None
    start_date: date
    end_date: date
    issued_on: date | None
    due_on: date | None
    currency: str
    consumption: Decimal | None
    unit: str | None
    usage_value: Decimal | None
    cost: Decimal | None
    tax: Decimal | None
    total: Decimal
    rate_code: str | None
    meter_effective_on: date | None
    facts: BillFacts
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class PaymentPlan:
    id: str
    revision: int
    account_number: str
    plan_number: str
    type: str
    status: str | None
    start_date: date
    end_date: date | None
    currency: str
    installment: Decimal | None
    total: Decimal | None
    next_due_on: date | None


def bills_of_account(db: Connection, tenant_id: int, account_number: str) -> list[Bill]:
    """Oldest period first."""
    return _with_lines(db, tenant_id, queries.bills(db, tenant_id, account_number=account_number))


def bills_of_meter(db: Connection, tenant_id: int, meter_id: str) -> list[Bill]:
    """Oldest period first; an invoice that names no meter is not among them."""
    return _with_lines(db, tenant_id, queries.bills(db, tenant_id, meter_id=meter_id))


def periods_of_meter(db: Connection, tenant_id: int, meter_id: str) -> list[tuple[date, date]]:
    """First day and day after the last one of its bills, the latest first; an invoice that names no meter has none."""
    return queries.bill_periods(db, tenant_id, meter_id)


def bills_of_no_meter(db: Connection, tenant_id: int, account_number: str) -> list[Bill]:
    """Invoices to the account that name no meter, oldest period first."""
    return _with_lines(db, tenant_id, queries.bills(db, tenant_id, account_number=account_number, of_no_meter=True))


def plans_of_account(db: Connection, tenant_id: int, account_number: str) -> list[PaymentPlan]:
    rows = queries.payment_plans(db, tenant_id, account_number)
    return [PaymentPlan(**{name: getattr(row, name) for name in PaymentPlan.__slots__}) for row in rows]


def _with_lines(db: Connection, tenant_id: int, rows: Sequence[Row[Any]]) -> list[Bill]:
    if not rows:
        return []
    lines: dict[str, list[Line]] = {}
    for row in queries.lines_of(db, tenant_id, [row.id for row in rows]):
        line = Line(row.kind, row.name, row.quantity, row.unit, row.price, row.amount)
        lines.setdefault(row.bill_id, []).append(line)
    names = [name for name in Bill.__slots__ if name not in {"facts", "lines"}]
    return [
        Bill(
            **{name: getattr(row, name) for name in names},
            facts=BillFacts.model_validate(row.facts or {}),
            lines=tuple(lines.get(row.id, ())),
        )
        for row in rows
    ]
