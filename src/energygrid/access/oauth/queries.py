"""Statements on authorisation requests, codes and refresh tokens."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, delete, insert, select, update

from energygrid.access.oauth.tables import authorization_code, authorization_request, refresh_token

AnyRow: TypeAlias = Row[*tuple[Any, ...]]


def insert_request(db: Connection, values: Mapping[str, Any]) -> None:
    db.execute(insert(authorization_request).values(**values))


def request_of(db: Connection, tenant_id: int, fingerprint: bytes, *, lock: bool = False) -> AnyRow | None:
    asked = (authorization_request.c.tenant_id == tenant_id, authorization_request.c.fingerprint == fingerprint)
    query = select(authorization_request).where(*asked)
    return db.execute(query.with_for_update() if lock else query).one_or_none()


def answer_request(db: Connection, tenant_id: int, fingerprint: bytes, now: datetime) -> None:
    asked = (authorization_request.c.tenant_id == tenant_id, authorization_request.c.fingerprint == fingerprint)
    db.execute(update(authorization_request).where(*asked).values(answered_at=now))


def insert_code(db: Connection, values: Mapping[str, Any]) -> None:
    db.execute(insert(authorization_code).values(**values))


def code_of(db: Connection, tenant_id: int, fingerprint: bytes) -> AnyRow | None:
    """The code, locked: who comes second sees that it was used."""
    wanted = (authorization_code.c.tenant_id == tenant_id, authorization_code.c.fingerprint == fingerprint)
    return db.execute(select(authorization_code).where(*wanted).with_for_update()).one_or_none()


def use_code(db: Connection, tenant_id: int, fingerprint: bytes, now: datetime) -> None:
    wanted = (authorization_code.c.tenant_id == tenant_id, authorization_code.c.fingerprint == fingerprint)
    db.execute(update(authorization_code).where(*wanted).values(used_at=now))


def insert_refresh(db: Connection, values: Mapping[str, Any]) -> None:
    db.execute(insert(refresh_token).values(**values))


def refresh_of(db: Connection, tenant_id: int, fingerprint: bytes) -> AnyRow | None:
    wanted = (refresh_token.c.tenant_id == tenant_id, refresh_token.c.fingerprint == fingerprint)
    return db.execute(select(refresh_token).where(*wanted)).one_or_none()


def use_refresh(db: Connection, tenant_id: int, fingerprint: bytes, now: datetime) -> None:
    wanted = (refresh_token.c.tenant_id == tenant_id, refresh_token.c.fingerprint == fingerprint)
    db.execute(update(refresh_token).where(*wanted).values(used_at=now))


def end_family(db: Connection, tenant_id: int, consent_id: str, now: datetime, *, but: bytes = b"") -> int:
    """End every refresh token of a consent that has not ended, except `but`; how many those were."""
    standing = (
        refresh_token.c.tenant_id == tenant_id,
        refresh_token.c.consent_id == consent_id,
        refresh_token.c.fingerprint != but,
        refresh_token.c.ended_at.is_(None),
    )
    return db.execute(update(refresh_token).where(*standing).values(ended_at=now)).rowcount


def forget_unused(db: Connection, tenant_id: int, consent_id: str, *, keep: int) -> None:
    """Drop all but the newest refresh tokens that were given out and never shown."""
    waiting = (
        refresh_token.c.tenant_id == tenant_id,
        refresh_token.c.consent_id == consent_id,
        refresh_token.c.used_at.is_(None),
        refresh_token.c.ended_at.is_(None),
    )
    newest = select(refresh_token.c.fingerprint).where(*waiting).order_by(refresh_token.c.created_at.desc()).limit(keep)
    db.execute(delete(refresh_token).where(*waiting, refresh_token.c.fingerprint.not_in(newest)))


def delete_expired(db: Connection, before: datetime) -> None:
    """Forget what expired. An ended refresh token is kept until then: showing it must be noticed."""
    for table in (authorization_request, authorization_code, refresh_token):
        db.execute(delete(table).where(table.c.expires_at < before))
