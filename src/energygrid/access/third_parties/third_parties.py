"""Third parties: registering and finding them."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import SecretStr
from sqlalchemy import Connection

from energygrid.access import audit, clients
from energygrid.access.caller import Actor, Tenant
from energygrid.access.clients import Client, GrantType
from energygrid.access.third_parties import queries
from energygrid.access.third_parties.facts import (
    Facts,
    Status,
    check_name,
    check_offered_scopes,
    check_redirect_uris,
)
from energygrid.access.third_parties.queries import AnyRow
from energygrid.access.third_parties.registration_tokens import fingerprint, new_token
from energygrid.access.vault import Vault
from energygrid.errors import Conflict, Invalid, NotFound

GRANTS: tuple[GrantType, ...] = ("authorization_code", "refresh_token", "client_credentials")
AUTH_METHODS = ("client_secret_basic", "client_secret_post", "none")


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
    token = registration_token or new_token()
    values = {
        "client_id": client.client_id,
        "tenant_id": tenant.id,
        "application_id": str(10**15 + secrets.randbelow(9 * 10**15)),
        "status": int(status),
        "offered_scopes": check_offered_scopes(offered_scopes),
        "notify_uri": notify_uri,
        "facts": stored_facts(facts or Facts()),
        "owner_user_id": owner_user_id,
        "registration_fingerprint": fingerprint(vault, token.get_secret_value()),
        "created_at": now,
        "changed_at": now,
    }
    queries.insert_third_party(db, values)
    told = {"application": values["application_id"], "status": int(status), "scopes": values["offered_scopes"]}
    record(db, tenant.id, client.client_id, "third_party.registered", who, now, told)
    return Registered(find(db, client.client_id), None if public else shown, token)


def find(db: Connection, client_id: str) -> ThirdParty:
    """Raises NotFound("UNKNOWN_THIRD_PARTY"), also for a client that is none."""
    return _known(queries.by_client(db, client_id), client_id)


def find_by_client(db: Connection, client_id: str) -> ThirdParty | None:
    """None for a client that is no third party."""
    row = queries.by_client(db, client_id)
    return None if row is None else third_party_of(row)


def find_application(db: Connection, tenant_id: int, application_id: str) -> ThirdParty:
    """Raises NotFound("UNKNOWN_THIRD_PARTY")."""
    return _known(queries.by_application(db, tenant_id, application_id), application_id)


def of_tenant(db: Connection, tenant_id: int | None = None) -> list[ThirdParty]:
    """Every third party of one utility, or of all, oldest first."""
    return [third_party_of(row) for row in queries.of_tenant(db, tenant_id)]


def of_owner(db: Connection, tenant_id: int, user_id: int) -> list[ThirdParty]:
    """What a developer registered in the portal, oldest first."""
    return [third_party_of(row) for row in queries.of_owner(db, tenant_id, user_id)]


def is_third_party(client: Client) -> bool:
    """Whether tokens of this client open Green Button and nothing else."""
    return "authorization_code" in client.grants


def _check_auth(auth_method: str, grants: Sequence[str]) -> None:
    if auth_method not in AUTH_METHODS:
        raise Invalid("BAD_AUTH_METHOD", f"a client authenticates with one of {', '.join(AUTH_METHODS)}")
    if unknown := set(grants) - set(GRANTS):
        raise Invalid("UNKNOWN_GRANT", f"there is no grant {min(unknown)}")
    if "authorization_code" not in grants:
        raise Invalid("UNKNOWN_GRANT", "a third party has the grant authorization_code")


def changeable(db: Connection, client_id: str) -> ThirdParty:
    """Locked for a change. Raises NotFound("UNKNOWN_THIRD_PARTY") and Conflict("THIRD_PARTY_REVOKED")."""
    party = _known(queries.by_client(db, client_id, lock=True), client_id)
    if party.status == Status.REVOKED:
        raise Conflict("THIRD_PARTY_REVOKED", f"{client_id} was revoked")
    return party


def _known(row: AnyRow | None, name: str) -> ThirdParty:
    if row is None:
        raise NotFound("UNKNOWN_THIRD_PARTY", f"there is no third party {name[:80]}")
    return third_party_of(row)


def third_party_of(row: AnyRow) -> ThirdParty:
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


def stored_facts(facts: Facts) -> dict[str, object]:
    return facts.model_dump(mode="json", exclude_none=True)


def record(
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
