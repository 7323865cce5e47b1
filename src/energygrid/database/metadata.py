"""The one MetaData of the platform, and how each table is spread over a Citus cluster.

A table names its distribution column in `info`. Every primary key, unique constraint and unique index of a distributed
table holds that column (a test walks the metadata), so the same schema runs on one PostgreSQL and on Citus.
"""

from typing import Any

from sqlalchemy import DateTime, MetaData

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

BY_TENANT: dict[str, Any] = {"distribution": "tenant_id"}
BY_SERIES: dict[str, Any] = {"distribution": "series_id"}
REFERENCE: dict[str, Any] = {"distribution": "reference"}
"""Small and read everywhere: copied to every node."""
LOCAL: dict[str, Any] = {"distribution": "local"}
"""Stays on the coordinator."""

Instant = DateTime(timezone=True)
