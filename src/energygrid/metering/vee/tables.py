"""Findings of validation and estimation."""

from sqlalchemy import BigInteger, Column, Double, Index, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from energygrid.database.metadata import BY_TENANT, Instant, metadata

vee_finding = Table(
    "vee_finding",
    metadata,
    Column("tenant_id", BigInteger, primary_key=True, autoincrement=False),
    Column("series_id", BigInteger, primary_key=True, autoincrement=False),
    Column("rule", Text, primary_key=True),
    Column("start", Instant, primary_key=True),
    Column("end", Instant, nullable=False),
    Column("severity", Text, nullable=False),
    Column("measured", Double),
    Column("limit", Double),
    Column("facts", JSONB, nullable=False),
    Column("found_at", Instant, nullable=False),
    Index("ix_vee_finding_found_at", "tenant_id", "found_at"),
    info=BY_TENANT,
)
"""One rule says one thing about a series from one instant on; a new examination replaces what it said."""
