"""Registering, finding, changing and ending third parties."""

import base64
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import SecretStr
from sqlalchemy import Connection

from energygrid.access import audit, clients
from energygrid.access.caller import Actor, Tenant
from energygrid.access.clients import Client, GrantType
from energygrid.access.consents import consents
from energygrid.access.consents.consents import Consent
from energygrid.access.consents.espi_scope import is_offered, parse_scope
from energygrid.access.third_parties import queries
from energygrid.access.third_parties.facts import (
    Facts,
    Status,
    check_name,
    check_offered_scopes,
    check_redirect_uris,
)
from energygrid.access.third_parties.queries import AnyRow
from energygrid.access.vault import Vault
from energygrid.errors import Conflict, Invalid, NotFound, Unauthenticated

TOKEN_PREFIX = "egr_"  # noqa: S105 - what registration tokens begin with
GRANTS: tuple[GrantType, ...] = ("authorization_code", "refresh_token", "client_credentials")
AUTH_METHODS = ("client_secret_basic", "client_secret_post", "none")
_PURPOSE = "registration token"
_WAYS: Mapping[Status, frozenset[Status]] = {
    Status.REVIEW: frozenset({Status.LIVE, Status.ON_HOLD, Status.REVOKED}),
    Status.LIVE: frozenset({Status.REVIEW, Status.ON_HOLD, Status.REVOKED}),
    Status.ON_HOLD: frozenset({Status.REVIEW, Status.LIVE, Status.REVOKED}),
    Status.REVOKED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class ThirdParty:
    """A registered third party.

    application_id  decimal digits: id of its ApplicationInformation, of its own Authorization (client credentials)
                    and of its bulk feed
    offered_scopes  ESPI scope strings it may ask for; the first one when it asks for none
    notify_uri      where notices go; None: nowhere
    owner_user_id   who registered it in the portal; None: the utility's staff, or it did so itself
    changed_at      when anything that ApplicationInformation tells changed last
    """

    client_id: str
    tenant: Tenant
    application_id: str
    name: str
    status: Status
    offered_scopes: tuple[str, ...]
    redirect_uris: tuple[str, ...]
    notify_uri: str | None
    facts: Facts
    grants: frozenset[str]
    auth_method: str
    owner_user_id: int | None
    created_at: datetime
    changed_at: datetime

    @property
    def public(self) -> bool:
        """Whether it keeps no secret: an app on a customer's device."""
        return self.auth_method == "none"


@dataclass(frozen=True, slots=True)
class Registered:
    """What is shown once. `secret` is None for a public client."""

    third_party: ThirdParty
    secret: SecretStr | None = field(repr=False)
    registration_token: SecretStr = field(repr=False)


def register(
    db: Connection,
    vault: Vault,
    tenant: Tenant,
    *,
    name: str,
    redirect_uris: Sequence[str],
    offered_scopes: Sequence[str],
    who: Actor,
    now: datetime,
    notify_uri: str | None = None,
    facts: Facts | None = None,
    auth_method: str = "client_secret_basic",
    grants: Sequence[GrantType] = GRANTS,
    status: Status = Status.REVIEW,
    owner_user_id: int | None = None,
    client_id: str | None = None,
    secret: SecretStr | None = None,
    registration_token: SecretStr | None = None,
) -> Registered:
    """A new third party with its keys, shown this once.

    The caller has judged `notify_uri` (`outgoing.OutgoingClient.vet`), outside the transaction: that asks the name
    service. Raises Invalid("BAD_NAME", "BAD_REDIRECT_URI", "BAD_SCOPE", "BAD_AUTH_METHOD", and those of a client) and
    Conflict("CLIENT_EXISTS").
    """
    _check_auth(auth_method, grants)
    public = auth_method == "none"
    client, shown = clients.create_client(
        db,
        vault,
        tenant,
        name=check_name(name),
        scopes=[],
        grants=[grant for grant in grants if not (public and grant == "client_credentials")],
        redirect_uris=check_redirect_uris(redirect_uris, public=public),
        auth_method=auth_method,
        client_id=client_id or f"tp-{secrets.token_urlsafe(12)}",
        secret=secret,
        who=who,
        now=now,
    )
    token = registration_token or _new_token()
    values = {
        "client_id": client.client_id,
        "tenant_id": tenant.id,
        "application_id": str(10**15 + secrets.randbelow(9 * 10**15)),
        "status": int(status),
        "offered_scopes": check_offered_scopes(offered_scopes),
        "notify_uri": notify_uri,
        "facts": _stored(facts or Facts()),
        "owner_user_id": owner_user_id,
        "registration_fingerprint": _fingerprint(vault, token.get_secret_value()),
        "created_at": now,
        "changed_at": now,
    }
    queries.insert_third_party(db, values)
    told = {"application": values["application_id"], "status": int(status), "scopes": values["offered_scopes"]}
    _audit(db, tenant.id, client.client_id, "third_party.registered", who, now, told)
    return Registered(find(db, client.client_id), None if public else shown, token)


def find(db: Connection, client_id: str) -> ThirdParty:
    """Raises NotFound("UNKNOWN_THIRD_PARTY"), also for a client that is none."""
    return _known(queries.by_client(db, client_id), client_id)


def find_by_client(db: Connection, client_id: str) -> ThirdParty | None:
    """None for a client that is no third party."""
    row = queries.by_client(db, client_id)
    return None if row is None else _third_party(row)


def find_application(db: Connection, tenant_id: int, application_id: str) -> ThirdParty:
    """Raises NotFound("UNKNOWN_THIRD_PARTY")."""
    return _known(queries.by_application(db, tenant_id, application_id), application_id)


def of_tenant(db: Connection, tenant_id: int | None = None) -> list[ThirdParty]:
    """Every third party of one utility, or of all, oldest first."""
    return [_third_party(row) for row in queries.of_tenant(db, tenant_id)]


def of_owner(db: Connection, tenant_id: int, user_id: int) -> list[ThirdParty]:
    """What a developer registered in the portal, oldest first."""
    return [_third_party(row) for row in queries.of_owner(db, tenant_id, user_id)]


def of_registration_token(db: Connection, vault: Vault, token: str) -> ThirdParty:
    """Whose registration access token it is. Raises Unauthenticated("INVALID_TOKEN"), also once it is revoked."""
    found = None
    if token.startswith(TOKEN_PREFIX) and len(token) <= 256 and token.isascii():
        found = queries.by_registration(db, _fingerprint(vault, token))
    if found is None or found.status == Status.REVOKED:
        raise Unauthenticated("INVALID_TOKEN", "the registration access token is not known")
    return _third_party(found)


def update(
    db: Connection,
    client_id: str,
    *,
    who: Actor,
    now: datetime,
    name: str | None = None,
    redirect_uris: Sequence[str] | None = None,
    offered_scopes: Sequence[str] | None = None,
    facts: Facts | None = None,
    by_itself: bool = False,
) -> ThirdParty:
    """Replace what is given; None leaves a thing as it is. Nothing is written when nothing changes.

    by_itself  the third party does it: to ask for more kinds of data than the utility let it, it is reviewed again
    Raises NotFound("UNKNOWN_THIRD_PARTY"), Conflict("THIRD_PARTY_REVOKED") and the Invalid of `register`.
    """
    before = _changeable(db, client_id)
    of_client: dict[str, object] = {}
    own: dict[str, object] = {}
    if name is not None and name != before.name:
        of_client["name"] = check_name(name)
    if redirect_uris is not None and tuple(redirect_uris) != before.redirect_uris:
        of_client["redirect_uris"] = check_redirect_uris(redirect_uris, public=before.public)
    if offered_scopes is not None and tuple(offered_scopes) != before.offered_scopes:
        own["offered_scopes"] = check_offered_scopes(offered_scopes)
        more = not all(is_offered(parse_scope(each), before.offered_scopes) for each in offered_scopes)
        if by_itself and more and before.status == Status.LIVE:
            own["status"] = int(Status.REVIEW)
    if facts is not None and facts != before.facts:
        own["facts"] = _stored(facts)
    if not of_client and not own:
        return before
    if of_client:
        clients.change_facts(db, client_id, of_client)
    queries.update_third_party(db, client_id, own | {"changed_at": now})
    changed = sorted({*of_client, *own})
    _audit(db, before.tenant.id, client_id, "third_party.changed", who, now, {"changed": changed})
    return find(db, client_id)


def set_notify_uri(db: Connection, client_id: str, uri: str | None, *, who: Actor, now: datetime) -> ThirdParty:
    """Where notices go from now on. The caller has judged the address and sets up the deliveries."""
    before = _changeable(db, client_id)
    if uri == before.notify_uri:
        return before
    queries.update_third_party(db, client_id, {"notify_uri": uri, "changed_at": now})
    _audit(db, before.tenant.id, client_id, "third_party.changed", who, now, {"changed": ["notify_uri"]})
    return find(db, client_id)


def set_status(db: Connection, client_id: str, status: Status, *, who: Actor, now: datetime) -> ThirdParty:
    """What the utility decides. On hold and revoked: no tokens, and those there are get refused.

    Its consents stay as they are; `withdraw` ends them too.
    Raises NotFound("UNKNOWN_THIRD_PARTY") and Conflict("THIRD_PARTY_REVOKED"): that is for ever.
    """
    before = _changeable(db, client_id)
    if status == before.status:
        return before
    if status not in _WAYS[before.status]:
        raise Conflict("BAD_STATUS", f"{client_id} cannot go from {before.status.name} to {status.name}")
    stopped, stops = before.status == Status.ON_HOLD, status in {Status.ON_HOLD, Status.REVOKED}
    if stops and not stopped:
        clients.disable_client(db, client_id, who=who, now=now)
    elif stopped and not stops:
        clients.enable_client(db, client_id, who=who, now=now)
    queries.update_third_party(db, client_id, {"status": int(status), "changed_at": now})
    facts = {"from": int(before.status), "to": int(status)}
    _audit(db, before.tenant.id, client_id, "third_party.status_changed", who, now, facts)
    return find(db, client_id)


def withdraw(db: Connection, client_id: str, *, who: Actor, now: datetime) -> list[Consent]:
    """The third party leaves, or is put out for good: its consents end with it. Those that ended, oldest first."""
    party = set_status(db, client_id, Status.REVOKED, who=who, now=now)
    return consents.revoke_all(db, party.tenant.id, client_id, who=who, now=now)


def rotate_registration_token(
    db: Connection, vault: Vault, client_id: str, *, who: Actor, now: datetime, token: SecretStr | None = None
) -> SecretStr:
    """A new registration access token, shown this once; the old one ends at once."""
    party = _changeable(db, client_id)
    shown = token or _new_token()
    fingerprint = _fingerprint(vault, shown.get_secret_value())
    queries.update_third_party(db, client_id, {"registration_fingerprint": fingerprint, "changed_at": now})
    _audit(db, party.tenant.id, client_id, "third_party.token_rotated", who, now, {})
    return shown


def rotate_secret(db: Connection, vault: Vault, client_id: str, *, who: Actor, now: datetime) -> SecretStr:
    """A new client secret, shown this once; the one before goes on working, older ones end.

    Raises Invalid("NO_SECRET") for a public client.
    """
    party = _changeable(db, client_id)
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


def is_third_party(client: Client) -> bool:
    """Whether tokens of this client open Green Button and nothing else."""
    return "authorization_code" in client.grants


def _new_token() -> SecretStr:
    return SecretStr(TOKEN_PREFIX + secrets.token_urlsafe(32))


def _fingerprint(vault: Vault, token: str) -> bytes:
    return vault.fingerprint(_PURPOSE, token.encode())


def _check_auth(auth_method: str, grants: Sequence[str]) -> None:
    if auth_method not in AUTH_METHODS:
        raise Invalid("BAD_AUTH_METHOD", f"a client authenticates with one of {', '.join(AUTH_METHODS)}")
    if unknown := set(grants) - set(GRANTS):
        raise Invalid("UNKNOWN_GRANT", f"there is no grant {min(unknown)}")
    if "authorization_code" not in grants:
        raise Invalid("UNKNOWN_GRANT", "a third party has the grant authorization_code")


def _changeable(db: Connection, client_id: str) -> ThirdParty:
    party = _known(queries.by_client(db, client_id, lock=True), client_id)
    if party.status == Status.REVOKED:
        raise Conflict("THIRD_PARTY_REVOKED", f"{client_id} was revoked")
    return party


def _known(row: AnyRow | None, name: str) -> ThirdParty:
    if row is None:
        raise NotFound("UNKNOWN_THIRD_PARTY", f"there is no third party {name[:80]}")
    return _third_party(row)


def _third_party(row: AnyRow) -> ThirdParty:
    return ThirdParty(
        client_id=row.client_id,
        tenant=Tenant(row.tenant_id, row.tenant_key, row.environment, row.settings),
        application_id=row.application_id,
        name=row.name,
        status=Status(row.status),
        offered_scopes=tuple(row.offered_scopes),
        redirect_uris=tuple(row.redirect_uris),
        notify_uri=row.notify_uri,
        facts=Facts.model_validate(row.facts),
        grants=frozenset(row.grants),
        auth_method=row.auth_method,
        owner_user_id=row.owner_user_id,
        created_at=row.created_at,
        changed_at=row.changed_at,
    )


def _stored(facts: Facts) -> dict[str, object]:
    return facts.model_dump(mode="json", exclude_none=True)


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
