"""Records that are kept as documents: what utilities say of agreements, suppliers, accounts, places and the like."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB

from energygrid.database.metadata import BY_TENANT, Instant, metadata

utility_record = Table(
    "utility_record",
    metadata,
    Column("tenant_id", BigInteger, primary_key=True, autoincrement=False),
    Column("id", Text, primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("fingerprint", LargeBinary, nullable=False, comment="of the record as it came; keyed where it is personal"),
    Column("job_id", Text, nullable=False, comment="the ingest job that brought it"),
    Column("known_at", Instant, nullable=False),
    Column("superseded_at", Instant, comment="null: the current revision"),
    Column("kind", Text, nullable=False, comment="agreement, supplier, account, ..."),
    Column("account_number", Text),
    Column("meter_id", Text),
    Column("facts", JSONB, nullable=False, comment="fields of its kind, numbers as decimal strings"),
    Column("personal", JSONB(none_as_null=True), comment="its personal fields at PII level plain"),
    Column("personal_sealed", LargeBinary, comment="the same, sealed, at level encrypted"),
    info=BY_TENANT,
)
_current = utility_record.c.superseded_at.is_(None)
Index(
    "uq_utility_record_current",
    utility_record.c.tenant_id,
    utility_record.c.id,
    unique=True,
    postgresql_where=_current,
)
Index(
    "ix_utility_record_account",
    utility_record.c.tenant_id,
    utility_record.c.account_number,
    postgresql_where=_current,
)
Index("ix_utility_record_meter", utility_record.c.tenant_id, utility_record.c.meter_id, postgresql_where=_current)

statement_file = Table(
    "statement_file",
    metadata,
    Column("tenant_id", BigInteger, primary_key=True, autoincrement=False),
    Column("record_id", Text, primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False, comment="the document, sealed at every PII level"),
    ForeignKeyConstraint(
        ["tenant_id", "record_id", "revision"],
        ["utility_record.tenant_id", "utility_record.id", "utility_record.revision"],
        ondelete="CASCADE",
    ),
    info=BY_TENANT,
)
