"""Beginning, recognising and ending sessions.

The browser holds a random secret, the database its fingerprint: who reads the database cannot take a session over. A
session ends when it lies idle, at a fixed age, at sign-out, and with a new password or a disabled user.
"""

import base64
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from energygrid.access import audit
from energygrid.access.caller import Actor, Tenant
from energygrid.access.sessions import queries
from energygrid.access.settings import AccessSettings
from energygrid.access.users import User, user_of
from energygrid.access.vault import Vault

_PURPOSE = "session"
_ONCE = "session.once"
_COOKIE = re.compile(r"(\d{1,18})\.([A-Za-z0-9_-]{43})")
_SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Session:
    """A live session. `form_token` belongs into every form it submits."""

    user: User
    began_at: datetime
    seen_at: datetime
    form_token: str = field(repr=False)
    fingerprint: bytes = field(repr=False)

    @property
    def tenant(self) -> Tenant:
        return self.user.tenant

    def actor(self, request_id: str) -> Actor:
        return Actor(f"user/{self.user.username}", request_id)


def begin(db: Connection, vault: Vault, user: User, rules: AccessSettings, *, now: datetime) -> str:
    """A new session; returns what the cookie holds."""
    secret = secrets.token_urlsafe(32)
    values = {
        "tenant_id": user.tenant.id,
        "fingerprint": vault.fingerprint(_PURPOSE, secret.encode()),
        "user_id": user.id,
        "created_at": now,
        "seen_at": now,
        "expires_at": now + timedelta(seconds=rules.session_lifetime_s),
    }
    queries.insert_session(db, values)
    return f"{user.tenant.id}.{secret}"


def recognise(db: Connection, vault: Vault, cookie: str | None, rules: AccessSettings, now: datetime) -> Session | None:
    """The session of a cookie, or None whatever is wrong with it. Only reads; `touch` keeps it from lying idle."""
    match = _COOKIE.fullmatch(cookie or "")
    if match is None:
        return None
    secret = match[2].encode()
    fingerprint = vault.fingerprint(_PURPOSE, secret)
    row = queries.session_with_user(db, int(match[1]), fingerprint)
    if row is None or not _is_live(row, rules, now):
        return None
    tenant = Tenant(row.tenant_id, row.tenant_key, row.environment, row.settings)
    form_token = base64.urlsafe_b64encode(vault.fingerprint("session form", secret)).rstrip(b"=").decode()
    return Session(user_of(tenant, row), row.began_at, row.seen_at, form_token, fingerprint)


def is_due(session: Session, now: datetime) -> bool:
    """Whether its last use is written down anew: once a minute, not with every request."""
    return now - session.seen_at >= _SEEN_EVERY


def touch(db: Connection, session: Session, now: datetime) -> None:
    queries.update_session(db, session.tenant.id, session.fingerprint, {"seen_at": now})


def end(db: Connection, session: Session, *, request_id: str, now: datetime) -> None:
    """Sign out. The cookie is worth nothing from then on, wherever a copy of it is."""
    if queries.delete_session(db, session.tenant.id, session.fingerprint):
        who = session.actor(request_id)
        audit.record(
            db,
            session.tenant.id,
            actor=who.name,
            action="user.signed_out",
            subject=who.name,
            request_id=request_id,
            now=now,
        )


def keep_once(db: Connection, vault: Vault, session: Session, facts: Mapping[str, Any]) -> None:
    """Keep what the next page shows and no page after it, such as a new secret; sealed."""
    sealed = vault.seal(_ONCE, json.dumps(facts).encode())
    queries.update_session(db, session.tenant.id, session.fingerprint, {"once": sealed})


def take_once(db: Connection, vault: Vault, session: Session) -> Mapping[str, Any]:
    """What was kept, this one time; {} when nothing is."""
    sealed = queries.take_once(db, session.tenant.id, session.fingerprint)
    facts: Mapping[str, Any] = {} if sealed is None else json.loads(vault.open(_ONCE, sealed))
    return facts


def sweep(db: Connection, rules: AccessSettings, now: datetime) -> int:
    """Drop sessions that are over."""
    return queries.delete_expired(db, now, now - timedelta(seconds=rules.session_idle_s))


def _is_live(row: queries.AnyRow, rules: AccessSettings, now: datetime) -> bool:
    over = now >= row.expires_at or now - row.seen_at > timedelta(seconds=rules.session_idle_s)
    return not over and row.disabled_at is None and row.password_changed_at <= row.began_at
