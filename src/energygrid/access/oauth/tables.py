"""What an authorisation leaves behind on its way: the request that waits for a person, the code, the refresh tokens.

None of them is stored as it is: a row holds the fingerprint of what its holder shows.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from energygrid.database.metadata import BY_TENANT, Instant, metadata

authorization_request = Table(
    "authorization_request",
    metadata,
    Column("tenant_id", BigInteger, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False, comment="HMAC-SHA256 of the id in the address of the page"),
    Column("client_id", Text, nullable=False),
    Column("redirect_uri", Text, comment="null: the person ends on a receipt page and no code is delivered"),
    Column("state", LargeBinary, comment="as it came, byte for byte"),
    Column("scope", Text, nullable=False),
    Column("code_challenge", Text, comment="S256; null: none was sent"),
    Column("fresh_login", Boolean, nullable=False, comment="the third party asked for a new sign-in"),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("answered_at", Instant),
    PrimaryKeyConstraint("tenant_id", "fingerprint"),
    Index("ix_authorization_request_expires_at", "expires_at"),
    info=BY_TENANT,
)

authorization_code = Table(
    "authorization_code",
    metadata,
    Column("tenant_id", BigInteger, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False, comment="HMAC-SHA256 of the code"),
    Column("client_id", Text, nullable=False),
    Column("consent_id", Text, nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("code_challenge", Text),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
    PrimaryKeyConstraint("tenant_id", "fingerprint"),
    ForeignKeyConstraint(["tenant_id", "consent_id"], ["consent.tenant_id", "consent.id"], ondelete="CASCADE"),
    Index("ix_authorization_code_expires_at", "expires_at"),
    info=BY_TENANT,
)

refresh_token = Table(
    "refresh_token",
    metadata,
    Column("tenant_id", BigInteger, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False, comment="HMAC-SHA256 of the token"),
    Column("client_id", Text, nullable=False),
    Column("consent_id", Text, nullable=False, comment="all tokens of a consent are one family"),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant, comment="first use; it stays good until one of its successors is used"),
    Column("ended_at", Instant, comment="showing it after this ends the whole family"),
    PrimaryKeyConstraint("tenant_id", "fingerprint"),
    ForeignKeyConstraint(["tenant_id", "consent_id"], ["consent.tenant_id", "consent.id"], ondelete="CASCADE"),
    Index("ix_refresh_token_consent", "tenant_id", "consent_id"),
    Index("ix_refresh_token_expires_at", "expires_at"),
    info=BY_TENANT,
)
