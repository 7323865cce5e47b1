"""Tenants, clients, users, keys, throttles and the audit log."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0002"
down_revision = "0001"

_INSTANT = sa.DateTime(timezone=True)

_APPEND_ONLY = (
    """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
    END $$
    """,
    """
    CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """,
)


def upgrade() -> None:
    _tenants_and_clients()
    _users_and_issuers()
    _keys_and_throttles()
    _audit()


def _tenants_and_clients() -> None:
    op.create_table(
        "tenant",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True)),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("environment", sa.Text, nullable=False),
        sa.Column("settings", JSONB, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tenant"),
        sa.UniqueConstraint("key", name="uq_tenant_key"),
    )
    op.create_table(
        "client",
        sa.Column("client_id", sa.Text),
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("grants", ARRAY(sa.Text), nullable=False),
        sa.Column("scopes", ARRAY(sa.Text), nullable=False),
        sa.Column("redirect_uris", ARRAY(sa.Text), nullable=False),
        sa.Column("auth_method", sa.Text, nullable=False),
        sa.Column("sandbox", sa.Boolean, nullable=False),
        sa.Column("tokens_from", _INSTANT, nullable=False, comment="tokens issued earlier are refused"),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("disabled_at", _INSTANT),
        sa.PrimaryKeyConstraint("client_id", name="pk_client"),
    )
    op.create_index("ix_client_tenant_id", "client", ["tenant_id"])
    op.create_table(
        "client_secret",
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False, comment="HMAC-SHA256 of the secret"),
        sa.Column("hint", sa.Text, nullable=False, comment="the last four characters"),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("client_id", "fingerprint", name="pk_client_secret"),
        sa.ForeignKeyConstraint(["client_id"], ["client.client_id"], name="fk_client_secret_client_id"),
    )


def _users_and_issuers() -> None:
    op.create_table(
        "app_user",
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("username", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("roles", ARRAY(sa.Text), nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False, comment="argon2id; empty: no password can match"),
        sa.Column("password_changed_at", _INSTANT, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("disabled_at", _INSTANT),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_app_user"),
        sa.UniqueConstraint("tenant_id", "username", name="uq_app_user_tenant_id_username"),
    )
    op.create_table(
        "issuer",
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("jwks_uri", sa.Text, comment="null: found by discovery"),
        sa.Column("audiences", ARRAY(sa.Text), nullable=False),
        sa.Column("algorithms", ARRAY(sa.Text), nullable=False),
        sa.Column("token_types", ARRAY(sa.Text), nullable=False),
        sa.Column("client_claim", sa.Text, nullable=False),
        sa.Column("scope_claim", sa.Text, nullable=False),
        sa.Column("scopes", ARRAY(sa.Text), nullable=False, comment="the most its tokens may carry here"),
        sa.Column("clients", ARRAY(sa.Text), nullable=False, comment="allow-list of azp or client id; empty: any"),
        sa.Column("leeway_s", sa.Integer, nullable=False),
        sa.Column("max_age_s", sa.Integer, nullable=False),
        sa.Column("sandbox", sa.Boolean, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("disabled_at", _INSTANT),
        sa.PrimaryKeyConstraint("tenant_id", "issuer", name="pk_issuer"),
    )
    op.create_index("ix_issuer_issuer", "issuer", ["issuer"])


def _keys_and_throttles() -> None:
    op.create_table(
        "signing_key",
        sa.Column("kid", sa.Text),
        sa.Column("algorithm", sa.Text, nullable=False),
        sa.Column("public_key", JSONB, nullable=False),
        sa.Column("sealed_private_key", sa.LargeBinary, nullable=False),
        sa.Column("published_at", _INSTANT, nullable=False),
        sa.Column("signs_from", _INSTANT, comment="null: the key that signs next"),
        sa.Column("withdrawn_at", _INSTANT, comment="set when the key is distrusted"),
        sa.PrimaryKeyConstraint("kid", name="pk_signing_key"),
    )
    op.create_table(
        "revoked_token",
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("jti", sa.Text, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sa.Column("revoked_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "jti", name="pk_revoked_token"),
    )
    op.create_table(
        "throttle",
        sa.Column("key", sa.Text),
        sa.Column("tat", _INSTANT, nullable=False, comment="theoretical arrival time of the GCRA"),
        sa.Column("locked_until", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_throttle"),
    )


def _audit() -> None:
    op.create_table(
        "audit_log",
        sa.Column("tenant_id", sa.BigInteger, nullable=False, comment="0: the installation itself"),
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("facts", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_audit_log"),
    )
    op.create_index("ix_audit_log_tenant_id_at", "audit_log", ["tenant_id", "at"])
    op.create_index("ix_audit_log_tenant_id_subject_at", "audit_log", ["tenant_id", "subject", "at"])
    for statement in _APPEND_ONLY:
        op.execute(statement)
