"""Third parties, consents, authorisation codes and refresh tokens."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _consents()


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
