"""Recording what happened, in the transaction in which it happened."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from uuid import uuid4

from sqlalchemy import Connection

from energygrid.database.queue import defer
from energygrid.messaging import exact, queries

POWERBOX = "powerbox"
GREENBUTTON = "greenbutton"
FLEX = "flex"
"""Surfaces: each has endpoints, event types and a form of message of its own."""

WEBHOOK_DISABLED = "webhook.disabled"
WEBHOOK_TEST = "webhook.test"

EVENT_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "bind.requested": "meterId",
        "bind.pending": "meterId",
        "bind.slow": "meterId",
        "bind.paired": "meterId",
        "bind.failed": "meterId",
        "bind.timed_out": "meterId",
        "bind.released": "meterId",
        "customer.synced": "clientId",
        "ingest.completed": "jobId",
        "ingest.failed": "jobId",
        WEBHOOK_DISABLED: "webhookId",
    }
)
"""PowerBox's event types, each with the member of `data` that names its subject.

Events of one subject reach an endpoint in the order in which they were recorded.
Source: contracts/powerbox.md 1.13 P-8 and 3.4 (bind.slow).
"""

NOTICE_DATA = "notice.data"
NOTICE_AUTHORIZATION = "notice.authorization"
NOTICE_READY = "notice.ready"
NOTICE_TEST = "notice.test"
NOTICE_TYPES = frozenset({NOTICE_DATA, NOTICE_AUTHORIZATION, NOTICE_READY, NOTICE_TEST})
"""Green Button's: data, authorizations and applications that changed, a feed that was built ahead, and a test. The
member `resources` of `data` lists addresses; each is recorded for one endpoint alone."""

PORTFOLIO_ASSETS_ASSIGNED = "PORTFOLIO.ASSETS_ASSIGNED"
EVENT_PORTFOLIO_ASSIGNED = "EVENT.PORTFOLIO_ASSIGNED"
EVENT_SCHEDULED = "EVENT.SCHEDULED"
EVENT_STARTED = "EVENT.STARTED"
EVENT_ENDED = "EVENT.ENDED"
EVENT_CANCELLED = "EVENT.CANCELLED"
EVENT_BASELINES_READY = "EVENT.BASELINES_READY"
EVENT_STATS_CALCULATION_STARTED = "EVENT.STATS_CALCULATION_STARTED"
EVENT_STATS_READY = "EVENT.STATS_READY"
ASSET_MPAN_VALIDATED = "ASSET.MPAN_VALIDATED"
EVENT_SCHEME_ASSETS_UPDATED = "EVENT_SCHEME.ASSETS_UPDATED"
FLEX_TYPES = (
    PORTFOLIO_ASSETS_ASSIGNED,
    EVENT_PORTFOLIO_ASSIGNED,
    EVENT_SCHEDULED,
    EVENT_STARTED,
    EVENT_ENDED,
    EVENT_CANCELLED,
    EVENT_BASELINES_READY,
    EVENT_STATS_CALCULATION_STARTED,
    EVENT_STATS_READY,
    ASSET_MPAN_VALIDATED,
    EVENT_SCHEME_ASSETS_UPDATED,
)
"""Flexibility's; the subject is the UUID of the resource that the type's first word names. `data` is built in
`energygrid.flexibility.messages`. Source: contracts/flexibility.md 1.8."""
WEBHOOK_BROKEN = "WEBHOOK.BROKEN"
"""Ours: a flexibility endpoint was given up. In the feed, and for whoever asks for it."""

_DEFERRED = "messaging.fan_out"


def record(
    db: Connection,
    tenant_id: int,
    type: str,  # noqa: A002 - the word of the standard and of the wire
    data: Mapping[str, object],
    now: datetime,
    key: str | None = None,
    *,
    surface: str = POWERBOX,
    subject: str | None = None,
    endpoint_id: str | None = None,
) -> str:
    """Write one event and return its id; subscribers learn of it after the caller's transaction commits.

    data         a small JSON object, sent to subscribers as it stands: no personal data belongs in it. Of
                 flexibility without floats: its receivers may sign what their own parser made of it
    key          makes the event once-only within the tenant: a second record returns the first's id
    subject      what the event is about, for ordering; by default the member of `data` that EVENT_TYPES
                 names, else the event itself, which orders it against nothing
    endpoint_id  the only endpoint that shall get it (test events)
    """
    event_id = str(uuid4()) if surface == FLEX else f"msg_{secrets.token_hex(12)}"
    if surface == FLEX:
        exact.check(data)
    member = EVENT_TYPES.get(type)
    about = subject or (str(data[member]) if member and member in data else event_id)
    written = queries.insert_event(
        db,
        tenant_id=tenant_id,
        id=event_id,
        surface=surface,
        type=type,
        subject=about,
        key=key,
        endpoint_id=endpoint_id,
        data=dict(data),
        recorded_at=now,
    )
    if not written:
        assert key is not None
        return queries.event_id_of(db, tenant_id, key)
    if endpoint_id is not None or queries.has_subscriber(db, tenant_id, surface, type):
        _defer_fan_out(db, tenant_id)
    return event_id


def _defer_fan_out(db: Connection, tenant_id: int) -> None:
    """One job for all events of a transaction.

    The mark on the connection holds the innermost transaction itself, so it cannot outlive a rollback
    that took the job away. A queueing lock would not do: a job that already waits may run before this
    transaction commits.
    """
    transaction = db.get_nested_transaction() or db.get_transaction()
    if transaction is None or db.info.get(_DEFERRED) != (tenant_id, transaction):
        defer(db, "messaging.fan_out", tenant_id=tenant_id)
        db.info[_DEFERRED] = (tenant_id, transaction)
