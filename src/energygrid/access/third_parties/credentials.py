"""Keys of third parties: registration access tokens, client secrets, and whether a client token still stands."""

import base64
from collections.abc import Mapping
from datetime import datetime

from pydantic import SecretStr
from sqlalchemy import Connection

from energygrid.access import clients
from energygrid.access.caller import Actor
from energygrid.access.queries import is_revoked
from energygrid.access.third_parties import queries
from energygrid.access.third_parties.facts import Status
from energygrid.access.third_parties.registration_tokens import TOKEN_PREFIX, fingerprint, is_one, new_token
from energygrid.access.third_parties.third_parties import ThirdParty, changeable, record, third_party_of
from energygrid.access.vault import Vault
from energygrid.errors import Invalid, Unauthenticated

_STANDING = frozenset({Status.REVIEW, Status.LIVE})


def of_registration_token(db: Connection, vault: Vault, token: str) -> ThirdParty:
    """Whose registration access token it is. Raises Unauthenticated("INVALID_TOKEN"), also once it is revoked."""
    found = queries.by_registration(db, fingerprint(vault, token)) if is_one(token) else None
    if found is None or found.status == Status.REVOKED:
        raise Unauthenticated("INVALID_TOKEN", "the registration access token is not known")
    return third_party_of(found)


def of_client_token(db: Connection, client_id: str, claims: Mapping[str, object]) -> ThirdParty:
    """Whose a checked client token (claim `espi`: "client") is, asked anew at each request.

    So a third party that is on hold and a token that was taken back count at once, whatever a process remembers of the
    token. Raises Unauthenticated("INVALID_TOKEN").
    """
    found = queries.by_client(db, client_id)
    if found is None or found.status not in _STANDING:
        raise Unauthenticated("INVALID_TOKEN", "the registration of this third party is on hold or revoked")
    if is_revoked(db, found.tenant_id, str(claims.get("jti", ""))):
        raise Unauthenticated("INVALID_TOKEN", "the token was taken back")
    return third_party_of(found)


def rotate_registration_token(
    db: Connection, vault: Vault, client_id: str, *, who: Actor, now: datetime, token: SecretStr | None = None
) -> SecretStr:
    """A new registration access token, shown this once; the old one ends at once."""
    party = changeable(db, client_id)
    shown = token or new_token()
    values = {"registration_fingerprint": fingerprint(vault, shown.get_secret_value()), "changed_at": now}
    queries.update_third_party(db, client_id, values)
    record(db, party.tenant.id, client_id, "third_party.token_rotated", who, now, {})
    return shown


def rotate_secret(db: Connection, vault: Vault, client_id: str, *, who: Actor, now: datetime) -> SecretStr:
    """A new client secret, shown this once; the one before goes on working, older ones end.

    Raises Invalid("NO_SECRET") for a public client.
    """
    party = changeable(db, client_id)
    if party.public:
        raise Invalid("NO_SECRET", f"{client_id} is an app without a secret")
    if clients.count_secrets(db, client_id) >= clients.MOST_SECRETS:
        clients.drop_oldest_secret(db, client_id, who=who, now=now)
    shown = clients.add_secret(db, vault, client_id, who=who, now=now)
    queries.update_third_party(db, client_id, {"changed_at": now})
    return shown


def derived_secret(vault: Vault, purpose: str, name: str) -> SecretStr:
    """A secret that can be told again at any time from the installation's own key: for fixtures of a sandbox."""
    derived = vault.fingerprint(purpose, name.encode())
    return SecretStr(base64.urlsafe_b64encode(derived).rstrip(b"=").decode())


def derived_registration_token(vault: Vault, name: str) -> SecretStr:
    """The same for a registration access token."""
    return SecretStr(TOKEN_PREFIX + derived_secret(vault, "sandbox registration token", name).get_secret_value())
