"""The stored answers of requests that named an Idempotency-Key."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, PrimaryKeyConstraint, SmallInteger, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from energygrid.database.metadata import BY_TENANT, Instant, metadata

idempotency = Table(
    "idempotency",
    metadata,
    Column("tenant_id", BigInteger, nullable=False),
    Column("client_id", Text, nullable=False, comment="the API client that called"),
    Column("method", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("request", LargeBinary, nullable=False, comment="fingerprint of the whole request"),
    Column("subject", Text, nullable=False, comment="whose data the answer holds; forgotten with them"),
    Column("status", SmallInteger, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("body_sealed", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    PrimaryKeyConstraint("tenant_id", "client_id", "method", "path", "key"),
    Index("ix_idempotency_tenant_id_subject", "tenant_id", "subject"),
    Index("ix_idempotency_tenant_id_expires_at", "tenant_id", "expires_at"),
    info=BY_TENANT,
)
