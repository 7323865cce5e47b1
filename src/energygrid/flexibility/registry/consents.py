"""Consents: what a user agreed to for an asset, from when until when. Nothing is ever taken out of the record.

METER_DATA   readings may be taken and used. Without any word on it they may: the supplier vouches for it. From the
             instant of a withdrawal they are refused, and no new baseline uses the asset; what is settled stays.
SCHEME, EVENT  the asset takes part. Opting in writes one, opting out ends it.
Source: contracts/flexibility.md 1.7.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID, uuid4

from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.access.tenants import tenant_now
from energygrid.errors import NotFound
from energygrid.flexibility.registry.queries import consents as queries

Scope = Literal["METER_DATA", "SCHEME", "EVENT"]
Source = Literal["API", "UI", "IMPORT"]
Status = Literal["GRANTED", "WITHDRAWN"]


@dataclass(frozen=True, slots=True)
class Consent:
    """`withdrawn_at` None: it stands."""

    uuid: UUID
    user_id: str
    asset_uuid: UUID
    scope: Scope
    scheme_uuid: UUID | None
    event_uuid: UUID | None
    granted_at: datetime
    withdrawn_at: datetime | None
    source: Source
    evidence: Mapping[str, Any] | None

    @property
    def status(self) -> Status:
        return "GRANTED" if self.withdrawn_at is None else "WITHDRAWN"


def grant(
    db: Connection,
    tenant: Tenant,
    users: Mapping[UUID, str],
    scope: Scope,
    subject: UUID | None,
    now: datetime,
    *,
    granted_at: datetime | None = None,
    source: Source = "API",
    evidence: Mapping[str, Any] | None = None,
    withdrawn: bool = False,
) -> None:
    """Write the consent of assets that have none standing.

    users      whose each asset is, by its uuid
    subject    the scheme or event
    withdrawn  write what is a refusal from the start
    """
    at = granted_at or tenant_now(tenant, now)
    there = set() if withdrawn else queries.standing(db, tenant.id, list(users), scope, subject)
    rows: list[dict[str, object]] = [
        {
            "tenant_id": tenant.id,
            "uuid": uuid4(),
            "user_id": user_id,
            "asset_uuid": asset,
            "scope": scope,
            "scheme_uuid": subject if scope == "SCHEME" else None,
            "event_uuid": subject if scope == "EVENT" else None,
            "granted_at": at,
            "withdrawn_at": at if withdrawn else None,
            "source": source,
            "evidence": evidence,
        }
        for asset, user_id in users.items()
        if asset not in there
    ]
    queries.insert_consents(db, rows)


def withdraw(
    db: Connection, tenant: Tenant, assets: Sequence[UUID], scope: Scope, subject: UUID | None, now: datetime
) -> set[UUID]:
    """End what stands, of every scheme or event when `subject` is None; whose there were."""
    return queries.withdraw(db, tenant.id, assets, scope, subject, tenant_now(tenant, now))


def find(db: Connection, tenant: Tenant, uuid: UUID) -> Consent:
    """Raises NotFound UNKNOWN_CONSENT."""
    row = queries.consent(db, tenant.id, uuid)
    if row is None:
        raise NotFound("UNKNOWN_CONSENT", "there is no such consent")
    return _consent(row)


def listed(
    db: Connection, tenant: Tenant, offset: int, limit: int, matching: Mapping[str, object]
) -> tuple[list[Consent], int]:
    """A page, oldest first, and how many there are.

    matching  columns of the table, and `standing`: True or False; None is no matter
    """
    wanted = {name: value for name, value in matching.items() if value is not None}
    rows, total = queries.consents(db, tenant.id, wanted, offset, limit)
    return [_consent(row) for row in rows], total


def standing(db: Connection, tenant: Tenant, assets: Sequence[UUID], scope: Scope, subject: UUID | None) -> set[UUID]:
    """Which of the assets have one that stands."""
    return queries.standing(db, tenant.id, assets, scope, subject)


def newest(db: Connection, tenant: Tenant, asset: UUID, scope: Scope, subject: UUID | None) -> Consent:
    """The last word; there must be one."""
    return _consent(queries.newest(db, tenant.id, asset, scope, subject))


def meter_data_withdrawn(db: Connection, tenant: Tenant, assets: Sequence[UUID]) -> dict[UUID, datetime]:
    """Since when, of those of the assets whose readings may be used no longer."""
    return queries.meter_data_withdrawn(db, tenant.id, assets)


def _consent(row: Any) -> Consent:
    return Consent(
        uuid=row.uuid,
        user_id=row.user_id,
        asset_uuid=row.asset_uuid,
        scope=row.scope,
        scheme_uuid=row.scheme_uuid,
        event_uuid=row.event_uuid,
        granted_at=row.granted_at,
        withdrawn_at=row.withdrawn_at,
        source=row.source,
        evidence=row.evidence,
    )
