"""Series, their day blocks with revisions, register reads and parked readings.

Reading tables are spread by series: a meter's year stands on one node. A series belongs to one tenant, and its id is
given once for the whole installation, so the series is the tenant in their keys.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    Double,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

from energygrid.database.metadata import BY_SERIES, BY_TENANT, Instant, metadata

series = Table(
    "series",
    metadata,
    Column("tenant_id", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("owner_kind", Text, nullable=False, comment="meter or asset"),
    Column("owner_id", Text, nullable=False),
    Column("commodity", Text, nullable=False),
    Column("flow", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("interval_s", Integer, nullable=False, comment="86400 = one local calendar day; 0 = register reads"),
    Column("channel", Text, nullable=False),
    Column("offset_s", Integer, nullable=False, comment="where the first interval of a UTC day starts"),
    Column("zone", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint(
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
    info=BY_TENANT,
)

reading_block = Table(
    "reading_block",
    metadata,
    Column("series_id", BigInteger, primary_key=True, autoincrement=False),
    # The UTC day less the series' offset; the local day of a daily series.
    Column("day", Date, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("known_at", Instant, nullable=False),
    Column("values", LargeBinary, nullable=False),
    # Null: every value present is ACTUAL. Both are packed by metering.blocks.
    Column("quality", LargeBinary),
    # The source's own marks, run-length; null: it said no more than quality.
    Column("source_quality", Text),
    info=BY_SERIES,
)

reading_revision = Table(
    "reading_revision",
    metadata,
    Column("series_id", BigInteger, primary_key=True, autoincrement=False),
    Column("day", Date, primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("known_at", Instant, nullable=False),
    Column("values", LargeBinary, nullable=False),
    Column("quality", LargeBinary),
    Column("source_quality", Text),
    info=BY_SERIES,
)

register_read = Table(
    "register_read",
    metadata,
    Column("series_id", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Instant, primary_key=True),
    Column("known_at", Instant, primary_key=True),
    Column("value", Double, nullable=False),
    Column("quality", SmallInteger, nullable=False),
    info=BY_SERIES,
)

parked_reading = Table(
    "parked_reading",
    metadata,
    Column("tenant_id", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("meter_id", Text, nullable=False),
    Column("job_id", Text, nullable=False),
    Column("parked_at", Instant, nullable=False),
    Column("readings", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False, comment="the readings of one meter as they came (metering.parking)"),
    Index("ix_parked_reading_meter_id", "tenant_id", "meter_id"),
    info=BY_TENANT,
)
