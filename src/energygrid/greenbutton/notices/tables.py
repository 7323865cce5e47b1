"""Who is told of changes, and what is still to be told.

A change is marked by a job that its own transaction has enqueued, and told a little later together with its neighbours:
the row of `notice_pending` grows until it is due, and goes in the transaction that writes the notice.
"""

from sqlalchemy import BigInteger, Column, Index, PrimaryKeyConstraint, Table, Text

from energygrid.database.metadata import BY_TENANT, Instant, metadata

notice_address = Table(
    "notice_address",
    metadata,
    Column("tenant_id", BigInteger, nullable=False),
    Column("client_id", Text, nullable=False, comment="the third party's client"),
    Column("endpoint_id", Text, nullable=False, comment="webhook endpoint that stands for its address"),
    PrimaryKeyConstraint("tenant_id", "client_id"),
    info=BY_TENANT,
)

notice_pending = Table(
    "notice_pending",
    metadata,
    Column("tenant_id", BigInteger, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("kind", Text, nullable=False, comment="readings, bills, ..., authorization or application"),
    Column("about", Text, nullable=False, comment="the consent, or the application"),
    Column("first", Instant, comment="data times that changed, [first, last); null: the kind has none"),
    Column("last", Instant),
    Column("due_at", Instant, nullable=False),
    PrimaryKeyConstraint("tenant_id", "client_id", "kind", "about"),
    Index("ix_notice_pending_due_at", "tenant_id", "due_at"),
    info=BY_TENANT,
)
