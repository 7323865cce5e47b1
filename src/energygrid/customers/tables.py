"""Tables of the mirror.

A thing (customer, premise, meter) has one row and keeps its identity for ever. Who has what is a dated link with a
half-open span [since, until); the live one has until null, and partial unique indexes allow one live link each.
Personal data stands either in the plain or in the sealed column of a row, never in both.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Identity,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

from energygrid.database.metadata import BY_TENANT, Instant, metadata


def _personal() -> tuple[Column[Any], Column[Any]]:
    return (
        Column("personal", JSONB(none_as_null=True), comment="names or street at PII level plain"),
        Column("personal_sealed", LargeBinary, comment="the same, sealed, at level encrypted"),
    )


def _tenant() -> Column[Any]:
    return Column("tenant_id", BigInteger, nullable=False)


def _id() -> Column[Any]:
    return Column("id", BigInteger, Identity(always=True), nullable=False)


def _span() -> tuple[Column[Any], Column[Any]]:
    return Column("since", Instant, nullable=False), Column("until", Instant, comment="null: still so")


customer = Table(
    "customer",
    metadata,
    _tenant(),
    Column("client_id", Text, nullable=False),
    Column("profile_id", Uuid, nullable=False, comment="our GUID of the customer, hemProfileId of a bind"),
    Column("acct_status", Text),
    *_personal(),
    Column("fingerprint", LargeBinary, comment="of the last payload; null: another push changed the mirror"),
    Column("source_time", Instant, comment="of the newest payload that named its time"),
    Column("created_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    PrimaryKeyConstraint("tenant_id", "client_id"),
    UniqueConstraint("tenant_id", "profile_id"),
    info=BY_TENANT,
)

premise = Table(
    "premise",
    metadata,
    _tenant(),
    Column("premise_id", Text, nullable=False),
    *_personal(),
    Column("city", Text),
    Column("state", Text),
    Column("postal_code", Text, nullable=False),
    Column("changed_at", Instant, nullable=False),
    PrimaryKeyConstraint("tenant_id", "premise_id"),
    info=BY_TENANT,
)

meter = Table(
    "meter",
    metadata,
    _tenant(),
    Column("meter_id", Text, nullable=False),
    Column("meter_type", Text, nullable=False),
    Column("unit", Text),
    Column("is_ami", Boolean, nullable=False),
    Column("is_amr", Boolean),
    Column("rate_code", Text, nullable=False),
    Column("billing_cycle", Text, nullable=False),
    Column("billing_cycle_is_number", Boolean, nullable=False, comment="how the CIS writes it"),
    Column("obsolete", JSONB, nullable=False, comment="PANID, rateMultiplier, dialCount as they came"),
    Column("changed_at", Instant, nullable=False),
    PrimaryKeyConstraint("tenant_id", "meter_id"),
    info=BY_TENANT,
)

meter_rate = Table(
    "meter_rate",
    metadata,
    _tenant(),
    Column("meter_id", Text, nullable=False),
    Column("since", Instant, nullable=False),
    Column("rate_code", Text, nullable=False),
    PrimaryKeyConstraint("tenant_id", "meter_id", "since"),
    info=BY_TENANT,
)
"""Which rate code held from when: a past period is priced with the code of its time."""

customer_premise = Table(
    "customer_premise",
    metadata,
    _tenant(),
    _id(),
    Column("client_id", Text, nullable=False),
    Column("premise_id", Text, nullable=False),
    *_personal(),
    Column("is_primary", Boolean),
    Column("position", SmallInteger, nullable=False, comment="place in the payload"),
    *_span(),
    PrimaryKeyConstraint("tenant_id", "id"),
    info=BY_TENANT,
)
_live = customer_premise.c.until.is_(None)
Index(
    "uq_customer_premise_live",
    customer_premise.c.tenant_id,
    customer_premise.c.client_id,
    customer_premise.c.premise_id,
    unique=True,
    postgresql_where=_live,
)
Index("ix_customer_premise_client", customer_premise.c.tenant_id, customer_premise.c.client_id)
Index(
    "ix_customer_premise_premise",
    customer_premise.c.tenant_id,
    customer_premise.c.premise_id,
    postgresql_where=_live,
)

premise_meter = Table(
    "premise_meter",
    metadata,
    _tenant(),
    _id(),
    Column("premise_id", Text, nullable=False),
    Column("meter_id", Text, nullable=False),
    *_span(),
    PrimaryKeyConstraint("tenant_id", "id"),
    info=BY_TENANT,
)
"""Where a meter hangs, whoever lives there."""
_live = premise_meter.c.until.is_(None)
Index(
    "uq_premise_meter_live",
    premise_meter.c.tenant_id,
    premise_meter.c.meter_id,
    unique=True,
    postgresql_where=_live,
)
Index(
    "ix_premise_meter_premise",
    premise_meter.c.tenant_id,
    premise_meter.c.premise_id,
    postgresql_where=_live,
)

contract = Table(
    "contract",
    metadata,
    _tenant(),
    _id(),
    Column("client_id", Text, nullable=False),
    Column("premise_id", Text, nullable=False),
    Column("meter_id", Text, nullable=False),
    Column("account_number", Text),
    Column("is_primary", Boolean),
    Column("position", SmallInteger, nullable=False, comment="place in the payload"),
    *_span(),
    PrimaryKeyConstraint("tenant_id", "id"),
    info=BY_TENANT,
)
"""Whose consumption a meter counts, under which billing account: decides who may see which span of its readings."""
_live = contract.c.until.is_(None)
Index(
    "uq_contract_live",
    contract.c.tenant_id,
    contract.c.client_id,
    contract.c.meter_id,
    unique=True,
    postgresql_where=_live,
)
Index("ix_contract_client", contract.c.tenant_id, contract.c.client_id)
Index("ix_contract_meter", contract.c.tenant_id, contract.c.meter_id)
Index("ix_contract_premise", contract.c.tenant_id, contract.c.premise_id, postgresql_where=_live)
Index("ix_contract_account", contract.c.tenant_id, contract.c.account_number)
