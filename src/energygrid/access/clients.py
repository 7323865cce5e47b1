"""Clients: the programs that may ask for tokens, each of one tenant, with what it may do at most."""

import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from pydantic import SecretStr
from sqlalchemy import Connection

from energygrid.access import audit, queries
from energygrid.access.caller import Actor, Tenant
from energygrid.access.scopes import known_scopes
from energygrid.access.vault import Vault
from energygrid.errors import Conflict, Invalid, NotFound

GrantType = Literal["client_credentials", "authorization_code", "refresh_token"]
MOST_SECRETS = 2
"""Two at a time: the new one is rolled out while the old one still works."""

# Only letters that read the same with and without the URL encoding that RFC 6749 asks of HTTP Basic and curl omits.
_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{2,79}")
_SECRET = re.compile(r"[A-Za-z0-9_-]{32,128}")
_PURPOSE = "client secret"


@dataclass(frozen=True, slots=True)
class Client:
    client_id: str
    tenant: Tenant
    name: str
    grants: frozenset[str]
    scopes: tuple[str, ...]
    redirect_uris: tuple[str, ...]
    auth_method: str
    sandbox: bool
    tokens_from: datetime
    disabled_at: datetime | None
    fingerprints: tuple[bytes, ...] = field(default=(), repr=False)

    def knows(self, vault: Vault, secret: str) -> bool:
        """Whether `secret` is one of the client's, in the same time whichever it is."""
        given = vault.fingerprint(_PURPOSE, secret.encode())
        return any([hmac.compare_digest(given, known) for known in self.fingerprints])  # noqa: C419 - no short cut

    def accepts(self, issued_at: float) -> bool:
        """Whether a token issued at this instant [s since 1970] still counts."""
        return self.disabled_at is None and issued_at >= self.tokens_from.timestamp()


def client_of(row: queries.AnyRow, fingerprints: Sequence[bytes] = ()) -> Client:
    return Client(
        client_id=row.client_id,
        tenant=Tenant(row.tenant_id, row.tenant_key, row.environment, row.settings),
        name=row.name,
        grants=frozenset(row.grants),
        scopes=tuple(row.scopes),
        redirect_uris=tuple(row.redirect_uris),
        auth_method=row.auth_method,
        sandbox=row.sandbox,
        tokens_from=row.tokens_from,
        disabled_at=row.disabled_at,
        fingerprints=tuple(fingerprints),
    )


def is_client_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def find_client(db: Connection, client_id: str) -> Client | None:
    """The client with the fingerprints of its secrets."""
    row = queries.client_with_tenant(db, client_id) if is_client_id(client_id) else None
    if row is None:
        return None
    return client_of(row, [secret.fingerprint for secret in queries.secrets_of(db, client_id)])


def list_clients(db: Connection, tenant_id: int | None = None) -> list[dict[str, Any]]:
    """What may be shown of every client, or of one tenant's."""
    columns = ("tenant_key", "client_id", "name", "scopes", "sandbox", "secrets", "created_at", "disabled_at")
    return [{name: getattr(row, name) for name in columns} for row in queries.clients_of(db, tenant_id)]


def create_client(
    db: Connection,
    vault: Vault,
    tenant: Tenant,
    *,
    name: str,
    scopes: Sequence[str],
    who: Actor,
    now: datetime,
    grants: Sequence[GrantType] = ("client_credentials",),
    redirect_uris: Sequence[str] = (),
    auth_method: str = "client_secret_basic",
    sandbox: bool = False,
    client_id: str | None = None,
    secret: SecretStr | None = None,
) -> tuple[Client, SecretStr]:
    """A new client and its first secret, which is shown this once and kept as a fingerprint only.

    With `auth_method` "none" the client is public: its secret is empty, and nothing is ever accepted as one.
    Raises Invalid("UNKNOWN_SCOPE", "UNKNOWN_GRANT", "BAD_CLIENT_ID", "BAD_SECRET") and Conflict("CLIENT_EXISTS").
    """
    client_id = client_id or f"{tenant.key}-{secrets.token_urlsafe(9)}"
    if not is_client_id(client_id):
        raise Invalid("BAD_CLIENT_ID", "a client id is 3 to 80 letters, digits, _ and -")
    if unknown := set(grants) - set(get_args(GrantType)):
        raise Invalid("UNKNOWN_GRANT", f"there is no grant {min(unknown)}")
    values = {
        "client_id": client_id,
        "tenant_id": tenant.id,
        "name": name,
        "grants": list(grants),
        "scopes": known_scopes(scopes),
        "redirect_uris": list(redirect_uris),
        "auth_method": auth_method,
        "sandbox": sandbox,
        "tokens_from": now.replace(microsecond=0),
        "created_at": now,
    }
    if not queries.insert_client(db, values):
        raise Conflict("CLIENT_EXISTS", f"there is a client {client_id} already", clientId=client_id)
    _audit(db, tenant.id, client_id, "client.created", who, now, {"scopes": values["scopes"], "sandbox": sandbox})
    shown = SecretStr("") if auth_method == "none" else _new_secret(db, vault, client_id, secret, now)
    created = find_client(db, client_id)
    assert created is not None
    return created, shown


