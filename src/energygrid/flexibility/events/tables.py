"""Events, what they are about and what became of them.

Whatever happens to an event happens by a transition; each is written once, so that it fires once.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

from energygrid.database.metadata import BY_TENANT, Instant, metadata

flex_event = Table(
    "flex_event",
    metadata,
    Column("tenant_id", BigInteger, nullable=False),
    Column("uuid", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False, comment="TURN_DOWN or TURN_UP"),
    Column("status", Text, nullable=False, comment="DRAFT, SCHEDULED, STARTED, ENDED or CANCELLED"),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("scheme_uuid", Uuid),
    Column("opt_in_required", Boolean, nullable=False),
    Column("incentive", Numeric, nullable=False, comment="money (or points) a kWh or an event, by incentive_type"),
    Column("incentive_type", Text, nullable=False, comment="PER_KWH, PER_EVENT or POINTS_PER_KWH"),
    Column("currency", Text, nullable=False),
    Column("eligibility", JSONB, nullable=False, comment="criteria by name, values are text"),
    Column("terms", JSONB, nullable=False, comment="rule sets, floor, cap, deadline: what it is settled by"),
    Column("stats_state", Text, nullable=False, comment="NONE, PENDING, CALCULATING or READY"),
    Column("baselines_revision", Integer, nullable=False, comment="0: none published"),
    Column("stats_revision", Integer, nullable=False, comment="0: none published"),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    PrimaryKeyConstraint("tenant_id", "uuid"),
    ForeignKeyConstraint(["tenant_id", "scheme_uuid"], ["flex_scheme.tenant_id", "flex_scheme.uuid"]),
    Index("ix_flex_event_starts_at", "tenant_id", "starts_at"),
    Index("ix_flex_event_status", "tenant_id", "status"),
    info=BY_TENANT,
)

flex_event_portfolio = Table(
    "flex_event_portfolio",
    metadata,
    Column("tenant_id", BigInteger, nullable=False),
    Column("event_uuid", Uuid, nullable=False),
    Column("portfolio_uuid", Uuid, nullable=False),
    Column("assigned_at", Instant, nullable=False),
    PrimaryKeyConstraint("tenant_id", "event_uuid", "portfolio_uuid"),
    ForeignKeyConstraint(["tenant_id", "event_uuid"], ["flex_event.tenant_id", "flex_event.uuid"]),
    ForeignKeyConstraint(["tenant_id", "portfolio_uuid"], ["flex_portfolio.tenant_id", "flex_portfolio.uuid"]),
    info=BY_TENANT,
)

flex_event_asset = Table(
    "flex_event_asset",
    metadata,
    Column("tenant_id", BigInteger, nullable=False),
    Column("event_uuid", Uuid, nullable=False),
    Column("asset_uuid", Uuid, nullable=False),
    Column("state", Text, nullable=False, comment="PENDING, OPT_IN, OPT_OUT or INELIGIBLE"),
    Column("reason", Text, comment="why it is ineligible"),
    Column("changed_at", Instant, nullable=False),
    PrimaryKeyConstraint("tenant_id", "event_uuid", "asset_uuid"),
    ForeignKeyConstraint(["tenant_id", "event_uuid"], ["flex_event.tenant_id", "flex_event.uuid"]),
    ForeignKeyConstraint(["tenant_id", "asset_uuid"], ["flex_asset.tenant_id", "flex_asset.uuid"]),
    Index("ix_flex_event_asset_asset_uuid", "tenant_id", "asset_uuid"),
    info=BY_TENANT,
)

flex_event_transition = Table(
    "flex_event_transition",
    metadata,
    Column("tenant_id", BigInteger, nullable=False),
    Column("event_uuid", Uuid, nullable=False),
    Column("name", Text, nullable=False, comment="SCHEDULED, STARTED, ENDED, CANCELLED, ..."),
    Column("at", Instant, nullable=False, comment="when it happened by the tenant's clock"),
    Column("recorded_at", Instant, nullable=False, comment="when it was noticed by the real one"),
    PrimaryKeyConstraint("tenant_id", "event_uuid", "name"),
    ForeignKeyConstraint(["tenant_id", "event_uuid"], ["flex_event.tenant_id", "flex_event.uuid"]),
    info=BY_TENANT,
)
