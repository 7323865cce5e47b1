"""Who calls PowerBox, and what they may do: one annotated name a permission.

A token that was checked lately costs no wait; any other is checked in a thread, because that may take a query.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool

from energygrid.access.caller import Caller
from energygrid.access.trusted_hops import TrustedHops
from energygrid.errors import Denied, Unauthenticated
from energygrid.surfaces.common.deps import Now, services_of

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_bearer = HTTPBearer(
    bearerFormat="JWT",
    scheme_name="bearerAuth",
    description="OAuth 2.0 Bearer token from the Utility IDP",
    auto_error=False,
)
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def token_of(credentials: HTTPAuthorizationCredentials | None) -> str:
    if credentials is None:
        raise Unauthenticated("INVALID_TOKEN", "send an access token: Authorization: Bearer <token>")
    return credentials.credentials


def certificate_of(request: Request) -> bytes | None:
    """The caller's TLS certificate as a trusted proxy reports it."""
    hops: TrustedHops = request.app.state.trusted_hops
    return hops.certificate(request.client.host if request.client else None, request.headers)


async def _any_caller(request: Request, credentials: Credentials, now: Now) -> Caller:
    token, tokens = token_of(credentials), services_of(request).tokens
    certificate = certificate_of(request)
    known = tokens.check_cached(token, now, certificate)
    return known if known is not None else await run_in_threadpool(tokens.check, token, now, certificate)


AnyCaller = Annotated[Caller, Depends(_any_caller)]
"""Any valid token."""


def require_writable(caller: Caller) -> None:
    """Contract C22: a sandbox client may only read in production."""
    if caller.sandbox and caller.tenant.environment == "production":
        raise Denied("SANDBOX_READ_ONLY", "a sandbox client may only read in production")


def _with(*scopes: str, pulls: bool = False) -> Callable[..., Awaitable[Caller]]:
    """A caller with one of the scopes; `pulls`: a POST may be a read, so the endpoint itself judges it."""

    async def caller_with_scope(request: Request, caller: AnyCaller) -> Caller:
        if not any(caller.may(scope) for scope in scopes):
            named = " ".join(scopes)
            raise Denied("INSUFFICIENT_SCOPE", f"the token lacks the scope {' or '.join(scopes)}", scope=named)
        if not pulls and request.method not in _READING:
            require_writable(caller)
        return caller

    return caller_with_scope


MayPullCustomers = Annotated[Caller, Depends(_with("customer.sync", pulls=True))]
MaySyncCustomers = Annotated[Caller, Depends(_with("customer.sync"))]
MayBindHardware = Annotated[Caller, Depends(_with("hardware.bind"))]
MayIngestUsage = Annotated[Caller, Depends(_with("usage.ingest"))]
MayIngestBilling = Annotated[Caller, Depends(_with("billing.ingest"))]
MayReadJobs = Annotated[Caller, Depends(_with("usage.ingest", "billing.ingest", "customer.sync"))]
MayWriteRates = Annotated[Caller, Depends(_with("rates.write"))]
MayManageWebhooks = Annotated[Caller, Depends(_with("webhooks.manage"))]
