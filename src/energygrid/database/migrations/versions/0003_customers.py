"""The mirror of the customer information system, and the stored answers of idempotent requests."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _things()
    _links()
    _answers()


def _things() -> None:
    op.create_table(
        "customer",
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("profile_id", sa.Uuid, nullable=False, comment="our GUID of the customer, hemProfileId of a bind"),
        sa.Column("acct_status", sa.Text),
        sa.Column("personal", JSONB, comment="names or street at PII level plain"),
        sa.Column("personal_sealed", sa.LargeBinary, comment="the same, sealed, at level encrypted"),
        sa.Column("fingerprint", sa.LargeBinary, comment="of the last payload; null: another push changed the mirror"),
        sa.Column("source_time", _INSTANT, comment="of the newest payload that named its time"),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "client_id", name="pk_customer"),
        sa.UniqueConstraint("tenant_id", "profile_id", name="uq_customer_tenant_id_profile_id"),
    )
    op.create_table(
        "premise",
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("premise_id", sa.Text, nullable=False),
        sa.Column("personal", JSONB, comment="names or street at PII level plain"),
        sa.Column("personal_sealed", sa.LargeBinary, comment="the same, sealed, at level encrypted"),
        sa.Column("city", sa.Text),
        sa.Column("state", sa.Text),
        sa.Column("postal_code", sa.Text, nullable=False),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "premise_id", name="pk_premise"),
    )
    op.create_table(
        "meter",
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("meter_id", sa.Text, nullable=False),
        sa.Column("meter_type", sa.Text, nullable=False),
        sa.Column("unit", sa.Text),
        sa.Column("is_ami", sa.Boolean, nullable=False),
        sa.Column("is_amr", sa.Boolean),
        sa.Column("rate_code", sa.Text, nullable=False),
        sa.Column("billing_cycle", sa.Text, nullable=False),
        sa.Column("billing_cycle_is_number", sa.Boolean, nullable=False, comment="how the CIS writes it"),
        sa.Column("obsolete", JSONB, nullable=False, comment="PANID, rateMultiplier, dialCount as they came"),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "meter_id", name="pk_meter"),
    )
    op.create_table(
        "meter_rate",
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("meter_id", sa.Text, nullable=False),
        sa.Column("since", _INSTANT, nullable=False),
        sa.Column("rate_code", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "meter_id", "since", name="pk_meter_rate"),
    )


def _links() -> None:
    op.create_table(
        "customer_premise",
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("premise_id", sa.Text, nullable=False),
        sa.Column("personal", JSONB, comment="names or street at PII level plain"),
        sa.Column("personal_sealed", sa.LargeBinary, comment="the same, sealed, at level encrypted"),
        sa.Column("is_primary", sa.Boolean),
        sa.Column("position", sa.SmallInteger, nullable=False, comment="place in the payload"),
        sa.Column("since", _INSTANT, nullable=False),
        sa.Column("until", _INSTANT, comment="null: still so"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_customer_premise"),
    )
    op.create_index("ix_customer_premise_client", "customer_premise", ["tenant_id", "client_id"])
    op.create_index(
        "ix_customer_premise_premise",
        "customer_premise",
        ["tenant_id", "premise_id"],
        postgresql_where=sa.text("until IS NULL"),
    )
    op.create_index(
        "uq_customer_premise_live",
        "customer_premise",
        ["tenant_id", "client_id", "premise_id"],
        unique=True,
        postgresql_where=sa.text("until IS NULL"),
    )
    op.create_table(
        "premise_meter",
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("premise_id", sa.Text, nullable=False),
        sa.Column("meter_id", sa.Text, nullable=False),
        sa.Column("since", _INSTANT, nullable=False),
        sa.Column("until", _INSTANT, comment="null: still so"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_premise_meter"),
    )
    op.create_index(
        "ix_premise_meter_premise",
        "premise_meter",
        ["tenant_id", "premise_id"],
        postgresql_where=sa.text("until IS NULL"),
    )
    op.create_index(
        "uq_premise_meter_live",
        "premise_meter",
        ["tenant_id", "meter_id"],
        unique=True,
        postgresql_where=sa.text("until IS NULL"),
    )
    op.create_table(
        "contract",
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("premise_id", sa.Text, nullable=False),
        sa.Column("meter_id", sa.Text, nullable=False),
        sa.Column("account_number", sa.Text),
        sa.Column("is_primary", sa.Boolean),
        sa.Column("position", sa.SmallInteger, nullable=False, comment="place in the payload"),
        sa.Column("since", _INSTANT, nullable=False),
        sa.Column("until", _INSTANT, comment="null: still so"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_contract"),
    )
    op.create_index("ix_contract_account", "contract", ["tenant_id", "account_number"])
    op.create_index("ix_contract_client", "contract", ["tenant_id", "client_id"])
    op.create_index("ix_contract_meter", "contract", ["tenant_id", "meter_id"])
    op.create_index(
        "ix_contract_premise",
        "contract",
        ["tenant_id", "premise_id"],
        postgresql_where=sa.text("until IS NULL"),
    )
    op.create_index(
        "uq_contract_live",
        "contract",
        ["tenant_id", "client_id", "meter_id"],
        unique=True,
        postgresql_where=sa.text("until IS NULL"),
    )


def _answers() -> None:
    op.create_table(
        "idempotency",
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False, comment="the API client that called"),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("request", sa.LargeBinary, nullable=False, comment="fingerprint of the whole request"),
        sa.Column("subject", sa.Text, nullable=False, comment="whose data the answer holds; forgotten with them"),
        sa.Column("status", sa.SmallInteger, nullable=False),
        sa.Column("headers", JSONB, nullable=False),
        sa.Column("body_sealed", sa.LargeBinary, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "client_id", "method", "path", "key", name="pk_idempotency"),
    )
    op.create_index("ix_idempotency_tenant_id_expires_at", "idempotency", ["tenant_id", "expires_at"])
    op.create_index("ix_idempotency_tenant_id_subject", "idempotency", ["tenant_id", "subject"])
