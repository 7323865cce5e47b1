"""Third parties, consents, authorisation codes and refresh tokens."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _third_parties()
    _consents()
    _authorization_requests()
    _authorization_codes()
    _refresh_tokens()


def _third_parties() -> None:
    op.create_table(
        "third_party",
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("application_id", sa.Text, nullable=False, comment="decimal digits: id of ApplicationInformation"),
        sa.Column("status", sa.SmallInteger, nullable=False, comment="1 review, 2 live, 3 on hold, 4 revoked"),
        sa.Column(
            "offered_scopes",
            postgresql.ARRAY(sa.Text),
            nullable=False,
            comment="ESPI scope strings; the first one is the default",
        ),
        sa.Column("notify_uri", sa.Text, comment="where notices go; null: nowhere"),
        sa.Column("facts", postgresql.JSONB, nullable=False, comment="what ApplicationInformation tells besides"),
        sa.Column("owner_user_id", sa.BigInteger, comment="the user who registered it; null: the utility's staff"),
        sa.Column(
            "registration_fingerprint",
            sa.LargeBinary,
            nullable=False,
            comment="HMAC-SHA256 of the registration token",
        ),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("client_id", name="pk_third_party"),
        sa.ForeignKeyConstraint(["client_id"], ["client.client_id"], name="fk_third_party_client_id_client"),
    )
    op.create_index("ix_third_party_tenant_id", "third_party", ["tenant_id", "application_id"], unique=True)
    op.create_index("ix_third_party_registration_fingerprint", "third_party", ["registration_fingerprint"], unique=True)


def _consents() -> None:
    op.create_table(
        "consent",
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column(
            "id",
            sa.Text,
            nullable=False,
            comment="decimal digits: id of Authorization, Subscription and RetailCustomer",
        ),
        sa.Column("client_id", sa.Text, nullable=False, comment="the third party's client"),
        sa.Column("customer_id", sa.Text, nullable=False, comment="clientId of the customer in the mirror"),
        sa.Column("requested_scope", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False, comment="what was granted, as it is written in tokens"),
        sa.Column("data_from", _INSTANT, comment="earliest data time that is shared; null: no limit"),
        sa.Column("data_until", _INSTANT, comment="latest data time that is shared; null: no limit"),
        sa.Column("evidence", sa.Text, comment="reference of a consent on paper; null: given in the portal"),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, comment="null: until revoked"),
        sa.Column("tokens_from", _INSTANT, comment="access tokens issued earlier are refused; null: none is"),
        sa.Column("revoked_at", _INSTANT),
        sa.Column("revoked_by", sa.Text),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_consent"),
    )
    op.create_index("ix_consent_client", "consent", ["tenant_id", "client_id", "id"])
    op.create_index("ix_consent_customer", "consent", ["tenant_id", "customer_id"])
    op.create_table(
        "consent_meter",
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("consent_id", sa.Text, nullable=False),
        sa.Column("meter_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "consent_id", "meter_id", name="pk_consent_meter"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "consent_id"],
            ["consent.tenant_id", "consent.id"],
            ondelete="CASCADE",
            name="fk_consent_meter_tenant_id_consent_id_consent",
        ),
    )
    op.create_index("ix_consent_meter_meter", "consent_meter", ["tenant_id", "meter_id"])


def _authorization_requests() -> None:
    op.create_table(
        "authorization_request",
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column(
            "fingerprint",
            sa.LargeBinary,
            nullable=False,
            comment="HMAC-SHA256 of the id in the address of the page",
        ),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("redirect_uri", sa.Text, comment="null: the person ends on a receipt page and no code is delivered"),
        sa.Column("state", sa.LargeBinary, comment="as it came, byte for byte"),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("code_challenge", sa.Text, comment="S256; null: none was sent"),
        sa.Column("fresh_login", sa.Boolean, nullable=False, comment="the third party asked for a new sign-in"),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sa.Column("answered_at", _INSTANT),
        sa.PrimaryKeyConstraint("tenant_id", "fingerprint", name="pk_authorization_request"),
    )
    op.create_index("ix_authorization_request_expires_at", "authorization_request", ["expires_at"])


def _authorization_codes() -> None:
    op.create_table(
        "authorization_code",
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False, comment="HMAC-SHA256 of the code"),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("consent_id", sa.Text, nullable=False),
        sa.Column("redirect_uri", sa.Text, nullable=False),
        sa.Column("code_challenge", sa.Text),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sa.Column("used_at", _INSTANT),
        sa.PrimaryKeyConstraint("tenant_id", "fingerprint", name="pk_authorization_code"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "consent_id"],
            ["consent.tenant_id", "consent.id"],
            ondelete="CASCADE",
            name="fk_authorization_code_tenant_id_consent_id_consent",
        ),
    )
    op.create_index("ix_authorization_code_expires_at", "authorization_code", ["expires_at"])


def _refresh_tokens() -> None:
    op.create_table(
        "refresh_token",
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False, comment="HMAC-SHA256 of the token"),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("consent_id", sa.Text, nullable=False, comment="all tokens of a consent are one family"),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sa.Column("used_at", _INSTANT, comment="first use; it stays good until one of its successors is used"),
        sa.Column("ended_at", _INSTANT, comment="showing it after this ends the whole family"),
        sa.PrimaryKeyConstraint("tenant_id", "fingerprint", name="pk_refresh_token"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "consent_id"],
            ["consent.tenant_id", "consent.id"],
            ondelete="CASCADE",
            name="fk_refresh_token_tenant_id_consent_id_consent",
        ),
    )
    op.create_index("ix_refresh_token_consent", "refresh_token", ["tenant_id", "consent_id"])
    op.create_index("ix_refresh_token_expires_at", "refresh_token", ["expires_at"])
