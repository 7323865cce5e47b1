"""SQL of feeds that are built ahead."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from energygrid.access.consents.tables import consent
from energygrid.greenbutton.ahead.tables import built_feed, built_feed_chunk

BUILDING, READY, FAILED = "building", "ready", "failed"

_f, _p, _c = built_feed.c, built_feed_chunk.c, consent.c


@dataclass(frozen=True, slots=True)
class Row:
    """A feed that is being built or was."""

    id: str
    client_id: str
    consent_id: str | None
    recipe: Mapping[str, Any]
    version: str
    state: str
    attempt: int
    expected: int
    written: int
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    served_at: datetime | None
    expires_at: datetime


_ROW = [built_feed.c[name] for name in Row.__slots__]


def _is(tenant_id: int, feed_id: str) -> ColumnElement[bool]:
    return and_(_f.tenant_id == tenant_id, _f.id == feed_id)


def insert_feed(db: Connection, **values: object) -> bool:
    """False when the same was asked for by somebody else just now."""
    statement = insert(built_feed).values(**values).on_conflict_do_nothing(index_elements=["tenant_id", "key"])
    return db.execute(statement.returning(_f.id)).first() is not None


def by_key(db: Connection, tenant_id: int, key: bytes) -> Row | None:
    """Locked until the caller's transaction ends."""
    statement = select(*_ROW).where(_f.tenant_id == tenant_id, _f.key == key).with_for_update()
    row = db.execute(statement).mappings().first()
    return Row(**row) if row else None


def by_id(db: Connection, tenant_id: int, feed_id: str) -> Row | None:
    row = db.execute(select(*_ROW).where(_is(tenant_id, feed_id))).mappings().first()
    return Row(**row) if row else None


def update_feed(db: Connection, tenant_id: int, feed_id: str, **values: object) -> None:
    db.execute(update(built_feed).where(_is(tenant_id, feed_id)).values(**values))


def delete_feed(db: Connection, tenant_id: int, feed_id: str) -> None:
    db.execute(delete(built_feed).where(_is(tenant_id, feed_id)))


def begin(db: Connection, tenant_id: int, feed_id: str, now: datetime) -> int | None:
    """Take a build over from whoever had it and begin it anew; its number, None when nothing is to be built."""
    statement = (
        update(built_feed)
        .where(_is(tenant_id, feed_id), _f.state == BUILDING)
        .values(attempt=_f.attempt + 1, written=0, started_at=now)
        .returning(_f.attempt)
    )
    attempt = db.execute(statement).scalar_one_or_none()
    if attempt is not None:
        _delete_chunks(db, tenant_id, feed_id)
    return attempt


def add_chunk(
    db: Connection, tenant_id: int, feed_id: str, attempt: int, number: int, body: bytes, written: int
) -> bool:
    """Keep a piece; False when the build is not this attempt's any more."""
    if not _advance(db, tenant_id, feed_id, attempt, written=written):
        return False
    db.execute(insert(built_feed_chunk).values(tenant_id=tenant_id, feed_id=feed_id, number=number, body=body))
    return True


def finish(db: Connection, tenant_id: int, feed_id: str, attempt: int, now: datetime, expires_at: datetime) -> bool:
    return _advance(db, tenant_id, feed_id, attempt, state=READY, finished_at=now, expires_at=expires_at)


def fail(db: Connection, tenant_id: int, feed_id: str, now: datetime, expires_at: datetime) -> None:
    own = and_(_is(tenant_id, feed_id), _f.state == BUILDING)
    ended = {"state": FAILED, "finished_at": now, "expires_at": expires_at}
    if db.execute(update(built_feed).where(own).values(**ended)).rowcount:
        _delete_chunks(db, tenant_id, feed_id)


def _advance(db: Connection, tenant_id: int, feed_id: str, attempt: int, **values: object) -> bool:
    own = and_(_is(tenant_id, feed_id), _f.attempt == attempt, _f.state == BUILDING)
    return db.execute(update(built_feed).where(own).values(**values)).rowcount > 0


def _delete_chunks(db: Connection, tenant_id: int, feed_id: str) -> None:
    db.execute(delete(built_feed_chunk).where(_p.tenant_id == tenant_id, _p.feed_id == feed_id))


def chunk(db: Connection, tenant_id: int, feed_id: str, number: int) -> bytes | None:
    statement = select(_p.body).where(_p.tenant_id == tenant_id, _p.feed_id == feed_id, _p.number == number)
    body = db.execute(statement).scalar_one_or_none()
    return None if body is None else bytes(body)


def forget(db: Connection, tenant_id: int, client_id: str, consent_id: str, now: datetime) -> None:
    """Delete what was built, or is being built, under a consent, and the bytes of its client's feeds that mix consents.

    The row of such a feed stays, as failed: its client, who waits already, is answered at once.
    """
    db.execute(delete(built_feed).where(_f.tenant_id == tenant_id, _f.consent_id == consent_id))
    mixed = and_(_f.tenant_id == tenant_id, _f.client_id == client_id, _f.consent_id.is_(None))
    stopped = db.execute(update(built_feed).where(mixed).values(state=FAILED, finished_at=now).returning(_f.id))
    for feed_id in stopped.scalars().all():
        _delete_chunks(db, tenant_id, feed_id)


def is_overtaken(db: Connection, tenant_id: int, found: Row) -> bool:
    """Whether a consent that the feed stands under was changed or revoked since the feed was asked for."""
    statement = select(_c.id).where(
        _c.tenant_id == tenant_id,
        _c.client_id == found.client_id,
        _c.changed_at >= found.requested_at,
        _c.changed_at > _c.created_at,
    )
    if found.consent_id is not None:
        statement = statement.where(_c.id == found.consent_id)
    return db.execute(statement.limit(1)).first() is not None


def drop(db: Connection, now: datetime) -> int:
    """Delete what has expired, and what stands under a consent that does not hold any more."""
    ended = exists().where(
        _c.tenant_id == _f.tenant_id,
        _c.id == _f.consent_id,
        or_(_c.revoked_at.is_not(None), _c.expires_at <= now),
    )
    return db.execute(delete(built_feed).where(or_(_f.expires_at <= now, ended))).rowcount
