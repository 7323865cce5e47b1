"""Series, day blocks, register reads, and the landing of files."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _landing()
    _series()
    _readings()


def _landing() -> None:
    op.create_table(
        "landed_chunk",
        sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("upload_id", sa.Text, primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("body", sa.LargeBinary, nullable=False, comment="zstd frame of at most 1 MiB of the file"),
    )
    # The body is compressed already.
    op.execute("ALTER TABLE landed_chunk ALTER COLUMN body SET STORAGE EXTERNAL")
    op.create_table(
        "ingest_job",
        sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False, comment="usage, billing or customers"),
        sa.Column("name", sa.Text, nullable=False, comment="file name as the sender gave it"),
        sa.Column("options", JSONB, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("upload_id", sa.Text, nullable=False),
        sa.Column("sha256", sa.LargeBinary, nullable=False),
        sa.Column(
            "variant",
            sa.Text,
            nullable=False,
            comment="fingerprint of options that make another import of the same file",
        ),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False, comment="queued, running, completed, failed or duplicate"),
        sa.Column("duplicate_of", sa.Text, comment="the job that took the same file before"),
        sa.Column("counters", JSONB, nullable=False),
        sa.Column("error_code", sa.Text),
        sa.Column("error_message", sa.Text),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("started_at", _INSTANT),
        sa.Column("finished_at", _INSTANT),
        sa.Column("acknowledged_at", _INSTANT),
    )
    op.create_index("ix_ingest_job_created_at", "ingest_job", ["tenant_id", "created_at"])
    op.create_index(
        "uq_ingest_job_sha256",
        "ingest_job",
        ["tenant_id", "kind", "sha256", "variant"],
        unique=True,
        postgresql_where=sa.text("state IN ('queued', 'running', 'completed')"),
    )
    for name, last in (("ingest_reject", [sa.Column("text", sa.Text, nullable=False)]), ("ingest_note", [])):
        op.create_table(
            name,
            sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
            sa.Column("job_id", sa.Text, primary_key=True),
            sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("row", sa.BigInteger, nullable=False),
            sa.Column("code", sa.Text, nullable=False),
            sa.Column("message", sa.Text, nullable=False),
            *last,
            sa.ForeignKeyConstraint(
                ["tenant_id", "job_id"],
                ["ingest_job.tenant_id", "ingest_job.id"],
                name=f"fk_{name}_tenant_id_job_id",
                ondelete="CASCADE",
            ),
        )


def _series() -> None:
    op.create_table(
        "series",
        sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("owner_kind", sa.Text, nullable=False, comment="meter or asset"),
        sa.Column("owner_id", sa.Text, nullable=False),
        sa.Column("commodity", sa.Text, nullable=False),
        sa.Column("flow", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("unit", sa.Text, nullable=False),
        sa.Column(
            "interval_s", sa.Integer, nullable=False, comment="86400 = one local calendar day; 0 = register reads"
        ),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("offset_s", sa.Integer, nullable=False, comment="where the first interval of a UTC day starts"),
        sa.Column("zone", sa.Text, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.UniqueConstraint(
            "tenant_id",
            "owner_kind",
            "owner_id",
            "commodity",
            "flow",
            "kind",
            "unit",
            "interval_s",
            "channel",
            name="uq_series_identity",
        ),
    )


def _readings() -> None:
    for name, key in (("reading_block", False), ("reading_revision", True)):
        op.create_table(
            name,
            sa.Column("series_id", sa.BigInteger, primary_key=True, autoincrement=False),
            sa.Column("day", sa.Date, primary_key=True),
            sa.Column("revision", sa.Integer, primary_key=key, autoincrement=False, nullable=False),
            sa.Column("known_at", _INSTANT, nullable=False),
            sa.Column("values", sa.LargeBinary, nullable=False),
            sa.Column("quality", sa.LargeBinary),
            sa.Column("source_quality", sa.Text),
        )
        # Blocks are compressed already.
        op.execute(f"ALTER TABLE {name} ALTER COLUMN values SET STORAGE EXTERNAL")
    op.execute("ALTER TABLE reading_block SET (fillfactor = 90)")
    op.create_table(
        "register_read",
        sa.Column("series_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", _INSTANT, primary_key=True),
        sa.Column("known_at", _INSTANT, primary_key=True),
        sa.Column("value", sa.Double, nullable=False),
        sa.Column("quality", sa.SmallInteger, nullable=False),
    )
    op.create_table(
        "parked_reading",
        sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("meter_id", sa.Text, nullable=False),
        sa.Column("job_id", sa.Text, nullable=False),
        sa.Column("parked_at", _INSTANT, nullable=False),
        sa.Column("readings", sa.Integer, nullable=False),
        sa.Column(
            "body", sa.LargeBinary, nullable=False, comment="the readings of one meter as they came (metering.parking)"
        ),
    )
    op.create_index("ix_parked_reading_meter_id", "parked_reading", ["tenant_id", "meter_id"])
