"""What utilities say of agreements, suppliers, programmes, statements and power quality."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0011"
down_revision = "0010"

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("bill", sa.Column("facts", JSONB, comment="what else the bill says; null: nothing"))
    _records()
    _files()


def _records() -> None:
    op.create_table(
        "utility_record",
        sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column(
            "fingerprint",
            sa.LargeBinary,
            nullable=False,
            comment="of the record as it came; keyed where it is personal",
        ),
        sa.Column("job_id", sa.Text, nullable=False, comment="the ingest job that brought it"),
        sa.Column("known_at", _INSTANT, nullable=False),
        sa.Column("superseded_at", _INSTANT, comment="null: the current revision"),
        sa.Column("kind", sa.Text, nullable=False, comment="agreement, supplier, account, ..."),
        sa.Column("account_number", sa.Text),
        sa.Column("meter_id", sa.Text),
        sa.Column("facts", JSONB, nullable=False, comment="fields of its kind, numbers as decimal strings"),
        sa.Column("personal", JSONB, comment="its personal fields at PII level plain"),
        sa.Column("personal_sealed", sa.LargeBinary, comment="the same, sealed, at level encrypted"),
    )
    current = sa.text("superseded_at IS NULL")
    op.create_index(
        "uq_utility_record_current", "utility_record", ["tenant_id", "id"], unique=True, postgresql_where=current
    )
    op.create_index(
        "ix_utility_record_account", "utility_record", ["tenant_id", "account_number"], postgresql_where=current
    )
    op.create_index("ix_utility_record_meter", "utility_record", ["tenant_id", "meter_id"], postgresql_where=current)


def _files() -> None:
    op.create_table(
        "statement_file",
        sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("record_id", sa.Text, primary_key=True),
        sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("body", sa.LargeBinary, nullable=False, comment="the document, sealed at every PII level"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "record_id", "revision"],
            ["utility_record.tenant_id", "utility_record.id", "utility_record.revision"],
            ondelete="CASCADE",
        ),
    )
