"""Tables of tenants, clients, users, keys, throttles and the audit log.

What must be found before the tenant is known (a client by its id, an issuer by its name) is a reference
table: small, and copied to every node. Signing keys and throttles belong to the installation alone.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from energygrid.database.metadata import BY_TENANT, LOCAL, REFERENCE, Instant, metadata

tenant = Table(
    "tenant",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("key", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("settings", JSONB, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("uuid", Uuid, nullable=False, comment="its name where an API asks for a UUID"),
    UniqueConstraint("key", name="uq_tenant_key"),
    UniqueConstraint("uuid", name="uq_tenant_uuid"),
    info=REFERENCE,
)

client = Table(
    "client",
    metadata,
    Column("client_id", Text, primary_key=True),
    Column("tenant_id", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("grants", ARRAY(Text), nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("redirect_uris", ARRAY(Text), nullable=False),
    Column("auth_method", Text, nullable=False),
    Column("sandbox", Boolean, nullable=False),
    Column("tokens_from", Instant, nullable=False, comment="tokens issued earlier are refused"),
    Column("created_at", Instant, nullable=False),
    Column("disabled_at", Instant),
    Index("ix_client_tenant_id", "tenant_id"),
    info=REFERENCE,
)

client_secret = Table(
    "client_secret",
    metadata,
    Column("client_id", Text, ForeignKey("client.client_id"), nullable=False),
    Column("fingerprint", LargeBinary, nullable=False, comment="HMAC-SHA256 of the secret"),
    Column("hint", Text, nullable=False, comment="the last four characters"),
    Column("created_at", Instant, nullable=False),
    PrimaryKeyConstraint("client_id", "fingerprint"),
    info=REFERENCE,
)

app_user = Table(
    "app_user",
    metadata,
    Column("tenant_id", BigInteger, nullable=False),
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("username", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("roles", ARRAY(Text), nullable=False),
    Column("password_hash", Text, nullable=False, comment="argon2id; empty: no password can match"),
    Column("password_changed_at", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("disabled_at", Instant),
    Column("customer_id", Text, comment="clientId of the customer in the mirror; null: none"),
    PrimaryKeyConstraint("tenant_id", "id"),
    UniqueConstraint("tenant_id", "username", name="uq_app_user_tenant_id_username"),
    info=BY_TENANT,
)

issuer = Table(
    "issuer",
    metadata,
    Column("tenant_id", BigInteger, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("jwks_uri", Text, comment="null: found by discovery"),
    Column("audiences", ARRAY(Text), nullable=False),
    Column("algorithms", ARRAY(Text), nullable=False),
    Column("token_types", ARRAY(Text), nullable=False),
    Column("client_claim", Text, nullable=False),
    Column("scope_claim", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False, comment="the most its tokens may carry here"),
    Column("clients", ARRAY(Text), nullable=False, comment="allow-list of azp or client id; empty: any"),
    Column("leeway_s", Integer, nullable=False),
    Column("max_age_s", Integer, nullable=False),
    Column("sandbox", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("disabled_at", Instant),
    PrimaryKeyConstraint("tenant_id", "issuer"),
    Index("ix_issuer_issuer", "issuer"),
    info=REFERENCE,
)

signing_key = Table(
    "signing_key",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("algorithm", Text, nullable=False),
    Column("public_key", JSONB, nullable=False),
    Column("sealed_private_key", LargeBinary, nullable=False),
    Column("published_at", Instant, nullable=False),
    Column("signs_from", Instant, comment="null: the key that signs next"),
    Column("withdrawn_at", Instant, comment="set when the key is distrusted"),
    info=REFERENCE,
)

revoked_token = Table(
    "revoked_token",
    metadata,
    Column("tenant_id", BigInteger, nullable=False),
    Column("jti", Text, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("revoked_at", Instant, nullable=False),
    PrimaryKeyConstraint("tenant_id", "jti"),
    info=BY_TENANT,
)

throttle = Table(
    "throttle",
    metadata,
    Column("key", Text, primary_key=True),
    Column("tat", Instant, nullable=False, comment="theoretical arrival time of the GCRA"),
    Column("locked_until", Instant, nullable=False),
    info=LOCAL,
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("tenant_id", BigInteger, nullable=False, comment="0: the installation itself"),
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("facts", JSONB, nullable=False),
    PrimaryKeyConstraint("tenant_id", "id"),
    Index("ix_audit_log_tenant_id_at", "tenant_id", "at"),
    Index("ix_audit_log_tenant_id_subject_at", "tenant_id", "subject", "at"),
    info=BY_TENANT,
)
