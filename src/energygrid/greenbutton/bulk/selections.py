"""Which consents a bulk feed is about, and which part of each."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection

from energygrid.access.tenants import tenant_now
from energygrid.access.third_parties.third_parties import ThirdParty
from energygrid.errors import NotFound
from energygrid.greenbutton.bulk import queries
from energygrid.greenbutton.bulk.queries import Part

Kind = Literal["usage", "customer"]

REMEMBERED = timedelta(days=30)
"""How long after its end a feed is still known to have been, so that it answers "gone"."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What a bulk feed holds, of consents that are in force now.

    standing    every consent of the third party, whole; else what one notice told of
    created_at  None: it has always been
    """

    id: str
    kind: Kind
    standing: bool
    created_at: datetime | None
    parts: tuple[Part, ...]


def create(
    db: Connection, party: ThirdParty, kind: Kind, parts: Sequence[Part], *, now: datetime, keep: timedelta
) -> str:
    """A new bulk feed of some consents of a third party; its id on the wire."""
    bulk_id = str(10**15 + secrets.randbelow(9 * 10**15))
    queries.insert_feed(
        db,
        tenant_id=party.tenant.id,
        id=bulk_id,
        client_id=party.client_id,
        kind=kind,
        created_at=now,
        expires_at=now + keep,
    )
    queries.insert_parts(db, party.tenant.id, bulk_id, parts)
    return bulk_id


def find(db: Connection, party: ThirdParty, bulk_id: str, now: datetime, kind: Kind | None = None) -> Selection:
    """A bulk feed of this third party: one of a notice, or, under its application's id, the one of all its consents.

    kind  which side of the consents; None: what the notice told of, usage for the standing feed
    Raises NotFound("UNKNOWN_BULK"), for another's too, and NotFound("BULK_EXPIRED") for one whose time is over.
    """
    if bulk_id == party.application_id:
        return standing(db, party, kind or "usage", now)
    row = queries.feed(db, party.tenant.id, bulk_id)
    if row is None or row.client_id != party.client_id:
        raise NotFound("UNKNOWN_BULK", f"there is no bulk feed {bulk_id[:64]}")
    if row.expires_at <= now:
        raise NotFound("BULK_EXPIRED", f"bulk feed {bulk_id} could be read until {row.expires_at.isoformat()}")
    parts = queries.parts_in_force(db, party.tenant.id, party.client_id, bulk_id, tenant_now(party.tenant, now))
    told: Kind = "customer" if row.kind == "customer" else "usage"
    return Selection(bulk_id, kind or told, standing=False, created_at=row.created_at, parts=tuple(parts))


def standing(db: Connection, party: ThirdParty, kind: Kind, now: datetime) -> Selection:
    """Every consent of a third party."""
    parts = queries.all_in_force(db, party.tenant.id, party.client_id, tenant_now(party.tenant, now))
    return Selection(party.application_id, kind, standing=True, created_at=None, parts=tuple(parts))


def drop(db: Connection, now: datetime) -> int:
    """Housekeeping: forget feeds that ended long ago."""
    return queries.drop(db, now - REMEMBERED)
