"""API keys: what a program shows where an API asks for a key instead of a token.

A key is 32 random bytes, shown once; what is stored is its fingerprint. It opens the surfaces it was made for.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import Connection

from energygrid.access import audit
from energygrid.access.api_keys import queries
from energygrid.access.caller import Actor, Tenant
from energygrid.access.vault import Vault
from energygrid.errors import Invalid, NotFound

SURFACES = ("flex",)
"""APIs that take keys."""
PREFIX = "egk_"
_PURPOSE = "api key"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key that holds at the moment it was looked up; `expires_at` may still end it."""

    id: str
    tenant: Tenant
    tenant_uuid: UUID
    surfaces: frozenset[str]
    expires_at: datetime | None

    def actor(self, request_id: str) -> Actor:
        return Actor(f"key/{self.id}", request_id)


def create_key(
    db: Connection,
    vault: Vault,
    tenant: Tenant,
    *,
    name: str,
    who: Actor,
    now: datetime,
    surfaces: Sequence[str] = SURFACES,
    expires_at: datetime | None = None,
    key: SecretStr | None = None,
) -> tuple[str, SecretStr]:
    """Make a key: its id, and the key, which nobody can show again. `key`: only the sandbox gives its own."""
    if unknown := sorted(set(surfaces) - set(SURFACES)):
        raise Invalid("UNKNOWN_SURFACE", f"no API {', '.join(unknown)} takes keys; there are {', '.join(SURFACES)}")
    shown = key or SecretStr(PREFIX + secrets.token_urlsafe(32))
    key_id = f"key_{secrets.token_hex(6)}"
    queries.insert_api_key(
        db,
        {
            "id": key_id,
            "tenant_id": tenant.id,
            "name": name,
            "surfaces": sorted(set(surfaces)),
            "fingerprint": _fingerprint(vault, shown.get_secret_value()),
            "hint": shown.get_secret_value()[-4:],
            "created_at": now,
            "expires_at": expires_at,
        },
    )
    _audit(db, tenant.id, key_id, "api_key.created", who, now)
    return key_id, shown


def find_key(db: Connection, vault: Vault, key: str, now: datetime) -> ApiKey | None:
    """The key that reads so, unless it is disabled or over."""
    row = queries.api_key_with_tenant(db, _fingerprint(vault, key)) if len(key) <= 200 else None
    if row is None or row.disabled_at is not None or (row.expires_at is not None and row.expires_at <= now):
        return None
    tenant = Tenant(row.tenant_id, row.tenant_key, row.environment, row.settings)
    return ApiKey(row.id, tenant, row.uuid, frozenset(row.surfaces), row.expires_at)


def list_keys(db: Connection, tenant_id: int | None = None) -> list[dict[str, Any]]:
    """What may be shown of every key, or of one tenant's."""
    columns = ("tenant_key", "id", "name", "surfaces", "hint", "created_at", "expires_at", "disabled_at")
    return [{name: getattr(row, name) for name in columns} for row in queries.api_keys_of(db, tenant_id)]


def disable_key(db: Connection, key_id: str, *, who: Actor, now: datetime) -> None:
    """The key opens nothing any more, within seconds in every process; raises NotFound("UNKNOWN_API_KEY")."""
    tenant_id = queries.disable_api_key(db, key_id, now)
    if tenant_id is None:
        raise NotFound("UNKNOWN_API_KEY", f"there is no API key {key_id}")
    _audit(db, tenant_id, key_id, "api_key.disabled", who, now)


def tenant_uuid(db: Connection, tenant: Tenant) -> UUID:
    """The tenant's name where an API asks for a UUID."""
    return queries.tenant_uuid(db, tenant.id)


def _fingerprint(vault: Vault, key: str) -> bytes:
    return vault.fingerprint(_PURPOSE, key.encode())


def _audit(db: Connection, tenant_id: int, key_id: str, action: str, who: Actor, now: datetime) -> None:
    audit.record(
        db,
        tenant_id,
        actor=who.name,
        action=action,
        subject=f"api-key/{key_id}",
        request_id=who.request_id,
        now=now,
        facts={},
    )
