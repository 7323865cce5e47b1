"""People who sign in: staff of a utility, its customers, and those who run the installation."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Connection

from energygrid.access import audit, queries
from energygrid.access.caller import Actor, Tenant
from energygrid.access.passwords import Passwords
from energygrid.errors import Conflict, Invalid, NotFound

ROLES: Mapping[str, str] = {
    "operator": "runs this installation",
    "staff": "works for the utility",
    "customer": "sees the data of an own contract",
    "developer": "registers third parties",
}
_USERNAME = re.compile(r"\S{1,254}")


@dataclass(frozen=True, slots=True)
class User:
    tenant: Tenant
    id: int
    username: str
    name: str
    roles: tuple[str, ...]
    disabled_at: datetime | None
    password_hash: str = field(repr=False)
    customer_id: str | None = None
    """Which customer this is, by its id in the mirror."""


def find_user(db: Connection, tenant: Tenant, username: str) -> User | None:
    """Names are compared without regard to case."""
    row = queries.user_by_name(db, tenant.id, canonical(username))
    if row is None:
        return None
    return user_of(tenant, row)


def user_of(tenant: Tenant, row: queries.AnyRow) -> User:
    """A user from its columns."""
    roles = tuple(row.roles)
    return User(
        tenant, row.id, row.username, row.name, roles, row.disabled_at, row.password_hash, customer_id=row.customer_id
    )


def list_users(db: Connection, tenant_id: int | None = None) -> list[dict[str, Any]]:
    columns = (
        "tenant_key",
        "username",
        "name",
        "roles",
        "customer_id",
        "created_at",
        "password_changed_at",
        "disabled_at",
    )
    return [{name: getattr(row, name) for name in columns} for row in queries.users_of(db, tenant_id)]


def create_user(
    db: Connection,
    passwords: Passwords,
    tenant: Tenant,
    username: str,
    *,
    password: SecretStr | None,
    who: Actor,
    now: datetime,
    name: str = "",
    roles: Sequence[str] = (),
    customer_id: str | None = None,
) -> User:
    """A new user. Without a password nobody can sign in until one is set.

    customer_id  whose data it sees, with the role `customer`; whether there is such a customer is for the caller to ask

    Raises Invalid("BAD_USERNAME", "UNKNOWN_ROLE", "WEAK_PASSWORD") and Conflict("USER_EXISTS").
    """
    username = canonical(username)
    if unknown := [role for role in roles if role not in ROLES]:
        raise Invalid("UNKNOWN_ROLE", f"there is no role {unknown[0]}; there are {', '.join(ROLES)}")
    values = {
        "tenant_id": tenant.id,
        "username": username,
        "name": name or username,
        "roles": list(dict.fromkeys((*roles, *_roles_of(customer_id)))),
        "customer_id": customer_id,
        "password_hash": "" if password is None else passwords.hash(password),
        "password_changed_at": now,
        "created_at": now,
    }
    if queries.insert_user(db, values) is None:
        raise Conflict("USER_EXISTS", f"{tenant.key} has a user {username} already")
    _audit(db, tenant, username, "user.created", who, now, {"roles": values["roles"], "customer": customer_id})
    return _known(db, tenant, username)


def set_password(
    db: Connection,
    passwords: Passwords,
    tenant: Tenant,
    username: str,
    password: SecretStr,
    *,
    who: Actor,
    now: datetime,
) -> None:
    """Raises NotFound("UNKNOWN_USER") and Invalid("WEAK_PASSWORD")."""
    user = _known(db, tenant, username)
    values = {"password_hash": passwords.hash(password), "password_changed_at": now}
    queries.update_user(db, tenant.id, user.id, values)
    _audit(db, tenant, user.username, "user.password_set", who, now, {})


def link_customer(
    db: Connection, tenant: Tenant, username: str, customer_id: str | None, *, who: Actor, now: datetime
) -> None:
    """Let a user see the data of this customer, or of none. Raises NotFound("UNKNOWN_USER")."""
    user = _known(db, tenant, username)
    others = [role for role in user.roles if role != "customer"]
    values = {"customer_id": customer_id, "roles": [*others, *_roles_of(customer_id)]}
    queries.update_user(db, tenant.id, user.id, values)
    _audit(db, tenant, user.username, "user.linked", who, now, {"customer": customer_id})


def _roles_of(customer_id: str | None) -> list[str]:
    return [] if customer_id is None else ["customer"]


def disable_user(db: Connection, tenant: Tenant, username: str, *, who: Actor, now: datetime) -> None:
    user = _known(db, tenant, username)
    queries.update_user(db, tenant.id, user.id, {"disabled_at": now})
    _audit(db, tenant, user.username, "user.disabled", who, now, {})


def enable_user(db: Connection, tenant: Tenant, username: str, *, who: Actor, now: datetime) -> None:
    user = _known(db, tenant, username)
    queries.update_user(db, tenant.id, user.id, {"disabled_at": None})
    _audit(db, tenant, user.username, "user.enabled", who, now, {})


def canonical(username: str) -> str:
    """The one spelling that is stored and looked for; raises Invalid("BAD_USERNAME")."""
    text = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", username).casefold())
    if not _USERNAME.fullmatch(text) or not text.isprintable():
        raise Invalid("BAD_USERNAME", "a user name is 1 to 254 printable characters without spaces")
    return text


def _known(db: Connection, tenant: Tenant, username: str) -> User:
    user = find_user(db, tenant, username)
    if user is None:
        raise NotFound("UNKNOWN_USER", f"{tenant.key} has no user {username}")
    return user


def _audit(
    db: Connection, tenant: Tenant, username: str, action: str, who: Actor, now: datetime, facts: Mapping[str, object]
) -> None:
    audit.record(
        db,
        tenant.id,
        actor=who.name,
        action=action,
        subject=f"user/{username}",
        request_id=who.request_id,
        now=now,
        facts=facts,
    )
