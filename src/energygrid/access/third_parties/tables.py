"""Third parties. A third party is a client (`access.clients`) with facts of its own; it is found by its token before
its tenant is known, so the table is a reference table.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from energygrid.database.metadata import REFERENCE, Instant, metadata

third_party = Table(
    "third_party",
    metadata,
    Column("client_id", Text, ForeignKey("client.client_id"), primary_key=True),
    Column("tenant_id", BigInteger, nullable=False),
    Column("application_id", Text, nullable=False, comment="decimal digits: id of ApplicationInformation"),
    Column("status", SmallInteger, nullable=False, comment="1 review, 2 live, 3 on hold, 4 revoked"),
    Column("offered_scopes", ARRAY(Text), nullable=False, comment="ESPI scope strings; the first one is the default"),
    Column("notify_uri", Text, comment="where notices go; null: nowhere"),
    Column("facts", JSONB, nullable=False, comment="what ApplicationInformation tells besides"),
    Column("owner_user_id", BigInteger, comment="the user who registered it; null: the utility's staff"),
    Column("registration_fingerprint", LargeBinary, nullable=False, comment="HMAC-SHA256 of the registration token"),
    Column("created_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Index("ix_third_party_tenant_id", "tenant_id", "application_id", unique=True),
    Index("ix_third_party_registration_fingerprint", "registration_fingerprint", unique=True),
    info=REFERENCE,
)
