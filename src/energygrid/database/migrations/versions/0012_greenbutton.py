"""Notices to third parties, bulk feeds and feeds that are built ahead."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0012"
down_revision = "0011"

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _notices()
    _bulk()
    _ahead()


def _tenant() -> sa.Column[int]:
    return sa.Column("tenant_id", sa.BigInteger, nullable=False)


def _notices() -> None:
    op.create_table(
        "notice_address",
        _tenant(),
        sa.Column("client_id", sa.Text, nullable=False, comment="the third party's client"),
        sa.Column("endpoint_id", sa.Text, nullable=False, comment="webhook endpoint that stands for its address"),
        sa.PrimaryKeyConstraint("tenant_id", "client_id", name="pk_notice_address"),
    )
    op.create_table(
        "notice_pending",
        _tenant(),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False, comment="readings, bills, ..., authorization or application"),
        sa.Column("about", sa.Text, nullable=False, comment="the consent, or the application"),
        sa.Column("first", _INSTANT, comment="data times that changed, [first, last); null: the kind has none"),
        sa.Column("last", _INSTANT),
        sa.Column("due_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "client_id", "kind", "about", name="pk_notice_pending"),
    )
    op.create_index("ix_notice_pending_due_at", "notice_pending", ["tenant_id", "due_at"])


def _bulk() -> None:
    op.create_table(
        "bulk_feed",
        _tenant(),
        sa.Column("id", sa.Text, nullable=False, comment="decimal digits, its name on the wire"),
        sa.Column("client_id", sa.Text, nullable=False, comment="the third party's client"),
        sa.Column("kind", sa.Text, nullable=False, comment="usage or customer: never both in one feed"),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_bulk_feed"),
    )
    op.create_index("ix_bulk_feed_expires_at", "bulk_feed", ["tenant_id", "expires_at"])
    op.create_table(
        "bulk_part",
        _tenant(),
        sa.Column("bulk_id", sa.Text, nullable=False),
        sa.Column("consent_id", sa.Text, nullable=False),
        sa.Column("first", _INSTANT, comment="data times that changed, [first, last); null: none"),
        sa.Column("last", _INSTANT),
        sa.Column("is_new", sa.Boolean, nullable=False, comment="the authorization itself is part of the feed"),
        sa.PrimaryKeyConstraint("tenant_id", "bulk_id", "consent_id", name="pk_bulk_part"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "bulk_id"],
            ["bulk_feed.tenant_id", "bulk_feed.id"],
            ondelete="CASCADE",
            name="fk_bulk_part_tenant_id_bulk_id",
        ),
    )


def _ahead() -> None:
    op.create_table(
        "built_feed",
        _tenant(),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column(
            "key",
            sa.LargeBinary,
            nullable=False,
            comment="SHA-256 of the recipe: the same question has the same row",
        ),
        sa.Column("client_id", sa.Text, nullable=False, comment="the third party it is for"),
        sa.Column("consent_id", sa.Text, comment="the consent it was built under; null: several, a bulk feed"),
        sa.Column("recipe", JSONB, nullable=False, comment="what to build (greenbutton.ahead.recipes)"),
        sa.Column("version", sa.Text, nullable=False, comment="of the content, when it was asked for"),
        sa.Column("state", sa.Text, nullable=False, comment="building, ready or failed"),
        sa.Column("attempt", sa.Integer, nullable=False, comment="which build owns the row; an older one stops"),
        sa.Column("expected", sa.BigInteger, nullable=False, comment="bytes that the feed will have, roughly"),
        sa.Column("written", sa.BigInteger, nullable=False, comment="bytes so far, before compression"),
        sa.Column("requested_at", _INSTANT, nullable=False),
        sa.Column("started_at", _INSTANT),
        sa.Column("finished_at", _INSTANT),
        sa.Column("served_at", _INSTANT, comment="when it was first fetched"),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_built_feed"),
        sa.UniqueConstraint("tenant_id", "key", name="uq_built_feed_tenant_id_key"),
    )
    op.create_index("ix_built_feed_client", "built_feed", ["tenant_id", "client_id"])
    op.create_index("ix_built_feed_expires_at", "built_feed", ["tenant_id", "expires_at"])
    op.create_table(
        "built_feed_chunk",
        _tenant(),
        sa.Column("feed_id", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False, comment="sealed piece of the gzip stream"),
        sa.PrimaryKeyConstraint("tenant_id", "feed_id", "number", name="pk_built_feed_chunk"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "feed_id"],
            ["built_feed.tenant_id", "built_feed.id"],
            ondelete="CASCADE",
            name="fk_built_feed_chunk_tenant_id_feed_id",
        ),
    )
