"""Bulk feeds: what one notice told of, kept until it expires."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKeyConstraint, Index, PrimaryKeyConstraint, Table, Text

from energygrid.database.metadata import BY_TENANT, Instant, metadata

bulk_feed = Table(
    "bulk_feed",
    metadata,
    Column("tenant_id", BigInteger, nullable=False),
    Column("id", Text, nullable=False, comment="decimal digits, its name on the wire"),
    Column("client_id", Text, nullable=False, comment="the third party's client"),
    Column("kind", Text, nullable=False, comment="usage or customer: never both in one feed"),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    PrimaryKeyConstraint("tenant_id", "id"),
    Index("ix_bulk_feed_expires_at", "tenant_id", "expires_at"),
    info=BY_TENANT,
)

bulk_part = Table(
    "bulk_part",
    metadata,
    Column("tenant_id", BigInteger, nullable=False),
    Column("bulk_id", Text, nullable=False),
    Column("consent_id", Text, nullable=False),
    Column("first", Instant, comment="data times that changed, [first, last); null: none"),
    Column("last", Instant),
    Column("is_new", Boolean, nullable=False, comment="the authorization itself is part of the feed"),
    PrimaryKeyConstraint("tenant_id", "bulk_id", "consent_id"),
    ForeignKeyConstraint(["tenant_id", "bulk_id"], ["bulk_feed.tenant_id", "bulk_feed.id"], ondelete="CASCADE"),
    info=BY_TENANT,
)
