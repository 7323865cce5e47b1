"""Baselines and settlements of events."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0016"
down_revision = "0015"

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _runs()
    for name, key in (("flex_statement", ()), ("flex_statement_revision", ("revision",))):
        _statements(name, *key)
    op.create_index("ix_flex_statement_asset_uuid", "flex_statement", ["tenant_id", "asset_uuid"])
    _nominations()
    op.create_table(
        "flex_touched",
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("touched_at", _INSTANT, nullable=False),
        sa.Column("event_uuid", sa.Uuid, comment="only for this event, which was being calculated; null: for all"),
        sa.Column("series", ARRAY(sa.BigInteger), nullable=False),
        sa.Column("first", ARRAY(sa.Integer), nullable=False, comment="first changed day of each, days since 1970"),
        sa.Column("last", ARRAY(sa.Integer), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_flex_touched"),
    )
    op.create_table(
        "flex_accuracy",
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("asset_uuid", sa.Uuid, nullable=False),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("computed_at", _INSTANT, nullable=False),
        sa.Column("basis", JSONB, nullable=False, comment="what it was computed from: another one, other figures"),
        sa.Column("figures", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "asset_uuid", "method", name="pk_flex_accuracy"),
    )


def _runs() -> None:
    op.create_table(
        "flex_run",
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("event_uuid", sa.Uuid, nullable=False),
        sa.Column("kind", sa.Text, nullable=False, comment="BASELINE, CONTROL or SETTLEMENT"),
        sa.Column("revision", sa.Integer, nullable=False, comment="of what is published; grows when figures change"),
        sa.Column("state", sa.Text, nullable=False, comment="CALCULATING, READY or CLOSED"),
        sa.Column("basis", JSONB, nullable=False, comment="what it is computed by, the same for every asset"),
        sa.Column("started_at", _INSTANT, nullable=False),
        sa.Column("finished_at", _INSTANT),
        sa.Column("totals", JSONB, comment="by method; null: not finished"),
        sa.Column("head", sa.LargeBinary, comment="hash over all statements, in the order of their assets"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "event_uuid"],
            ["flex_event.tenant_id", "flex_event.uuid"],
            name="fk_flex_run_tenant_id_event_uuid",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "event_uuid", "kind", "revision", name="pk_flex_run"),
    )
    op.create_table(
        "flex_run_part",
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("event_uuid", sa.Uuid, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("part", sa.Integer, nullable=False),
        sa.Column("assets", ARRAY(sa.Uuid), nullable=False),
        sa.Column("done_at", _INSTANT),
        sa.PrimaryKeyConstraint("tenant_id", "event_uuid", "kind", "revision", "part", name="pk_flex_run_part"),
    )


def _nominations() -> None:
    op.create_table(
        "flex_nomination",
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("event_uuid", sa.Uuid, nullable=False),
        sa.Column("asset_uuid", sa.Uuid, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False, comment="1 for the first filing; each one is kept"),
        sa.Column("starts_at", _INSTANT, nullable=False, comment="start of the event that it was filed for"),
        sa.Column("filed_at", _INSTANT, nullable=False, comment="by the tenant's clock"),
        sa.Column("micro_kwh", ARRAY(sa.BigInteger), nullable=False, comment="millionths of a kWh in each half-hour"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "event_uuid"],
            ["flex_event.tenant_id", "flex_event.uuid"],
            name="fk_flex_nomination_tenant_id_event_uuid",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "event_uuid", "asset_uuid", "revision", name="pk_flex_nomination"),
    )


def _statements(name: str, *key: str) -> None:
    op.create_table(
        name,
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("event_uuid", sa.Uuid, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("method", sa.Text, nullable=False, comment="rule set"),
        sa.Column("asset_uuid", sa.Uuid, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False, comment="the run's that it was written by"),
        sa.Column("known_at", _INSTANT, nullable=False),
        sa.Column("state", sa.Text, nullable=False, comment="PROCESSED, PENDING or EXPIRED"),
        sa.Column("baseline", sa.BigInteger, comment="over the event; null: there is none"),
        sa.Column("actual", sa.BigInteger),
        sa.Column("export_baseline", sa.BigInteger),
        sa.Column("export_actual", sa.BigInteger),
        sa.Column("delivered", sa.BigInteger, nullable=False),
        sa.Column("amount", sa.Numeric, nullable=False, comment="money, or points"),
        sa.Column("curves", sa.LargeBinary, comment="int64: baseline and actual of each flow that counts, by interval"),
        sa.Column("first_day", sa.Integer, nullable=False, comment="UTC day that `days` begins with, days since 1970"),
        sa.Column("days", sa.Text, nullable=False, comment="a 1 for each day whose readings matter"),
        sa.Column("evidence", sa.Text, nullable=False, comment="canonical JSON"),
        sa.Column("digest", sa.LargeBinary, nullable=False, comment="SHA-256 of evidence"),
        sa.PrimaryKeyConstraint("tenant_id", "event_uuid", "kind", "method", "asset_uuid", *key, name=f"pk_{name}"),
    )
