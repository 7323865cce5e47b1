"""Who takes part in flexibility, with which assets, and what they agreed to.

Everything a caller may name has a UUID of its own; the caller's own ids (`userId`, `assetId`) stand beside it.
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
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from energygrid.database.metadata import BY_TENANT, Instant, metadata

flex_user = Table(
    "flex_user",
    metadata,
    Column("tenant_id", BigInteger, nullable=False),
    Column("uuid", Uuid, nullable=False),
    Column("user_id", Text, nullable=False, comment="the caller's own id"),
    Column("created_at", Instant, nullable=False),
    PrimaryKeyConstraint("tenant_id", "uuid"),
    UniqueConstraint("tenant_id", "user_id"),
    info=BY_TENANT,
)

flex_portfolio = Table(
    "flex_portfolio",
    metadata,
    Column("tenant_id", BigInteger, nullable=False),
    Column("uuid", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text),
    Column("status", Text, nullable=False, comment="ACTIVE or ARCHIVED"),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    PrimaryKeyConstraint("tenant_id", "uuid"),
    info=BY_TENANT,
)

flex_asset = Table(
    "flex_asset",
    metadata,
    Column("tenant_id", BigInteger, nullable=False),
    Column("uuid", Uuid, nullable=False),
    Column("asset_id", Text, nullable=False, comment="the caller's own id"),
    Column("user_id", Text, nullable=False, comment="the caller's own id of the user"),
    Column("name", Text, nullable=False),
    Column("asset_type", Text, nullable=False),
    Column("zone", Text, nullable=False, comment="whose wall clock counts half-hours"),
    Column("postcode", Text, nullable=False, comment="without spaces, upper case: what eligibility looks at"),
    Column("location", LargeBinary, nullable=False, comment="sealed JSON: postcode, building, address, coordinates"),
    Column("installed_at", Instant),
    Column("hh_settled", Boolean, nullable=False),
    Column("bmu_id", Text),
    Column("mpan", Text, comment="13 digits, or what was given instead"),
    Column("export_mpan", Text),
    Column("mpan_status", Text, nullable=False, comment="PENDING, VALID or INVALID"),
    Column("mpan_reason", Text),
    Column("owner_kind", Text, nullable=False, comment="whose series its readings are: asset or meter"),
    Column("owner_id", Text, nullable=False, comment="its uuid, or the id of the mirror's meter"),
    Column("portfolio_uuid", Uuid),
    Column("sandbox", Text, comment="what a synthetic meter is made of; null: a real one"),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("archived_at", Instant),
    PrimaryKeyConstraint("tenant_id", "uuid"),
    ForeignKeyConstraint(["tenant_id", "portfolio_uuid"], ["flex_portfolio.tenant_id", "flex_portfolio.uuid"]),
    ForeignKeyConstraint(["tenant_id", "user_id"], ["flex_user.tenant_id", "flex_user.user_id"]),
    Index("uq_flex_asset_asset_id", "tenant_id", "asset_id", unique=True, postgresql_where=text("archived_at IS NULL")),
    Index(
        "uq_flex_asset_mpan",
        "tenant_id",
        "mpan",
        unique=True,
        postgresql_where=text("archived_at IS NULL AND mpan IS NOT NULL"),
    ),
    Index("ix_flex_asset_mpan", "mpan"),  # the same meter at another supplier
    Index("ix_flex_asset_portfolio_uuid", "tenant_id", "portfolio_uuid"),
    Index("ix_flex_asset_user_id", "tenant_id", "user_id"),
    Index("ix_flex_asset_owner_id", "tenant_id", "owner_kind", "owner_id"),
    info=BY_TENANT,
)

flex_scheme = Table(
    "flex_scheme",
    metadata,
    Column("tenant_id", BigInteger, nullable=False),
    Column("uuid", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text),
    Column("facts", JSONB, nullable=False, comment="rule set, floor, cap and other defaults of its events"),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("archived_at", Instant),
    PrimaryKeyConstraint("tenant_id", "uuid"),
    UniqueConstraint("tenant_id", "name"),
    info=BY_TENANT,
)

flex_scheme_asset = Table(
    "flex_scheme_asset",
    metadata,
    Column("tenant_id", BigInteger, nullable=False),
    Column("scheme_uuid", Uuid, nullable=False),
    Column("asset_uuid", Uuid, nullable=False),
    Column("state", Text, nullable=False, comment="OPT_IN, OPT_OUT, DUPLICATED, REJECTED or READY"),
    Column("reason", Text),
    Column("opted_in_at", Instant),
    Column("changed_at", Instant, nullable=False),
    PrimaryKeyConstraint("tenant_id", "scheme_uuid", "asset_uuid"),
    ForeignKeyConstraint(["tenant_id", "scheme_uuid"], ["flex_scheme.tenant_id", "flex_scheme.uuid"]),
    ForeignKeyConstraint(["tenant_id", "asset_uuid"], ["flex_asset.tenant_id", "flex_asset.uuid"]),
    Index("ix_flex_scheme_asset_asset_uuid", "tenant_id", "asset_uuid"),
    info=BY_TENANT,
)

flex_consent = Table(
    "flex_consent",
    metadata,
    Column("tenant_id", BigInteger, nullable=False),
    Column("uuid", Uuid, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("asset_uuid", Uuid, nullable=False),
    Column("scope", Text, nullable=False, comment="METER_DATA, SCHEME or EVENT"),
    Column("scheme_uuid", Uuid),
    Column("event_uuid", Uuid),
    Column("granted_at", Instant, nullable=False),
    Column("withdrawn_at", Instant, comment="null: it stands"),
    Column("source", Text, nullable=False, comment="API, UI or IMPORT"),
    Column("evidence", JSONB),
    PrimaryKeyConstraint("tenant_id", "uuid"),
    ForeignKeyConstraint(["tenant_id", "asset_uuid"], ["flex_asset.tenant_id", "flex_asset.uuid"]),
    Index("ix_flex_consent_asset_uuid", "tenant_id", "asset_uuid"),
    Index("ix_flex_consent_user_id", "tenant_id", "user_id"),
    info=BY_TENANT,
)
