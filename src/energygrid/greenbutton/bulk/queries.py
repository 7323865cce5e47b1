"""SQL of bulk feeds."""

# ruff: noqa: S608 - what is put together here are constants of this module

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

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


# What the consents are about: the parts of both digests below.
_CONCERNED = """
    WITH c AS (SELECT * FROM consent WHERE tenant_id = :tenant_id AND id = ANY(CAST(:consents AS text[]))),
         s AS (SELECT * FROM consent_meter
               WHERE tenant_id = :tenant_id AND consent_id = ANY(CAST(:consents AS text[]))),
         m AS (SELECT DISTINCT meter_id FROM s),
         a AS (SELECT DISTINCT account_number FROM contract
               WHERE tenant_id = :tenant_id AND meter_id IN (SELECT meter_id FROM m) AND account_number IS NOT NULL),
         k AS (SELECT * FROM contract WHERE tenant_id = :tenant_id
               AND (client_id IN (SELECT customer_id FROM c) OR account_number IN (SELECT account_number FROM a)
                    OR meter_id IN (SELECT meter_id FROM m)))
"""


def _rows(table: str, where: str, changed: str = "NULL::timestamptz") -> str:
    """How many rows there are, and a sum of hashes that any change of any column changes."""
    hashed = "sum(hashtextextended(CAST(t AS text), 0))"
    return f"SELECT '{table}', count(*), {hashed}, CAST(max({changed}) AS timestamptz), 0 FROM {table} t WHERE {where}"


def _revised(table: str, where: str) -> str:
    """The same of rows that are never changed but by a revision."""
    return (
        f"SELECT '{table}', count(*), sum(revision), max(known_at), 0 FROM {table}"
        f" WHERE tenant_id = :tenant_id AND superseded_at IS NULL AND ({where})"
    )


_OURS = "t.tenant_id = :tenant_id"
_OF_METERS = f"{_OURS} AND t.meter_id IN (SELECT meter_id FROM m)"
_OF_PEOPLE = f"{_OURS} AND t.client_id IN (SELECT customer_id FROM c)"
_ABOUT = "meter_id IN (SELECT meter_id FROM m) OR account_number IN (SELECT account_number FROM a)"

_DIGESTS = text(
    _CONCERNED
    + "\nUNION ALL ".join(
        (
            _rows("c", "true", "changed_at"),
            _rows("s", "true"),
            _rows("k", "true", "greatest(since, until)"),
            _rows("customer", _OF_PEOPLE, "changed_at"),
            _rows("customer_premise", _OF_PEOPLE),
            _rows("premise", f"{_OURS} AND t.premise_id IN (SELECT premise_id FROM k)", "changed_at"),
            _rows("meter", _OF_METERS, "changed_at"),
            _rows("meter_rate", _OF_METERS),
            _rows("bind", _OF_METERS, "changed_at"),
            _rows("rate_version", _OURS),
            _rows("series", f"{_OURS} AND t.owner_kind = 'meter' AND t.owner_id IN (SELECT meter_id FROM m)"),
            _rows(
                "utility_record",
                f"{_OURS} AND t.superseded_at IS NULL AND (t.kind = 'supplier' OR {_ABOUT})",
                "known_at",
            ),
            _revised("bill", _ABOUT),
        )
    )
)

_READING_DIGESTS = text(
    _CONCERNED
    + """,
         r AS (SELECT id, interval_s FROM series WHERE tenant_id = :tenant_id AND owner_kind = 'meter'
               AND owner_id IN (SELECT meter_id FROM m))
    SELECT 'block', count(*), sum(b.revision), max(b.known_at),
           CAST(coalesce(sum(86400 / nullif(r.interval_s, 0)), 0) AS bigint)
    FROM r JOIN reading_block b ON b.series_id = r.id WHERE b.day BETWEEN :first AND :last
    UNION ALL
    SELECT 'register', count(*), 0, max(g.known_at), count(*)
    FROM r JOIN register_read g ON g.series_id = r.id
    """
)


class Digest(NamedTuple):
    """How much of one kind there is, a number that changes with it, when it last did, and readings in it."""

    kind: str
    size: int
    mark: Decimal | None
    changed_at: datetime | None
    readings: int


def digests(db: Connection, tenant_id: int, consent_ids: Sequence[str]) -> list[Digest]:
    """Of everything but readings that may be shown under some consents."""
    values = {"tenant_id": tenant_id, "consents": list(consent_ids)}
    return [Digest(*row) for row in db.execute(_DIGESTS, values)]


def reading_digests(
    db: Connection, tenant_id: int, consent_ids: Sequence[str], first: date, last: date
) -> list[Digest]:
    """Of readings; of intervals those in blocks of the days first to last."""
    values = {"tenant_id": tenant_id, "consents": list(consent_ids), "first": first, "last": last}
    return [Digest(*row) for row in db.execute(_READING_DIGESTS, values)]


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
