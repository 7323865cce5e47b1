"""Landed files and the jobs that work on them."""

from sqlalchemy import BigInteger, Column, ForeignKeyConstraint, Index, Integer, LargeBinary, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from energygrid.database.metadata import BY_TENANT, Instant, metadata

landed_chunk = Table(
    "landed_chunk",
    metadata,
    Column("tenant_id", BigInteger, primary_key=True, autoincrement=False),
    Column("upload_id", Text, primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False, comment="zstd frame of at most 1 MiB of the file"),
    info=BY_TENANT,
)

ingest_job = Table(
    "ingest_job",
    metadata,
    Column("tenant_id", BigInteger, primary_key=True, autoincrement=False),
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False, comment="usage, billing or customers"),
    Column("name", Text, nullable=False, comment="file name as the sender gave it"),
    Column("options", JSONB, nullable=False),
    Column("actor", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("upload_id", Text, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("variant", Text, nullable=False, comment="fingerprint of options that make another import of the same file"),
    Column("size", BigInteger, nullable=False),
    Column("state", Text, nullable=False, comment="queued, running, completed, failed or duplicate"),
    Column("duplicate_of", Text, comment="the job that took the same file before"),
    Column("counters", JSONB, nullable=False),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("created_at", Instant, nullable=False),
    Column("started_at", Instant),
    Column("finished_at", Instant),
    Column("acknowledged_at", Instant),
    Index("ix_ingest_job_created_at", "tenant_id", "created_at"),
    info=BY_TENANT,
)

# The same file is taken once per tenant and kind, whoever sends it and however often.
Index(
    "uq_ingest_job_sha256",
    ingest_job.c.tenant_id,
    ingest_job.c.kind,
    ingest_job.c.sha256,
    ingest_job.c.variant,
    unique=True,
    postgresql_where=ingest_job.c.state.in_(["queued", "running", "completed"]),
)

ingest_reject = Table(
    "ingest_reject",
    metadata,
    Column("tenant_id", BigInteger, primary_key=True, autoincrement=False),
    Column("job_id", Text, primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("row", BigInteger, nullable=False),
    Column("code", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("text", Text, nullable=False),
    ForeignKeyConstraint(["tenant_id", "job_id"], ["ingest_job.tenant_id", "ingest_job.id"], ondelete="CASCADE"),
    info=BY_TENANT,
)

ingest_note = Table(
    "ingest_note",
    metadata,
    Column("tenant_id", BigInteger, primary_key=True, autoincrement=False),
    Column("job_id", Text, primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("row", BigInteger, nullable=False),
    Column("code", Text, nullable=False),
    Column("message", Text, nullable=False),
    ForeignKeyConstraint(["tenant_id", "job_id"], ["ingest_job.tenant_id", "ingest_job.id"], ondelete="CASCADE"),
    info=BY_TENANT,
)
