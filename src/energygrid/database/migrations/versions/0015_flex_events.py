"""Events of flexibility."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0015"
down_revision = "0014"

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _flex_event()
    _flex_event_asset()
    _flex_event_portfolio()
    _flex_event_transition()


def _flex_event() -> None:
    op.create_table(
        "flex_event",
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("uuid", sa.Uuid, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False, comment="TURN_DOWN or TURN_UP"),
        sa.Column("status", sa.Text, nullable=False, comment="DRAFT, SCHEDULED, STARTED, ENDED or CANCELLED"),
        sa.Column("starts_at", _INSTANT, nullable=False),
        sa.Column("ends_at", _INSTANT, nullable=False),
        sa.Column("scheme_uuid", sa.Uuid),
        sa.Column("opt_in_required", sa.Boolean, nullable=False),
        sa.Column(
            "incentive", sa.Numeric, nullable=False, comment="money (or points) a kWh or an event, by incentive_type"
        ),
        sa.Column("incentive_type", sa.Text, nullable=False, comment="PER_KWH, PER_EVENT or POINTS_PER_KWH"),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("eligibility", JSONB, nullable=False, comment="criteria by name, values are text"),
        sa.Column("terms", JSONB, nullable=False, comment="rule sets, floor, cap, deadline: what it is settled by"),
        sa.Column("stats_state", sa.Text, nullable=False, comment="NONE, PENDING, CALCULATING or READY"),
        sa.Column("baselines_revision", sa.Integer, nullable=False, comment="0: none published"),
        sa.Column("stats_revision", sa.Integer, nullable=False, comment="0: none published"),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("updated_at", _INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "scheme_uuid"],
            ["flex_scheme.tenant_id", "flex_scheme.uuid"],
            name="fk_flex_event_tenant_id_scheme_uuid",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "uuid", name="pk_flex_event"),
    )
    op.create_index("ix_flex_event_starts_at", "flex_event", ["tenant_id", "starts_at"])
    op.create_index("ix_flex_event_status", "flex_event", ["tenant_id", "status"])


def _flex_event_asset() -> None:
    op.create_table(
        "flex_event_asset",
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("event_uuid", sa.Uuid, nullable=False),
        sa.Column("asset_uuid", sa.Uuid, nullable=False),
        sa.Column("state", sa.Text, nullable=False, comment="PENDING, OPT_IN, OPT_OUT or INELIGIBLE"),
        sa.Column("reason", sa.Text, comment="why it is ineligible"),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "asset_uuid"],
            ["flex_asset.tenant_id", "flex_asset.uuid"],
            name="fk_flex_event_asset_tenant_id_asset_uuid",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "event_uuid"],
            ["flex_event.tenant_id", "flex_event.uuid"],
            name="fk_flex_event_asset_tenant_id_event_uuid",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "event_uuid", "asset_uuid", name="pk_flex_event_asset"),
    )
    op.create_index("ix_flex_event_asset_asset_uuid", "flex_event_asset", ["tenant_id", "asset_uuid"])


def _flex_event_portfolio() -> None:
    op.create_table(
        "flex_event_portfolio",
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("event_uuid", sa.Uuid, nullable=False),
        sa.Column("portfolio_uuid", sa.Uuid, nullable=False),
        sa.Column("assigned_at", _INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "event_uuid"],
            ["flex_event.tenant_id", "flex_event.uuid"],
            name="fk_flex_event_portfolio_tenant_id_event_uuid",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "portfolio_uuid"],
            ["flex_portfolio.tenant_id", "flex_portfolio.uuid"],
            name="fk_flex_event_portfolio_tenant_id_portfolio_uuid",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "event_uuid", "portfolio_uuid", name="pk_flex_event_portfolio"),
    )


def _flex_event_transition() -> None:
    op.create_table(
        "flex_event_transition",
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("event_uuid", sa.Uuid, nullable=False),
        sa.Column("name", sa.Text, nullable=False, comment="SCHEDULED, STARTED, ENDED, CANCELLED, ..."),
        sa.Column("at", _INSTANT, nullable=False, comment="when it happened by the tenant's clock"),
        sa.Column("recorded_at", _INSTANT, nullable=False, comment="when it was noticed by the real one"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "event_uuid"],
            ["flex_event.tenant_id", "flex_event.uuid"],
            name="fk_flex_event_transition_tenant_id_event_uuid",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "event_uuid", "name", name="pk_flex_event_transition"),
    )
