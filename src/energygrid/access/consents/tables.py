"""Consents of customers.

A consent has one row for ever; revoking it sets an instant and takes nothing away from what was once allowed.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from energygrid.database.metadata import BY_TENANT, Instant, metadata

consent = Table(
    "consent",
    metadata,
    Column("tenant_id", BigInteger, nullable=False),
    Column("id", Text, nullable=False, comment="decimal digits: id of Authorization, Subscription and RetailCustomer"),
    Column("client_id", Text, nullable=False, comment="the third party's client"),
    Column("customer_id", Text, nullable=False, comment="clientId of the customer in the mirror"),
    Column("requested_scope", Text, nullable=False),
    Column("scope", Text, nullable=False, comment="what was granted, as it is written in tokens"),
    Column("data_from", Instant, comment="earliest data time that is shared; null: no limit"),
    Column("data_until", Instant, comment="latest data time that is shared; null: no limit"),
    Column("evidence", Text, comment="reference of a consent on paper; null: given in the portal"),
    Column("created_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("expires_at", Instant, comment="null: until revoked"),
    Column("tokens_from", Instant, comment="access tokens issued earlier are refused; null: none is"),
    Column("revoked_at", Instant),
    Column("revoked_by", Text),
    PrimaryKeyConstraint("tenant_id", "id"),
    Index("ix_consent_client", "tenant_id", "client_id", "id"),
    Index("ix_consent_customer", "tenant_id", "customer_id"),
    info=BY_TENANT,
)

consent_meter = Table(
    "consent_meter",
    metadata,
    Column("tenant_id", BigInteger, nullable=False),
    Column("consent_id", Text, nullable=False),
    Column("meter_id", Text, nullable=False),
    PrimaryKeyConstraint("tenant_id", "consent_id", "meter_id"),
    ForeignKeyConstraint(["tenant_id", "consent_id"], ["consent.tenant_id", "consent.id"], ondelete="CASCADE"),
    Index("ix_consent_meter_meter", "tenant_id", "meter_id"),
    info=BY_TENANT,
)
