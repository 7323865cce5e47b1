"""API keys, and who takes part in flexibility with what."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0014"
down_revision = "0013"

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _api_key()
    _flex_portfolio()
    _flex_scheme()
    _flex_user()
    _flex_asset()
    _flex_consent()
    _flex_scheme_asset()
    _tenant()
    _flex_ingest()


def _api_key() -> None:
    op.create_table(
        "api_key",
        sa.Column("id", sa.Text, nullable=False, comment="what an operator calls it; no secret"),
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("surfaces", ARRAY(sa.Text), nullable=False, comment="which APIs it opens"),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False, comment="HMAC-SHA256 of the key"),
        sa.Column("hint", sa.Text, nullable=False, comment="its last four characters"),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT),
        sa.Column("disabled_at", _INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_api_key"),
        sa.UniqueConstraint("fingerprint", name="uq_api_key_fingerprint"),
    )
    op.create_index("ix_api_key_tenant_id", "api_key", ["tenant_id"])


def _flex_portfolio() -> None:
    op.create_table(
        "flex_portfolio",
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("uuid", sa.Uuid, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("status", sa.Text, nullable=False, comment="ACTIVE or ARCHIVED"),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("updated_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "uuid", name="pk_flex_portfolio"),
    )


def _flex_scheme() -> None:
    op.create_table(
        "flex_scheme",
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("uuid", sa.Uuid, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("facts", JSONB, nullable=False, comment="rule set, floor, cap and other defaults of its events"),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("updated_at", _INSTANT, nullable=False),
        sa.Column("archived_at", _INSTANT),
        sa.PrimaryKeyConstraint("tenant_id", "uuid", name="pk_flex_scheme"),
        sa.UniqueConstraint("tenant_id", "name", name="uq_flex_scheme_tenant_id_name"),
    )


def _flex_user() -> None:
    op.create_table(
        "flex_user",
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("uuid", sa.Uuid, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False, comment="the caller's own id"),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "uuid", name="pk_flex_user"),
        sa.UniqueConstraint("tenant_id", "user_id", name="uq_flex_user_tenant_id_user_id"),
    )


def _flex_asset() -> None:
    op.create_table(
        "flex_asset",
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("uuid", sa.Uuid, nullable=False),
        sa.Column("asset_id", sa.Text, nullable=False, comment="the caller's own id"),
        sa.Column("user_id", sa.Text, nullable=False, comment="the caller's own id of the user"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("asset_type", sa.Text, nullable=False),
        sa.Column("zone", sa.Text, nullable=False, comment="whose wall clock counts half-hours"),
        sa.Column("postcode", sa.Text, nullable=False, comment="without spaces, upper case: what eligibility looks at"),
        sa.Column(
            "location", sa.LargeBinary, nullable=False, comment="sealed JSON: postcode, building, address, coordinates"
        ),
        sa.Column("installed_at", _INSTANT),
        sa.Column("hh_settled", sa.Boolean, nullable=False),
        sa.Column("bmu_id", sa.Text),
        sa.Column("mpan", sa.Text, comment="13 digits, or what was given instead"),
        sa.Column("export_mpan", sa.Text),
        sa.Column("mpan_status", sa.Text, nullable=False, comment="PENDING, VALID or INVALID"),
        sa.Column("mpan_reason", sa.Text),
        sa.Column("owner_kind", sa.Text, nullable=False, comment="whose series its readings are: asset or meter"),
        sa.Column("owner_id", sa.Text, nullable=False, comment="its uuid, or the id of the mirror's meter"),
        sa.Column("portfolio_uuid", sa.Uuid),
        sa.Column("sandbox", sa.Text, comment="what a synthetic meter is made of; null: a real one"),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("updated_at", _INSTANT, nullable=False),
        sa.Column("archived_at", _INSTANT),
        sa.ForeignKeyConstraint(
            ["tenant_id", "portfolio_uuid"],
            ["flex_portfolio.tenant_id", "flex_portfolio.uuid"],
            name="fk_flex_asset_tenant_id_portfolio_uuid",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "user_id"],
            ["flex_user.tenant_id", "flex_user.user_id"],
            name="fk_flex_asset_tenant_id_user_id",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "uuid", name="pk_flex_asset"),
    )
    op.create_index("ix_flex_asset_owner_id", "flex_asset", ["tenant_id", "owner_kind", "owner_id"])
    op.create_index("ix_flex_asset_mpan", "flex_asset", ["mpan"])
    op.create_index("ix_flex_asset_portfolio_uuid", "flex_asset", ["tenant_id", "portfolio_uuid"])
    op.create_index("ix_flex_asset_user_id", "flex_asset", ["tenant_id", "user_id"])
    op.create_index(
        "uq_flex_asset_asset_id",
        "flex_asset",
        ["tenant_id", "asset_id"],
        unique=True,
        postgresql_where=sa.text("archived_at IS NULL"),
    )
    op.create_index(
        "uq_flex_asset_mpan",
        "flex_asset",
        ["tenant_id", "mpan"],
        unique=True,
        postgresql_where=sa.text("archived_at IS NULL AND mpan IS NOT NULL"),
    )


def _flex_consent() -> None:
    op.create_table(
        "flex_consent",
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("uuid", sa.Uuid, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("asset_uuid", sa.Uuid, nullable=False),
        sa.Column("scope", sa.Text, nullable=False, comment="METER_DATA, SCHEME or EVENT"),
        sa.Column("scheme_uuid", sa.Uuid),
        sa.Column("event_uuid", sa.Uuid),
        sa.Column("granted_at", _INSTANT, nullable=False),
        sa.Column("withdrawn_at", _INSTANT, comment="null: it stands"),
        sa.Column("source", sa.Text, nullable=False, comment="API, UI or IMPORT"),
        sa.Column("evidence", JSONB),
        sa.ForeignKeyConstraint(
            ["tenant_id", "asset_uuid"],
            ["flex_asset.tenant_id", "flex_asset.uuid"],
            name="fk_flex_consent_tenant_id_asset_uuid",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "uuid", name="pk_flex_consent"),
    )
    op.create_index("ix_flex_consent_asset_uuid", "flex_consent", ["tenant_id", "asset_uuid"])
    op.create_index("ix_flex_consent_user_id", "flex_consent", ["tenant_id", "user_id"])


def _flex_scheme_asset() -> None:
    op.create_table(
        "flex_scheme_asset",
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("scheme_uuid", sa.Uuid, nullable=False),
        sa.Column("asset_uuid", sa.Uuid, nullable=False),
        sa.Column("state", sa.Text, nullable=False, comment="OPT_IN, OPT_OUT, DUPLICATED, REJECTED or READY"),
        sa.Column("reason", sa.Text),
        sa.Column("opted_in_at", _INSTANT),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "asset_uuid"],
            ["flex_asset.tenant_id", "flex_asset.uuid"],
            name="fk_flex_scheme_asset_tenant_id_asset_uuid",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "scheme_uuid"],
            ["flex_scheme.tenant_id", "flex_scheme.uuid"],
            name="fk_flex_scheme_asset_tenant_id_scheme_uuid",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "scheme_uuid", "asset_uuid", name="pk_flex_scheme_asset"),
    )
    op.create_index("ix_flex_scheme_asset_asset_uuid", "flex_scheme_asset", ["tenant_id", "asset_uuid"])


def _tenant() -> None:
    op.add_column(
        "tenant",
        sa.Column(
            "uuid",
            sa.Uuid,
            nullable=False,
            server_default=sa.text("gen_random_uuid()"),
            comment="its name where an API asks for a UUID",
        ),
    )
    op.alter_column("tenant", "uuid", server_default=None)
    op.create_unique_constraint("uq_tenant_uuid", "tenant", ["uuid"])


def _flex_ingest() -> None:
    op.create_table(
        "flex_ingest",
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("received_at", _INSTANT, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("accepted", sa.Integer, nullable=False),
        sa.Column("updated", sa.Integer, nullable=False),
        sa.Column("unchanged", sa.Integer, nullable=False),
        sa.Column("rejected", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_flex_ingest"),
    )
    op.create_index("ix_flex_ingest_received_at", "flex_ingest", ["tenant_id", "received_at"])
