"""Who bears a token, as the database knows it now, and what that lets it read.

Third party, consent and revocations are read at every request and never remembered, so that what was taken back is
refused at once. Whatever is read of a customer stands in the audit log before it is shown.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias, TypeVar

from sqlalchemy import Connection

from energygrid.access import audit
from energygrid.access.caller import Actor, Caller, Tenant
from energygrid.access.consents import consents
from energygrid.access.consents.consents import Consent
from energygrid.access.tenants import tenant_now
from energygrid.access.third_parties import credentials
from energygrid.access.third_parties.third_parties import ThirdParty
from energygrid.access.vault import Vault
from energygrid.errors import NotFound
from energygrid.greenbutton import bulk
from energygrid.greenbutton.bulk import Selection
from energygrid.greenbutton.entitlement import entitlement_of
from energygrid.greenbutton.usage.context import Context

T = TypeVar("T")
_MOST_QUERY, _MOST_LISTED = 500, 100


class TokenKind(StrEnum):
    """registration, client and access are ESPI's; an API token is one of another API of this installation."""

    REGISTRATION = "registration"
    CLIENT = "client"
    ACCESS = "access"
    API = "api"


@dataclass(frozen=True, slots=True)
class Presented:
    """A token that was checked as far as that goes without the database: signature, expiry, client.

    registration  the opaque token itself, of that kind
    token         what a signed one says
    """

    kind: TokenKind
    registration: str = ""
    token: Caller | None = None


@dataclass(frozen=True, slots=True)
class Bearer:
    """An access token has a consent, the other kinds have the third party."""

    kind: TokenKind
    tenant: Tenant
    client_id: str
    registered: ThirdParty | None
    consent: Consent | None = None

    @property
    def third_party(self) -> ThirdParty:
        assert self.registered is not None
        return self.registered

    def actor(self, request_id: str) -> Actor:
        return Actor(self.client_id, request_id)


SharedRead: TypeAlias = Callable[[Connection, Context], T]
OwnRead: TypeAlias = Callable[[Connection, Bearer], T]


@dataclass(frozen=True, slots=True)
class Visit:
    """One request: the token, the address below the base of resources, and what all of its answers need."""

    presented: Presented
    path: str
    query: str
    base: str
    vault: Vault
    request_id: str
    now: datetime


def bearer_of(db: Connection, presented: Presented, vault: Vault, now: datetime) -> Bearer:
    """Raises Unauthenticated("INVALID_TOKEN") when third party or consent no longer stand."""
    token = presented.token
    if token is None:
        return _registered(presented.kind, credentials.of_registration_token(db, vault, presented.registration))
    if presented.kind is TokenKind.ACCESS:
        tenant, client_id = token.tenant, token.client_id
        consent = consents.of_access_token(db, tenant.id, client_id, token.claims, tenant_now(tenant, now))
        return Bearer(presented.kind, tenant, client_id, None, consent)
    return _registered(presented.kind, credentials.of_client_token(db, token.client_id, token.claims))


def _registered(kind: TokenKind, party: ThirdParty) -> Bearer:
    return Bearer(kind, party.tenant, party.client_id, party)


def unknown() -> NotFound:
    """There is no such resource, or it is another's."""
    return NotFound("UNKNOWN_RESOURCE", "there is no such resource")


def read_own(db: Connection, visit: Visit, read: OwnRead[T]) -> T:
    """What is a third party's own."""
    return read(db, bearer_of(db, visit.presented, visit.vault, visit.now))


def read_shared(db: Connection, visit: Visit, authorization: str | None, read: SharedRead[T]) -> tuple[Context, T]:
    """What an access token opens; `authorization` is the one that the address names, if it names one.

    Raises NotFound("UNKNOWN_RESOURCE") for another's.
    """
    bearer = bearer_of(db, visit.presented, visit.vault, visit.now)
    consent = bearer.consent
    if consent is None or (authorization is not None and authorization != consent.id):
        raise unknown()
    entitlement = entitlement_of(db, visit.vault, bearer.tenant, consent)
    context = Context(visit.vault, visit.base, entitlement, tenant_now(bearer.tenant, visit.now))
    return context, read(db, context)


def read_bulk(db: Connection, visit: Visit, bulk_id: str, kind: bulk.Kind | None) -> tuple[ThirdParty, Selection]:
    """What a bulk feed holds; raises NotFound("UNKNOWN_BULK" or "BULK_EXPIRED")."""
    bearer = bearer_of(db, visit.presented, visit.vault, visit.now)
    return bearer.third_party, bulk.find(db, bearer.third_party, bulk_id, visit.now, kind)


def log_shared(db: Connection, visit: Visit, context: Context) -> None:
    """Who read what of a customer's, before it is shown."""
    _log(db, visit, f"consent/{context.entitlement.id}", {})


def log_bulk(db: Connection, visit: Visit, selection: Selection) -> None:
    concerned = [part.consent_id for part in selection.parts]
    facts = {"consents": len(concerned), "first_consents": concerned[:_MOST_LISTED]}
    _log(db, visit, f"bulk/{selection.id}", facts)


def _log(db: Connection, visit: Visit, subject: str, facts: Mapping[str, object]) -> None:
    token = visit.presented.token
    assert token is not None
    query = {"query": visit.query[:_MOST_QUERY]} if visit.query else {}
    audit.record_read(
        db,
        token.tenant.id,
        actor=token.client_id,
        subject=subject,
        request_id=visit.request_id,
        now=visit.now,
        facts={"path": visit.path, **query, **facts},
    )
