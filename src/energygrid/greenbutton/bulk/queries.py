"""SQL of bulk feeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, or_, select, text
from sqlalchemy.dialects.postgresql import insert

from energygrid.access.consents.tables import consent
from energygrid.greenbutton.bulk.tables import bulk_feed, bulk_part

_b, _p, _c = bulk_feed.c, bulk_part.c, consent.c

_ADD_PARTS = text(
    """
    INSERT INTO bulk_part (tenant_id, bulk_id, consent_id, first, last, is_new)
    SELECT :tenant_id, :bulk_id, part.*
    FROM unnest(CAST(:consents AS text[]), CAST(:firsts AS timestamptz[]), CAST(:lasts AS timestamptz[]),
                CAST(:are_new AS boolean[])) AS part
    """
)


@dataclass(frozen=True, slots=True)
class Part:
    """What a bulk feed holds of one consent.

    first, last  data times [first, last); None: no limit in a standing feed, nothing in a notice's
    is_new       the authorization itself
    """

    consent_id: str
    first: datetime | None
    last: datetime | None
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    client_id: str
    kind: str
    created_at: datetime
    expires_at: datetime


def insert_feed(db: Connection, **values: object) -> None:
    db.execute(insert(bulk_feed).values(**values))


def insert_parts(db: Connection, tenant_id: int, bulk_id: str, parts: Sequence[Part]) -> None:
    values = {
        "consents": [each.consent_id for each in parts],
        "firsts": [each.first for each in parts],
        "lasts": [each.last for each in parts],
        "are_new": [each.is_new for each in parts],
    }
    db.execute(_ADD_PARTS, {"tenant_id": tenant_id, "bulk_id": bulk_id, **values})


def feed(db: Connection, tenant_id: int, bulk_id: str) -> Row | None:
    statement = select(*(bulk_feed.c[name] for name in Row.__slots__))
    row = db.execute(statement.where(_b.tenant_id == tenant_id, _b.id == bulk_id)).mappings().first()
    return Row(**row) if row else None


def parts_in_force(db: Connection, tenant_id: int, client_id: str, bulk_id: str, now: datetime) -> list[Part]:
    """By consent; what was listed under a consent that has ended since is not there any more."""
    statement = (
        select(*(bulk_part.c[name] for name in Part.__slots__))
        .join(bulk_feed, (_b.tenant_id == _p.tenant_id) & (_b.id == _p.bulk_id))
        .join(consent, (_c.tenant_id == _p.tenant_id) & (_c.id == _p.consent_id) & (_c.client_id == _b.client_id))
        .where(
            _p.tenant_id == tenant_id,
            _p.bulk_id == bulk_id,
            _b.client_id == client_id,
            _c.revoked_at.is_(None),
            or_(_c.expires_at.is_(None), _c.expires_at > now),
        )
        .order_by(_p.consent_id)
    )
    return [Part(*row) for row in db.execute(statement)]


def all_in_force(db: Connection, tenant_id: int, client_id: str, now: datetime) -> list[Part]:
    """Every consent of a third party that holds, whole, by its id."""
    statement = select(_c.id).where(
        _c.tenant_id == tenant_id,
        _c.client_id == client_id,
        _c.revoked_at.is_(None),
        or_(_c.expires_at.is_(None), _c.expires_at > now),
    )
    return [Part(each, None, None, is_new=True) for each in db.execute(statement.order_by(_c.id)).scalars()]


def first_expiry(db: Connection, tenant_id: int, consent_ids: Sequence[str]) -> datetime | None:
    """When the first of some consents ends by itself."""
    statement = select(func.min(_c.expires_at)).where(_c.tenant_id == tenant_id, _c.id.in_(consent_ids))
    found: datetime | None = db.execute(statement).scalar_one()
    return found


def drop(db: Connection, before: datetime) -> int:
    return db.execute(delete(bulk_feed).where(_b.expires_at < before)).rowcount
