"""Rates, schedules and the records that utilities send.

A record keeps its id for ever. A changed redelivery is a new revision; the one before stays with `superseded_at` set,
and a partial unique index allows one current revision of each.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB

from energygrid.database.metadata import BY_TENANT, Instant, metadata


def _tenant() -> Column[Any]:
    return Column("tenant_id", BigInteger, primary_key=True, autoincrement=False)


def _revision() -> tuple[Column[Any], ...]:
    return (
        _tenant(),
        Column("id", Text, primary_key=True),
        Column("revision", Integer, primary_key=True, autoincrement=False),
        Column("fingerprint", LargeBinary, nullable=False, comment="SHA-256 of the record as it came"),
        Column("job_id", Text, nullable=False, comment="the ingest job that brought it"),
        Column("known_at", Instant, nullable=False),
        Column("superseded_at", Instant, comment="null: the current revision"),
        Column("account_number", Text, nullable=False),
    )


def _one_current(table: Table) -> None:
    current = table.c.superseded_at.is_(None)
    Index(f"uq_{table.name}_current", table.c.tenant_id, table.c.id, unique=True, postgresql_where=current)


rate_version = Table(
    "rate_version",
    metadata,
    _tenant(),
    Column("rate_code", Text, primary_key=True),
    Column("valid_from", Date, primary_key=True),
    Column("status", Text, nullable=False, comment="complete or incomplete"),
    Column("document", JSONB, nullable=False, comment="the rate as it came, money as decimal strings"),
    Column("findings", JSONB, nullable=False),
    Column("changed_at", Instant, nullable=False),
    info=BY_TENANT,
)
"""A version holds until the day before the next one begins, or until its own last day."""

billing_cycle = Table(
    "billing_cycle",
    metadata,
    _tenant(),
    Column("cycle_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("is_bimonthly", Boolean, nullable=False),
    Column("changed_at", Instant, nullable=False),
    info=BY_TENANT,
)

billing_period = Table(
    "billing_period",
    metadata,
    _tenant(),
    Column("cycle_id", Text, primary_key=True),
    Column("start_date", Date, primary_key=True),
    Column("end_date", Date, nullable=False, comment="the day after the last one"),
    Column("period_id", Text, nullable=False),
    ForeignKeyConstraint(
        ["tenant_id", "cycle_id"], ["billing_cycle.tenant_id", "billing_cycle.cycle_id"], ondelete="CASCADE"
    ),
    info=BY_TENANT,
)

bill = Table(
    "bill",
    metadata,
    *_revision(),
    Column("source", Text, nullable=False, comment="mch or invoice"),
    Column("premise_id", Text),
    Column("meter_id", Text),
    Column("invoice_number", Text),
    Column("start_date", Date, nullable=False),
    Column("end_date", Date, nullable=False, comment="the day after the last one"),
    Column("issued_on", Date),
    Column("due_on", Date),
    Column("currency", Text, nullable=False),
    Column("consumption", Numeric),
    Column("unit", Text),
    Column("usage_value", Numeric, comment="the usage in billing units"),
    Column("cost", Numeric, comment="without taxes"),
    Column("tax", Numeric),
    Column("total", Numeric, nullable=False),
    Column("rate_code", Text),
    Column("meter_effective_on", Date),
    Column("facts", JSONB(none_as_null=True), comment="what else the bill says; null: nothing"),
    info=BY_TENANT,
)
_one_current(bill)
Index("ix_bill_account", bill.c.tenant_id, bill.c.account_number, bill.c.start_date)
Index("ix_bill_meter", bill.c.tenant_id, bill.c.meter_id, bill.c.start_date)

bill_line = Table(
    "bill_line",
    metadata,
    _tenant(),
    Column("bill_id", Text, primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("quantity", Numeric),
    Column("unit", Text),
    Column("price", Numeric),
    Column("amount", Numeric, nullable=False),
    ForeignKeyConstraint(
        ["tenant_id", "bill_id", "revision"], ["bill.tenant_id", "bill.id", "bill.revision"], ondelete="CASCADE"
    ),
    info=BY_TENANT,
)

payment_plan = Table(
    "payment_plan",
    metadata,
    *_revision(),
    Column("plan_number", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("status", Text),
    Column("start_date", Date, nullable=False),
    Column("end_date", Date, comment="the day after the last one"),
    Column("currency", Text, nullable=False),
    Column("installment", Numeric),
    Column("total", Numeric),
    Column("next_due_on", Date),
    info=BY_TENANT,
)
_one_current(payment_plan)
Index("ix_payment_plan_account", payment_plan.c.tenant_id, payment_plan.c.account_number)

account_termination = Table(
    "account_termination",
    metadata,
    *_revision(),
    Column("client_id", Text),
    Column("premise_id", Text),
    Column("last_day", Date, nullable=False),
    Column("reason", Text),
    Column("applied_at", Instant, comment="when contracts were ended; null: not yet"),
    info=BY_TENANT,
)
_one_current(account_termination)
Index("ix_account_termination_account", account_termination.c.tenant_id, account_termination.c.account_number)
