"""The three access tokens of ESPI, one annotated name each (contracts/greenbutton.md 3.1).

registration  of one third party; opaque, looked up at every request
client        of one third party, for what is not one customer's: its authorizations, its bulk feeds
access        of one customer's consent to one third party

The last two are signed and name their kind. A token of this installation without a kind is for its other APIs.
"""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param
from starlette.concurrency import run_in_threadpool

from energygrid.access import throttle
from energygrid.access.caller import Caller
from energygrid.access.oauth.client_auth import failure_rule, network_of
from energygrid.access.settings import AccessSettings
from energygrid.access.third_parties.registration_tokens import TOKEN_PREFIX
from energygrid.access.trusted_hops import TrustedHops
from energygrid.database.engine import Connection
from energygrid.errors import Denied, Unauthenticated
from energygrid.greenbutton.bearers import Presented, TokenKind, bearer_of
from energygrid.greenbutton.settings import GreenButtonSettings
from energygrid.surfaces.common.bearer import check_bearer
from energygrid.surfaces.common.deps import services_of
from energygrid.surfaces.common.rate_limit import RateLimits

_NAMES = {
    TokenKind.REGISTRATION: "a registration access token",
    TokenKind.CLIENT: "a client access token",
    TokenKind.ACCESS: "an access token of one authorization",
    TokenKind.API: "an API token",
}
_DESCRIPTIONS = {
    TokenKind.REGISTRATION: "registration_access_token: of one third party, shown when it is registered",
    TokenKind.CLIENT: "client_access_token: from the token endpoint, grant_type=client_credentials",
    TokenKind.ACCESS: "access_token of one authorization: from the token endpoint, grant_type=authorization_code",
    TokenKind.API: "an access token of one of this installation's other APIs",
}


class _Bearer(HTTPBearer):
    """One of the kinds of token; raises Unauthenticated and Denied("WRONG_TOKEN_KIND")."""

    def __init__(self, *kinds: TokenKind) -> None:
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
            if presented.kind is not TokenKind.API:  # a token that was revoked is not of the wrong kind, it is none
                here, now = services_of(request), datetime.now(UTC)
                await run_in_threadpool(here.database.read, bearer_of, presented, here.vault, now)
            wanted = " or ".join(_NAMES[kind] for kind in self._kinds)
            raise Denied("WRONG_TOKEN_KIND", f"this takes {wanted}; what was sent is {_NAMES[presented.kind]}")
        return presented


async def _presented(request: Request, token: str) -> Presented:
    hops: TrustedHops = request.app.state.trusted_hops
    peer = request.client.host if request.client else None
    if token.startswith(TOKEN_PREFIX):
        presented = Presented(TokenKind.REGISTRATION, registration=token)
        address = hops.caller_address(peer, request.headers)
        await run_in_threadpool(_require_known, request, presented, address)
        return presented
    certificate = hops.certificate(peer, request.headers)
    checked = await check_bearer(request, token, certificate)
    kind = {"client": TokenKind.CLIENT, "access": TokenKind.ACCESS}.get(str(checked.claims.get("espi")), TokenKind.API)
    return Presented(kind, token=checked)


def _require_known(request: Request, presented: Presented, address: str) -> None:
    """Unknown registration tokens count against the network address they come from, and lock it in the end."""
    here, now, key = services_of(request), datetime.now(UTC), f"registration tokens from {network_of(address)}"
    rules: AccessSettings = request.app.state.access_rules

    def check(db: Connection) -> None:
        throttle.require_unlocked(db, key, now)
        bearer_of(db, presented, here.vault, now)

    try:
        here.database.read(check)
    except Unauthenticated:
        here.database.write(throttle.fail, key, failure_rule(rules, rules.address_failures), now)
        raise


def _require_rate(request: Request, token: Caller | None) -> None:
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


WithRegistrationToken = Annotated[Presented, Depends(_Bearer(TokenKind.REGISTRATION))]
WithClientToken = Annotated[Presented, Depends(_Bearer(TokenKind.CLIENT))]
WithAccessToken = Annotated[Presented, Depends(_Bearer(TokenKind.ACCESS))]
WithClientOrApiToken = Annotated[Presented, Depends(_Bearer(TokenKind.CLIENT, TokenKind.API))]