def add_secret(
    db: Connection, vault: Vault, client_id: str, *, who: Actor, now: datetime, secret: SecretStr | None = None
) -> SecretStr:
    """A second secret, so that the first can be replaced without a gap; raises Conflict("TOO_MANY_SECRETS")."""
    client = _locked(db, client_id)
    if len(queries.secrets_of(db, client_id)) >= MOST_SECRETS:
        raise Conflict("TOO_MANY_SECRETS", f"{client_id} has {MOST_SECRETS} secrets; drop the old one first")
    shown = _new_secret(db, vault, client_id, secret, now)
    _audit(db, client.tenant.id, client_id, "client.secret_added", who, now, {})
    return shown


def drop_oldest_secret(db: Connection, client_id: str, *, who: Actor, now: datetime) -> None:
    """End a rotation; raises Conflict("LAST_SECRET") rather than leave a client without any."""
    client = _locked(db, client_id)
    held = queries.secrets_of(db, client_id)
    if len(held) < MOST_SECRETS:
        raise Conflict("LAST_SECRET", f"{client_id} has one secret only; disable the client instead")
    queries.delete_secret(db, client_id, held[0].fingerprint)
    _audit(db, client.tenant.id, client_id, "client.secret_dropped", who, now, {"hint": held[0].hint})


def count_secrets(db: Connection, client_id: str) -> int:
    return len(queries.secrets_of(db, client_id))


def change_facts(db: Connection, client_id: str, values: Mapping[str, object]) -> None:
    """Replace name or redirect addresses; whoever owns the client's other facts has checked them and says so."""
    _locked(db, client_id)
    queries.update_client(db, client_id, values)


def set_scopes(db: Connection, client_id: str, scopes: Sequence[str], *, who: Actor, now: datetime) -> None:
    """Change what the client may do at most. Tokens issued before lose what was taken away."""
    client = _locked(db, client_id)
    allowed = known_scopes(scopes)
    queries.update_client(db, client_id, {"scopes": allowed})
    _audit(db, client.tenant.id, client_id, "client.scopes_changed", who, now, {"scopes": allowed})


def disable_client(db: Connection, client_id: str, *, who: Actor, now: datetime) -> None:
    """No new tokens, and the old ones are refused."""
    client = _locked(db, client_id)
    queries.update_client(db, client_id, {"disabled_at": now})
    _audit(db, client.tenant.id, client_id, "client.disabled", who, now, {})


def enable_client(db: Connection, client_id: str, *, who: Actor, now: datetime) -> None:
    """Undo `disable_client`; tokens from before stay refused."""
    client = _locked(db, client_id)
    queries.update_client(db, client_id, {"disabled_at": None, "tokens_from": _next_second(now)})
    _audit(db, client.tenant.id, client_id, "client.enabled", who, now, {})


def revoke_tokens(db: Connection, client_id: str, *, who: Actor, now: datetime) -> None:
    """Refuse every token the client was issued until now."""
    client = _locked(db, client_id)
    queries.update_client(db, client_id, {"tokens_from": _next_second(now)})
    _audit(db, client.tenant.id, client_id, "client.tokens_revoked", who, now, {})


def _next_second(now: datetime) -> datetime:
    """Tokens count their time of issue in whole seconds: the one that runs is lost, lest an old token slip through."""
    return now.replace(microsecond=0) + timedelta(seconds=1)


def _locked(db: Connection, client_id: str) -> Client:
    row = queries.client_with_tenant(db, client_id, lock=True)
    if row is None:
        raise NotFound("UNKNOWN_CLIENT", f"there is no client {client_id}", clientId=client_id)
    return client_of(row)


def _new_secret(db: Connection, vault: Vault, client_id: str, secret: SecretStr | None, now: datetime) -> SecretStr:
    shown = secret or SecretStr(secrets.token_urlsafe(32))
    plain = shown.get_secret_value()
    if not _SECRET.fullmatch(plain):
        raise Invalid("BAD_SECRET", "a client secret is 32 to 128 letters, digits, _ and -")
    values = {
        "client_id": client_id,
        "fingerprint": vault.fingerprint(_PURPOSE, plain.encode()),
        "hint": plain[-4:],
        "created_at": now,
    }
    queries.insert_secret(db, values)
    return shown


def _audit(
    db: Connection, tenant_id: int, client_id: str, action: str, who: Actor, now: datetime, facts: Mapping[str, object]
) -> None:
    audit.record(
        db,
        tenant_id,
        actor=who.name,
        action=action,
        subject=f"client/{client_id}",
        request_id=who.request_id,
        now=now,
        facts=facts,
    )
