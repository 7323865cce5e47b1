"""Who calls Green Button: the three access tokens of ESPI, one annotated name each (contracts/greenbutton.md 3.1).

registration  of one third party; opaque, looked up at every request
client        of one third party, for what is not one customer's: its authorizations, its bulk feeds
access        of one customer's consent to one third party

The last two are signed and name their kind. Third party and consent are read at every request and never remembered, so
that a revocation holds at once. A token of this installation without a kind is for its other APIs.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from energygrid.access import caller as access_caller
from energygrid.access.caller import Actor, Tenant
from energygrid.access.consents import consents
from energygrid.access.consents.consents import Consent
from energygrid.access.tenants import tenant_now
from energygrid.access.third_parties import third_parties
from energygrid.access.third_parties.facts import Status
from energygrid.access.third_parties.third_parties import TOKEN_PREFIX, ThirdParty
from energygrid.access.vault import Vault
from energygrid.errors import Denied, Unauthenticated
from energygrid.greenbutton.settings import GreenButtonSettings
from energygrid.surfaces.common.bearer import check_bearer
from energygrid.surfaces.common.deps import services_of
from energygrid.surfaces.common.rate_limit import RateLimits


class Kind(StrEnum):
    REGISTRATION = "registration"
    CLIENT = "client"
    ACCESS = "access"
    API = "api"


_NAMES = {
    Kind.REGISTRATION: "a registration access token",
    Kind.CLIENT: "a client access token",
    Kind.ACCESS: "an access token of one authorization",
    Kind.API: "an API token",
}
_DESCRIPTIONS = {
    Kind.REGISTRATION: "registration_access_token: of one third party, shown when it is registered",
    Kind.CLIENT: "client_access_token: from the token endpoint, grant_type=client_credentials",
    Kind.ACCESS: "access_token of one authorization: from the token endpoint, grant_type=authorization_code",
    Kind.API: "an access token of one of this installation's other APIs",
}
_STANDING = frozenset({Status.REVIEW, Status.LIVE})


@dataclass(frozen=True, slots=True)
class Presented:
    """A token that was checked as far as that goes without the database: signature, expiry, client.

    registration  the opaque token itself, of that kind
    token         what a signed one says
    """

    kind: Kind
    registration: str = ""
    token: access_caller.Caller | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, as the database knows it now. `consent` is that of an access token."""

    kind: Kind
    third_party: ThirdParty
    consent: Consent | None = None

    @property
    def tenant(self) -> Tenant:
        return self.third_party.tenant

    def actor(self, request_id: str) -> Actor:
        return Actor(self.third_party.client_id, request_id)


class _Bearer(HTTPBearer):
    """One of the kinds of token; raises Unauthenticated and Denied("WRONG_TOKEN_KIND")."""

    def __init__(self, *kinds: Kind) -> None:
        super().__init__(
            scheme_name=f"{kinds[0]}Token", description=_DESCRIPTIONS[kinds[0]], auto_error=False, bearerFormat="opaque"
        )
        self._kinds = kinds

    async def __call__(self, request: Request) -> Presented:  # type: ignore[override]
        scheme, token = get_authorization_scheme_param(request.headers.get("authorization"))
        if scheme.lower() != "bearer" or not token:
            raise _without_token(request)
        presented = await _presented(request, token)
        _require_rate(request, presented.token)
        if presented.kind not in self._kinds:
            if presented.kind is not Kind.API:  # a token that was revoked is not of the wrong kind, it is none
                here, now = services_of(request), datetime.now(UTC)
                await run_in_threadpool(here.database.read, caller_of, presented, here.vault, now)
            wanted = " or ".join(_NAMES[kind] for kind in self._kinds)
            raise Denied("WRONG_TOKEN_KIND", f"this takes {wanted}; what was sent is {_NAMES[presented.kind]}")
        return presented


async def _presented(request: Request, token: str) -> Presented:
    if token.startswith(TOKEN_PREFIX):
        return Presented(Kind.REGISTRATION, registration=token)
    hops = request.app.state.trusted_hops
    certificate = hops.certificate(request.client.host if request.client else None, request.headers)
    checked = await check_bearer(request, token, certificate)
    kind = {"client": Kind.CLIENT, "access": Kind.ACCESS}.get(str(checked.claims.get("espi")), Kind.API)
    return Presented(kind, token=checked)


def caller_of(db: Connection, presented: Presented, vault: Vault, now: datetime) -> Caller:
    """Who it is; raises Unauthenticated("INVALID_TOKEN") when third party or consent no longer stand."""
    token = presented.token
    if token is None:
        return Caller(presented.kind, third_parties.of_registration_token(db, vault, presented.registration))
    third_party = third_parties.find_by_client(db, token.client_id)
    if third_party is None or third_party.status not in _STANDING:
        raise Unauthenticated("INVALID_TOKEN", "the registration of this third party is on hold or revoked")
    if presented.kind is not Kind.ACCESS:
        return Caller(presented.kind, third_party)
    at = tenant_now(third_party.tenant, now)
    return Caller(
        presented.kind,
        third_party,
        consents.of_access_token(db, third_party.tenant.id, token.client_id, token.claims, at),
    )


def _require_rate(request: Request, token: access_caller.Caller | None) -> None:
    """A third party's requests a second; a registration is asked for too seldom to be counted."""
    if token is not None:
        rules = token.tenant.section("greenbutton", GreenButtonSettings)
        limits: RateLimits = request.app.state.limits
        limits.require(token.client_id, rules.requests_per_second, burst=rules.burst)


def _without_token(request: Request) -> Unauthenticated | Denied:
    message = "send an access token: Authorization: Bearer <token>"
    if services_of(request).settings.greenbutton_strict_2018 and "/Batch/" in request.scope["path"]:
        return Denied("NO_TOKEN", message)
    return Unauthenticated("NO_TOKEN", message)


WithRegistrationToken = Annotated[Presented, Depends(_Bearer(Kind.REGISTRATION))]
WithClientToken = Annotated[Presented, Depends(_Bearer(Kind.CLIENT))]
WithAccessToken = Annotated[Presented, Depends(_Bearer(Kind.ACCESS))]
WithClientOrApiToken = Annotated[Presented, Depends(_Bearer(Kind.CLIENT, Kind.API))]
