"""Findings of validation and estimation."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "vee_finding",
        sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("series_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("rule", sa.Text, primary_key=True),
        sa.Column("start", _INSTANT, primary_key=True),
        sa.Column("end", _INSTANT, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("measured", sa.Double),
        sa.Column("limit", sa.Double),
        sa.Column("facts", JSONB, nullable=False),
        sa.Column("found_at", _INSTANT, nullable=False),
    )
    op.create_index("ix_vee_finding_found_at", "vee_finding", ["tenant_id", "found_at"])
