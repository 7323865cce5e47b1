"""Sessions of people in the portal, and which customer a user is."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column(
        "app_user", sa.Column("customer_id", sa.Text, comment="clientId of the customer in the mirror; null: none")
    )
    op.create_table(
        "session",
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False, comment="HMAC-SHA256 of the cookie's secret"),
        sa.Column("user_id", sa.BigInteger, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("seen_at", _INSTANT, nullable=False, comment="last use, to within a minute"),
        sa.Column("expires_at", _INSTANT, nullable=False, comment="when it ends however much it is used"),
        sa.Column("once", sa.LargeBinary, comment="sealed: what the next page shows this once"),
        sa.PrimaryKeyConstraint("tenant_id", "fingerprint", name="pk_session"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "user_id"],
            ["app_user.tenant_id", "app_user.id"],
            ondelete="CASCADE",
            name="fk_session_tenant_id_user_id_app_user",
        ),
    )
    op.create_index("ix_session_user", "session", ["tenant_id", "user_id"])
