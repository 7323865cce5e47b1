"""Statements on sessions."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, delete, insert, or_, select, update

from energygrid.access.sessions.tables import session
from energygrid.access.tables import app_user, tenant

AnyRow: TypeAlias = Row[*tuple[Any, ...]]


def insert_session(db: Connection, values: Mapping[str, Any]) -> None:
    db.execute(insert(session).values(**values))


def session_with_user(db: Connection, tenant_id: int, fingerprint: bytes) -> AnyRow | None:
    """A session's times, its user's columns, and its tenant's as `tenant_key`, `environment` and `settings`."""
    query = (
        select(
            session.c.created_at.label("began_at"),
            session.c.seen_at,
            session.c.expires_at,
            app_user,
            tenant.c.key.label("tenant_key"),
            tenant.c.environment,
            tenant.c.settings,
        )
        .join(app_user, (app_user.c.tenant_id == session.c.tenant_id) & (app_user.c.id == session.c.user_id))
        .join(tenant, tenant.c.id == session.c.tenant_id)
        .where(session.c.tenant_id == tenant_id, session.c.fingerprint == fingerprint)
    )
    return db.execute(query).one_or_none()


def update_session(db: Connection, tenant_id: int, fingerprint: bytes, values: Mapping[str, Any]) -> None:
    db.execute(
        update(session).where(session.c.tenant_id == tenant_id, session.c.fingerprint == fingerprint).values(**values)
    )


def take_once(db: Connection, tenant_id: int, fingerprint: bytes) -> bytes | None:
    """What was kept for the next page; afterwards nothing is."""
    mine = (session.c.tenant_id == tenant_id, session.c.fingerprint == fingerprint)
    kept = db.execute(select(session.c.once).where(*mine).with_for_update()).scalar_one_or_none()
    if kept is not None:
        db.execute(update(session).where(*mine).values(once=None))
    return kept


def delete_session(db: Connection, tenant_id: int, fingerprint: bytes) -> bool:
    """Whether there was one."""
    query = delete(session).where(session.c.tenant_id == tenant_id, session.c.fingerprint == fingerprint)
    return bool(db.execute(query).rowcount)


def delete_expired(db: Connection, now: datetime, seen_before: datetime) -> int:
    return db.execute(delete(session).where(or_(session.c.expires_at < now, session.c.seen_at < seen_before))).rowcount
