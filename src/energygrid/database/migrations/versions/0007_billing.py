"""Rates, billing cycles and bills."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _rates()
    _cycles()
    _bills()
    _accounts()


def _tenant() -> sa.Column[Any]:
    return sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False)


def _revision() -> tuple[sa.Column[Any], ...]:
    return (
        _tenant(),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False, comment="SHA-256 of the record as it came"),
        sa.Column("job_id", sa.Text, nullable=False, comment="the ingest job that brought it"),
        sa.Column("known_at", _INSTANT, nullable=False),
        sa.Column("superseded_at", _INSTANT, comment="null: the current revision"),
        sa.Column("account_number", sa.Text, nullable=False),
    )


def _one_current(table: str) -> None:
    op.create_index(
        f"uq_{table}_current",
        table,
        ["tenant_id", "id"],
        unique=True,
        postgresql_where=sa.text("superseded_at IS NULL"),
    )


def _rates() -> None:
    op.create_table(
        "rate_version",
        _tenant(),
        sa.Column("rate_code", sa.Text, primary_key=True),
        sa.Column("valid_from", sa.Date, primary_key=True),
        sa.Column("status", sa.Text, nullable=False, comment="complete or incomplete"),
        sa.Column("document", JSONB, nullable=False, comment="the rate as it came, money as decimal strings"),
        sa.Column("findings", JSONB, nullable=False),
        sa.Column("changed_at", _INSTANT, nullable=False),
    )


def _cycles() -> None:
    op.create_table(
        "billing_cycle",
        _tenant(),
        sa.Column("cycle_id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("is_bimonthly", sa.Boolean, nullable=False),
        sa.Column("changed_at", _INSTANT, nullable=False),
    )
    op.create_table(
        "billing_period",
        _tenant(),
        sa.Column("cycle_id", sa.Text, primary_key=True),
        sa.Column("start_date", sa.Date, primary_key=True),
        sa.Column("end_date", sa.Date, nullable=False, comment="the day after the last one"),
        sa.Column("period_id", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "cycle_id"], ["billing_cycle.tenant_id", "billing_cycle.cycle_id"], ondelete="CASCADE"
        ),
    )


def _bills() -> None:
    op.create_table(
        "bill",
        *_revision(),
        sa.Column("source", sa.Text, nullable=False, comment="mch or invoice"),
        sa.Column("premise_id", sa.Text),
        sa.Column("meter_id", sa.Text),
        sa.Column("invoice_number", sa.Text),
        sa.Column("start_date", sa.Date, nullable=False),
        sa.Column("end_date", sa.Date, nullable=False, comment="the day after the last one"),
        sa.Column("issued_on", sa.Date),
        sa.Column("due_on", sa.Date),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("consumption", sa.Numeric),
        sa.Column("unit", sa.Text),
        sa.Column("usage_value", sa.Numeric, comment="the usage in billing units"),
        sa.Column("cost", sa.Numeric, comment="without taxes"),
        sa.Column("tax", sa.Numeric),
        sa.Column("total", sa.Numeric, nullable=False),
        sa.Column("rate_code", sa.Text),
        sa.Column("meter_effective_on", sa.Date),
    )
    _one_current("bill")
    op.create_index("ix_bill_account", "bill", ["tenant_id", "account_number", "start_date"])
    op.create_index("ix_bill_meter", "bill", ["tenant_id", "meter_id", "start_date"])
    op.create_table(
        "bill_line",
        _tenant(),
        sa.Column("bill_id", sa.Text, primary_key=True),
        sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("quantity", sa.Numeric),
        sa.Column("unit", sa.Text),
        sa.Column("price", sa.Numeric),
        sa.Column("amount", sa.Numeric, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "bill_id", "revision"], ["bill.tenant_id", "bill.id", "bill.revision"], ondelete="CASCADE"
        ),
    )


def _accounts() -> None:
    op.create_table(
        "payment_plan",
        *_revision(),
        sa.Column("plan_number", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("status", sa.Text),
        sa.Column("start_date", sa.Date, nullable=False),
        sa.Column("end_date", sa.Date, comment="the day after the last one"),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("installment", sa.Numeric),
        sa.Column("total", sa.Numeric),
        sa.Column("next_due_on", sa.Date),
    )
    _one_current("payment_plan")
    op.create_index("ix_payment_plan_account", "payment_plan", ["tenant_id", "account_number"])
    op.create_table(
        "account_termination",
        *_revision(),
        sa.Column("client_id", sa.Text),
        sa.Column("premise_id", sa.Text),
        sa.Column("last_day", sa.Date, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("applied_at", _INSTANT, comment="when contracts were ended; null: not yet"),
    )
    _one_current("account_termination")
    op.create_index("ix_account_termination_account", "account_termination", ["tenant_id", "account_number"])
