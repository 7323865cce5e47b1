"""Uploads of consumption: what a receipt stands for."""

from sqlalchemy import BigInteger, Column, Index, Integer, PrimaryKeyConstraint, Table, Text, Uuid

from energygrid.database.metadata import BY_TENANT, Instant, metadata

flex_ingest = Table(
    "flex_ingest",
    metadata,
    Column("tenant_id", BigInteger, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("accepted", Integer, nullable=False),
    Column("updated", Integer, nullable=False),
    Column("unchanged", Integer, nullable=False),
    Column("rejected", Integer, nullable=False),
    PrimaryKeyConstraint("tenant_id", "id"),
    Index("ix_flex_ingest_received_at", "tenant_id", "received_at"),
    info=BY_TENANT,
)
