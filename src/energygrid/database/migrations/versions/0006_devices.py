"""Binding of devices to meters."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_IS_ACTIVE = "state IN ('REQUESTED', 'PENDING', 'JOINING', 'PAIRED', 'RELEASING')"


def upgrade() -> None:
    _bind()
    _bind_history()
    _gateway_command()
    _device_inventory()


def _bind() -> None:
    op.create_table(
        "bind",
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("bind_id", sa.Text(), nullable=False),
        sa.Column("meter_id", sa.Text(), nullable=False),
        sa.Column("slot", sa.SmallInteger(), nullable=False),
        sa.Column("mac", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text()),
        sa.Column("device_type", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("code_fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("code_sealed", sa.LargeBinary()),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("armed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("paired_at", sa.DateTime(timezone=True)),
        sa.Column("slow_at", sa.DateTime(timezone=True)),
        sa.Column("deadline_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("tenant_id", "bind_id", name="pk_bind"),
    )
    op.create_index(
        "ix_bind_open", "bind", ["tenant_id", "deadline_at"], postgresql_where=sa.text("deadline_at IS NOT NULL")
    )
    op.create_index("ix_bind_tenant_id_meter_id_requested_at", "bind", ["tenant_id", "meter_id", "requested_at"])
    op.create_index(
        "uq_bind_active_mac", "bind", ["tenant_id", "mac"], unique=True, postgresql_where=sa.text(_IS_ACTIVE)
    )
    op.create_index(
        "uq_bind_active_meter",
        "bind",
        ["tenant_id", "meter_id", "slot"],
        unique=True,
        postgresql_where=sa.text(_IS_ACTIVE),
    )


def _bind_history() -> None:
    op.create_table(
        "bind_history",
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("bind_id", sa.Text(), nullable=False),
        sa.Column("entry", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("signal", sa.Text(), nullable=False),
        sa.Column("from_state", sa.Text()),
        sa.Column("to_state", sa.Text()),
        sa.Column("reason", sa.Text()),
        sa.Column("sequence", sa.BigInteger()),
        sa.Column("actor", sa.Text()),
        sa.PrimaryKeyConstraint("tenant_id", "bind_id", "entry", name="pk_bind_history"),
    )
    op.create_index(
        "uq_bind_history_sequence",
        "bind_history",
        ["tenant_id", "bind_id", "sequence"],
        unique=True,
        postgresql_where=sa.text("sequence IS NOT NULL"),
    )


def _gateway_command() -> None:
    op.create_table(
        "gateway_command",
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("bind_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True)),
        sa.Column("done_at", sa.DateTime(timezone=True)),
        sa.Column("outcome", sa.Text()),
        sa.PrimaryKeyConstraint("tenant_id", "bind_id", "number", name="pk_gateway_command"),
    )
    op.create_index(
        "ix_gateway_command_open",
        "gateway_command",
        ["tenant_id", "due_at"],
        postgresql_where=sa.text("done_at IS NULL"),
    )


def _device_inventory() -> None:
    op.create_table(
        "device_inventory",
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.Text(), nullable=False),
        sa.Column("device_type", sa.Text(), nullable=False),
        sa.Column("code_fingerprint", sa.LargeBinary()),
        sa.Column("fixture", sa.Boolean(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "mac", name="pk_device_inventory"),
    )
    op.create_index(
        "ix_device_inventory_fixture",
        "device_inventory",
        ["tenant_id", "code_fingerprint"],
        postgresql_where=sa.text("fixture"),
    )
