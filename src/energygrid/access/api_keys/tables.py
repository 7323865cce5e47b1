"""API keys. A key is looked for before the tenant is known, so its table is a reference table."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY

from energygrid.database.metadata import REFERENCE, Instant, metadata

api_key = Table(
    "api_key",
    metadata,
    Column("id", Text, primary_key=True, comment="what an operator calls it; no secret"),
    Column("tenant_id", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("surfaces", ARRAY(Text), nullable=False, comment="which APIs it opens"),
    Column("fingerprint", LargeBinary, nullable=False, comment="HMAC-SHA256 of the key"),
    Column("hint", Text, nullable=False, comment="its last four characters"),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("disabled_at", Instant),
    UniqueConstraint("fingerprint"),
    Index("ix_api_key_tenant_id", "tenant_id"),
    info=REFERENCE,
)
