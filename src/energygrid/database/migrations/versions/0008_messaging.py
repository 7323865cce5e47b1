"""Events, webhook endpoints and their deliveries."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0008"
down_revision = "0007"

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _outbox()
    _endpoints()
    _deliveries()


def _outbox() -> None:
    op.create_table(
        "outbox_event",
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("serial", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("position", sa.BigInteger),
        sa.Column("surface", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("key", sa.Text),
        sa.Column("endpoint_id", sa.Text),
        sa.Column("data", sa.JSON, nullable=False),
        sa.Column("recorded_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_outbox_event"),
        sa.UniqueConstraint("tenant_id", "key", name="uq_outbox_event_tenant_id_key"),
        sa.UniqueConstraint("tenant_id", "position", name="uq_outbox_event_tenant_id_position"),
    )
    op.create_index(
        "ix_outbox_event_unnumbered",
        "outbox_event",
        ["tenant_id", "serial"],
        postgresql_where=sa.text("position IS NULL"),
    )
    op.create_index("ix_outbox_event_recorded_at", "outbox_event", ["tenant_id", "recorded_at"])
    op.create_table(
        "outbox_position",
        sa.Column("tenant_id", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("numbered", sa.BigInteger, nullable=False),
        sa.Column("fanned_out", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_outbox_position"),
    )


def _endpoints() -> None:
    op.create_table(
        "webhook_endpoint",
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("surface", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("types", ARRAY(sa.Text), nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("disabled_reason", sa.Text),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.Column("previous_secret", sa.LargeBinary),
        sa.Column("previous_secret_until", _INSTANT),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("not_before", _INSTANT),
        sa.Column("wake_at", _INSTANT),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("updated_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_webhook_endpoint"),
    )


def _deliveries() -> None:
    op.create_table(
        "webhook_delivery",
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("endpoint_id", sa.Text, nullable=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", _INSTANT, nullable=False),
        sa.Column("leased_until", _INSTANT),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("finished_at", _INSTANT),
        sa.PrimaryKeyConstraint("tenant_id", "endpoint_id", "event_id", name="pk_webhook_delivery"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "endpoint_id"],
            ["webhook_endpoint.tenant_id", "webhook_endpoint.id"],
            name="fk_webhook_delivery_tenant_id_endpoint_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "event_id"],
            ["outbox_event.tenant_id", "outbox_event.id"],
            name="fk_webhook_delivery_tenant_id_event_id",
            ondelete="CASCADE",
        ),
    )
    pending = sa.text("state = 'pending'")
    for name, columns in (
        ("ix_webhook_delivery_due", ["tenant_id", "endpoint_id", "next_at", "position"]),
        ("ix_webhook_delivery_order", ["tenant_id", "endpoint_id", "subject", "position"]),
    ):
        op.create_index(name, "webhook_delivery", columns, postgresql_where=pending)
    op.create_index("ix_webhook_delivery_event", "webhook_delivery", ["tenant_id", "event_id"])
    op.create_table(
        "webhook_attempt",
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("endpoint_id", sa.Text, nullable=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("milliseconds", sa.Integer, nullable=False),
        sa.Column("excerpt", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "endpoint_id", "event_id", "number", name="pk_webhook_attempt"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "endpoint_id", "event_id"],
            ["webhook_delivery.tenant_id", "webhook_delivery.endpoint_id", "webhook_delivery.event_id"],
            name="fk_webhook_attempt_tenant_id_endpoint_id_event_id",
            ondelete="CASCADE",
        ),
    )
