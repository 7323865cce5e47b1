"""Feeds that are built ahead: what was asked, how far it is, and the finished bytes."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB

from energygrid.database.metadata import BY_TENANT, Instant, metadata

built_feed = Table(
    "built_feed",
    metadata,
    Column("tenant_id", BigInteger, nullable=False),
    Column("id", Text, nullable=False),
    Column("key", LargeBinary, nullable=False, comment="SHA-256 of the recipe: the same question has the same row"),
    Column("client_id", Text, nullable=False, comment="the third party it is for"),
    Column("consent_id", Text, comment="the consent it was built under; null: several, a bulk feed"),
    Column("recipe", JSONB, nullable=False, comment="what to build (greenbutton.ahead.recipes)"),
    Column("version", Text, nullable=False, comment="of the content, when it was asked for"),
    Column("state", Text, nullable=False, comment="building, ready or failed"),
    Column("attempt", Integer, nullable=False, comment="which build owns the row; an older one stops"),
    Column("expected", BigInteger, nullable=False, comment="bytes that the feed will have, roughly"),
    Column("written", BigInteger, nullable=False, comment="bytes so far, before compression"),
    Column("requested_at", Instant, nullable=False),
    Column("started_at", Instant),
    Column("finished_at", Instant),
    Column("served_at", Instant, comment="when it was first fetched"),
    Column("expires_at", Instant, nullable=False),
    PrimaryKeyConstraint("tenant_id", "id"),
    UniqueConstraint("tenant_id", "key"),
    Index("ix_built_feed_client", "tenant_id", "client_id"),
    Index("ix_built_feed_expires_at", "tenant_id", "expires_at"),
    info=BY_TENANT,
)

built_feed_chunk = Table(
    "built_feed_chunk",
    metadata,
    Column("tenant_id", BigInteger, nullable=False),
    Column("feed_id", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False, comment="sealed piece of the gzip stream"),
    PrimaryKeyConstraint("tenant_id", "feed_id", "number"),
    ForeignKeyConstraint(["tenant_id", "feed_id"], ["built_feed.tenant_id", "built_feed.id"], ondelete="CASCADE"),
    info=BY_TENANT,
)
