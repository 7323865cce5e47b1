"""What was computed for events: runs, the statement of each asset, and the readings that have changed since.

Energy is in whole millionths of a kWh, see `settlement.energy`.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from energygrid.database.metadata import BY_TENANT, Instant, metadata

flex_run = Table(
    "flex_run",
    metadata,
    Column("tenant_id", BigInteger, nullable=False),
    Column("event_uuid", Uuid, nullable=False),
    Column("kind", Text, nullable=False, comment="BASELINE, CONTROL or SETTLEMENT"),
    Column("revision", Integer, nullable=False, comment="of what is published; grows when figures change"),
    Column("state", Text, nullable=False, comment="CALCULATING, READY or CLOSED"),
    Column("basis", JSONB, nullable=False, comment="what it is computed by, the same for every asset"),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("totals", JSONB, comment="by method; null: not finished"),
    Column("head", LargeBinary, comment="hash over all statements, in the order of their assets"),
    PrimaryKeyConstraint("tenant_id", "event_uuid", "kind", "revision"),
    ForeignKeyConstraint(["tenant_id", "event_uuid"], ["flex_event.tenant_id", "flex_event.uuid"]),
    info=BY_TENANT,
)

flex_run_part = Table(
    "flex_run_part",
    metadata,
    Column("tenant_id", BigInteger, nullable=False),
    Column("event_uuid", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("part", Integer, nullable=False),
    Column("assets", ARRAY(Uuid), nullable=False),
    Column("done_at", Instant),
    PrimaryKeyConstraint("tenant_id", "event_uuid", "kind", "revision", "part"),
    info=BY_TENANT,
)


def _statement_columns() -> list[Column[object]]:
    return [
        Column("tenant_id", BigInteger, nullable=False),
        Column("event_uuid", Uuid, nullable=False),
        Column("kind", Text, nullable=False),
        Column("method", Text, nullable=False, comment="rule set"),
        Column("asset_uuid", Uuid, nullable=False),
        Column("revision", Integer, nullable=False, comment="the run's that it was written by"),
        Column("known_at", Instant, nullable=False),
        Column("state", Text, nullable=False, comment="PROCESSED, PENDING or EXPIRED"),
        Column("baseline", BigInteger, comment="over the event; null: there is none"),
        Column("actual", BigInteger),
        Column("export_baseline", BigInteger),
        Column("export_actual", BigInteger),
        Column("delivered", BigInteger, nullable=False),
        Column("amount", Numeric, nullable=False, comment="money, or points"),
        Column("curves", LargeBinary, comment="int64: baseline and actual of each flow that counts, by interval"),
        Column("first_day", Integer, nullable=False, comment="UTC day that `days` begins with, days since 1970"),
        Column("days", Text, nullable=False, comment="a 1 for each day whose readings matter"),
        Column("evidence", Text, nullable=False, comment="canonical JSON"),
        Column("digest", LargeBinary, nullable=False, comment="SHA-256 of evidence"),
    ]


flex_statement = Table(
    "flex_statement",
    metadata,
    *_statement_columns(),
    PrimaryKeyConstraint("tenant_id", "event_uuid", "kind", "method", "asset_uuid"),
    Index("ix_flex_statement_asset_uuid", "tenant_id", "asset_uuid"),
    info=BY_TENANT,
)

flex_statement_revision = Table(
    "flex_statement_revision",
    metadata,
    *_statement_columns(),
    PrimaryKeyConstraint("tenant_id", "event_uuid", "kind", "method", "asset_uuid", "revision"),
    info=BY_TENANT,
)

flex_nomination = Table(
    "flex_nomination",
    metadata,
    Column("tenant_id", BigInteger, nullable=False),
    Column("event_uuid", Uuid, nullable=False),
    Column("asset_uuid", Uuid, nullable=False),
    Column("revision", Integer, nullable=False, comment="1 for the first filing; each one is kept"),
    Column("starts_at", Instant, nullable=False, comment="start of the event that it was filed for"),
    Column("filed_at", Instant, nullable=False, comment="by the tenant's clock"),
    Column("micro_kwh", ARRAY(BigInteger), nullable=False, comment="millionths of a kWh in each half-hour"),
    PrimaryKeyConstraint("tenant_id", "event_uuid", "asset_uuid", "revision"),
    ForeignKeyConstraint(["tenant_id", "event_uuid"], ["flex_event.tenant_id", "flex_event.uuid"]),
    info=BY_TENANT,
)

flex_touched = Table(
    "flex_touched",
    metadata,
    Column("tenant_id", BigInteger, nullable=False),
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("touched_at", Instant, nullable=False),
    Column("event_uuid", Uuid, comment="only for this event, which was being calculated; null: for all"),
    Column("series", ARRAY(BigInteger), nullable=False),
    Column("first", ARRAY(Integer), nullable=False, comment="first changed day of each, days since 1970"),
    Column("last", ARRAY(Integer), nullable=False),
    PrimaryKeyConstraint("tenant_id", "id"),
    info=BY_TENANT,
)

flex_accuracy = Table(
    "flex_accuracy",
    metadata,
    Column("tenant_id", BigInteger, nullable=False),
    Column("asset_uuid", Uuid, nullable=False),
    Column("method", Text, nullable=False),
    Column("computed_at", Instant, nullable=False),
    Column("basis", JSONB, nullable=False, comment="what it was computed from: another one, other figures"),
    Column("figures", JSONB, nullable=False),
    PrimaryKeyConstraint("tenant_id", "asset_uuid", "method"),
    info=BY_TENANT,
)
