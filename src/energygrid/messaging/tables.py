"""Outbox and deliveries.

An event's `position` is empty when it is written and given later, one after the other, by whoever holds
the tenant's row of `outbox_position` (see `queries.number_events`). Positions are therefore handed out to
committed events only: a reader that has seen position 7 has seen every event up to 7, however long some
other transaction took.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from energygrid.database.metadata import BY_TENANT, Instant, metadata

outbox_event = Table(
    "outbox_event",
    metadata,
    Column("tenant_id", BigInteger, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("serial", BigInteger, Identity(always=True), nullable=False),
    Column("position", BigInteger),
    Column("surface", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("key", Text),
    Column("endpoint_id", Text),
    Column("data", JSON, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    UniqueConstraint("tenant_id", "key"),
    UniqueConstraint("tenant_id", "position"),
    Index("ix_outbox_event_unnumbered", "tenant_id", "serial", postgresql_where=text("position IS NULL")),
    Index("ix_outbox_event_recorded_at", "tenant_id", "recorded_at"),
    info=BY_TENANT,
)
"""`endpoint_id` names the one endpoint a test event is meant for; such an event is in nobody's feed."""

outbox_position = Table(
    "outbox_position",
    metadata,
    Column("tenant_id", BigInteger, primary_key=True, autoincrement=False),
    Column("numbered", BigInteger, nullable=False),
    Column("fanned_out", BigInteger, nullable=False),
    info=BY_TENANT,
)
"""The last position given, and the last one whose deliveries exist."""

webhook_endpoint = Table(
    "webhook_endpoint",
    metadata,
    Column("tenant_id", BigInteger, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("surface", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("types", ARRAY(Text), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("disabled_reason", Text),
    Column("secret", LargeBinary, nullable=False),
    Column("previous_secret", LargeBinary),
    Column("previous_secret_until", Instant),
    Column("failures", Integer, nullable=False),
    Column("not_before", Instant),
    Column("wake_at", Instant),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    info=BY_TENANT,
)
"""`types` empty means every type of its surface. `failures` counts attempts since the last success;
`not_before` holds all deliveries back after the receiver asked for it or did not answer; `wake_at` is the
time of the waiting delivery job."""

webhook_delivery = Table(
    "webhook_delivery",
    metadata,
    Column("tenant_id", BigInteger, primary_key=True),
    Column("endpoint_id", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("subject", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("attempts", Integer, nullable=False),
    Column("next_at", Instant, nullable=False),
    Column("leased_until", Instant),
    Column("created_at", Instant, nullable=False),
    Column("finished_at", Instant),
    ForeignKeyConstraint(
        ["tenant_id", "endpoint_id"],
        ["webhook_endpoint.tenant_id", "webhook_endpoint.id"],
        ondelete="CASCADE",
    ),
    ForeignKeyConstraint(["tenant_id", "event_id"], ["outbox_event.tenant_id", "outbox_event.id"], ondelete="CASCADE"),
    Index(
        "ix_webhook_delivery_due",
        "tenant_id",
        "endpoint_id",
        "next_at",
        "position",
        postgresql_where=text("state = 'pending'"),
    ),
    Index(
        "ix_webhook_delivery_order",
        "tenant_id",
        "endpoint_id",
        "subject",
        "position",
        postgresql_where=text("state = 'pending'"),
    ),
    Index("ix_webhook_delivery_event", "tenant_id", "event_id"),
    Index("ix_webhook_delivery_log", "tenant_id", "position", "endpoint_id"),
    info=BY_TENANT,
)
"""State is pending, delivered or dead. `attempts` counts from the last replay; `leased_until` marks one that
is on its way."""

webhook_attempt = Table(
    "webhook_attempt",
    metadata,
    Column("tenant_id", BigInteger, primary_key=True),
    Column("endpoint_id", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("status", Integer),
    Column("outcome", Text, nullable=False),
    Column("milliseconds", Integer, nullable=False),
    Column("excerpt", Text, nullable=False),
    ForeignKeyConstraint(
        ["tenant_id", "endpoint_id", "event_id"],
        ["webhook_delivery.tenant_id", "webhook_delivery.endpoint_id", "webhook_delivery.event_id"],
        ondelete="CASCADE",
    ),
    info=BY_TENANT,
)
"""One HTTP attempt. `status` is empty when no answer came; `excerpt` holds the start of it."""
