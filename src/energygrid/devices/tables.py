"""Binds, their history, what is still to be said to the gateway, and the devices a tenant knows."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)

from energygrid.database.metadata import BY_TENANT, Instant, metadata

_IS_ACTIVE = text("state IN ('REQUESTED', 'PENDING', 'JOINING', 'PAIRED', 'RELEASING')")

bind = Table(
    "bind",
    metadata,
    Column("tenant_id", BigInteger, nullable=False),
    Column("bind_id", Text, nullable=False),
    Column("meter_id", Text, nullable=False),
    # The place the device takes among the meter's `capacity`: with it, one device a place is a matter of an index.
    Column("slot", SmallInteger, nullable=False),
    Column("mac", Text, nullable=False),
    # Forgotten when the bind has ended for good.
    Column("client_id", Text),
    Column("device_type", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("late", Boolean, nullable=False),
    Column("code_fingerprint", LargeBinary, nullable=False),
    # The clear code, sealed; gone as soon as the gateway has it or the bind has ended.
    Column("code_sealed", LargeBinary),
    Column("requested_at", Instant, nullable=False),
    Column("armed_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("paired_at", Instant),
    # Timers, in the tenant's own (in a sandbox: virtual) time; empty when none runs.
    Column("slow_at", Instant),
    Column("deadline_at", Instant),
    PrimaryKeyConstraint("tenant_id", "bind_id"),
    Index("uq_bind_active_meter", "tenant_id", "meter_id", "slot", unique=True, postgresql_where=_IS_ACTIVE),
    Index("uq_bind_active_mac", "tenant_id", "mac", unique=True, postgresql_where=_IS_ACTIVE),
    Index("ix_bind_tenant_id_meter_id_requested_at", "tenant_id", "meter_id", "requested_at"),
    Index("ix_bind_open", "tenant_id", "deadline_at", postgresql_where=text("deadline_at IS NOT NULL")),
    info=BY_TENANT,
)

bind_history = Table(
    "bind_history",
    metadata,
    Column("tenant_id", BigInteger, nullable=False),
    Column("bind_id", Text, nullable=False),
    Column("entry", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Column("source", Text, nullable=False),
    Column("signal", Text, nullable=False),
    Column("from_state", Text),
    Column("to_state", Text),
    Column("reason", Text),
    # The gateway's own number of the event it reported.
    Column("sequence", BigInteger),
    Column("actor", Text),
    PrimaryKeyConstraint("tenant_id", "bind_id", "entry"),
    Index(
        "uq_bind_history_sequence",
        "tenant_id",
        "bind_id",
        "sequence",
        unique=True,
        postgresql_where=text("sequence IS NOT NULL"),
    ),
    info=BY_TENANT,
)

gateway_command = Table(
    "gateway_command",
    metadata,
    Column("tenant_id", BigInteger, nullable=False),
    Column("bind_id", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    # Retries run in real time, whatever a sandbox's clock says.
    Column("due_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("leased_until", Instant),
    Column("done_at", Instant),
    Column("outcome", Text),
    PrimaryKeyConstraint("tenant_id", "bind_id", "number"),
    Index("ix_gateway_command_open", "tenant_id", "due_at", postgresql_where=text("done_at IS NULL")),
    info=BY_TENANT,
)

device_inventory = Table(
    "device_inventory",
    metadata,
    Column("tenant_id", BigInteger, nullable=False),
    Column("mac", Text, nullable=False),
    Column("device_type", Text, nullable=False),
    Column("code_fingerprint", LargeBinary),
    # A code of a sandbox fixture: free text, accepted for any address the inventory does not hold.
    Column("fixture", Boolean, nullable=False),
    Column("added_at", Instant, nullable=False),
    PrimaryKeyConstraint("tenant_id", "mac"),
    Index(
        "ix_device_inventory_fixture",
        "tenant_id",
        "code_fingerprint",
        postgresql_where=text("fixture"),
    ),
    info=BY_TENANT,
)
