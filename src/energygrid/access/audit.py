"""The audit log: who saw or changed what, when, in which request.

Rows are only ever added; the database refuses anything else. Facts hold identifiers and counts, never secrets
or personal data.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import Connection

from energygrid.access import queries
from energygrid.access.caller import Actor

INSTALLATION = 0
"""The tenant id of entries that concern the installation itself, such as a rotation of signing keys."""

SYSTEM = Actor("system", "-")
"""What the installation does of its own accord: loading the sandbox, scheduled work."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    id: int
    tenant_id: int
    at: datetime
    actor: str
    action: str
    subject: str
    request_id: str
    facts: Mapping[str, object]


Facts: TypeAlias = Mapping[str, object]


def record(
    db: Connection,
    tenant_id: int,
    *,
    actor: str,
    action: str,
    subject: str,
    request_id: str,
    now: datetime,
    facts: Mapping[str, object] | None = None,
) -> None:
    """Add one entry, in the transaction of what it tells of.

    action   dotted and in the past tense of the trade: "customer.read", "client.created"
    subject  kind and id of what it was done to: "meter/42"
    """
    queries.insert_audit(
        db,
        {
            "tenant_id": tenant_id,
            "at": now,
            "actor": actor,
            "action": action,
            "subject": subject,
            "request_id": request_id,
            "facts": dict(facts or {}),
        },
    )


def record_read(
    db: Connection, tenant_id: int, *, actor: str, subject: str, request_id: str, now: datetime, facts: Facts
) -> None:
    """Add the entry `shared_data.read` of a reading by a third party, in a statement of its own.

    It is in the log before the answer leaves; only a crash of the database itself may lose those of its last second,
    so that a reading does not wait for the disk.
    """
    values = {"tenant_id": tenant_id, "at": now, "actor": actor, "subject": subject, "request_id": request_id}
    queries.insert_audit_of_reading(db, values | {"action": "shared_data.read", "facts": dict(facts)})


def entries(
    db: Connection,
    *,
    tenant_id: int | None = None,
    actor: str | None = None,
    subject: str | None = None,
    since: datetime | None = None,
    limit: int = 100,
) -> list[AuditEntry]:
    """The newest `limit` entries that match everything given, oldest first."""
    rows = queries.audit_entries(db, tenant_id=tenant_id, actor=actor, subject=subject, since=since, limit=limit)
    return [
        AuditEntry(row.id, row.tenant_id, row.at, row.actor, row.action, row.subject, row.request_id, row.facts)
        for row in rows
    ]
