"""The sessions that have not ended."""

from sqlalchemy import BigInteger, Column, ForeignKeyConstraint, Index, LargeBinary, PrimaryKeyConstraint, Table

from energygrid.database.metadata import BY_TENANT, Instant, metadata

session = Table(
    "session",
    metadata,
    Column("tenant_id", BigInteger, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False, comment="HMAC-SHA256 of the cookie's secret"),
    Column("user_id", BigInteger, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False, comment="last use, to within a minute"),
    Column("expires_at", Instant, nullable=False, comment="when it ends however much it is used"),
    Column("once", LargeBinary, comment="sealed: what the next page shows this once"),
    PrimaryKeyConstraint("tenant_id", "fingerprint"),
    ForeignKeyConstraint(["tenant_id", "user_id"], ["app_user.tenant_id", "app_user.id"], ondelete="CASCADE"),
    Index("ix_session_user", "tenant_id", "user_id"),
    info=BY_TENANT,
)
