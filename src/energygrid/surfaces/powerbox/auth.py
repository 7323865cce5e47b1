"""Who calls PowerBox, and what they may do: one annotated name a permission.

A permission is a single dependency, because each one costs every request. A token that was checked lately costs no
wait; any other is checked in a thread, for that may take a query.
"""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param

from energygrid.access.caller import Caller
from energygrid.access.trusted_hops import TrustedHops
from energygrid.errors import Denied, Unauthenticated
from energygrid.surfaces.common.bearer import check_bearer

_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class _Bearer(HTTPBearer):
    """The caller of a request, who has one of the scopes; without any named, whoever has a valid token.

    pulls  a POST may be a read, so the endpoint itself judges whether a sandbox client may
    """

    def __init__(self, *scopes: str, pulls: bool = False) -> None:
        super().__init__(
            bearerFormat="JWT",
            scheme_name="bearerAuth",
            description="OAuth 2.0 Bearer token from the Utility IDP",
            auto_error=False,
        )
        self._scopes = scopes
        self._pulls = pulls

    async def __call__(self, request: Request) -> Caller:  # type: ignore[override]
        scheme, token = get_authorization_scheme_param(request.headers.get("authorization"))
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("INVALID_TOKEN", "send an access token: Authorization: Bearer <token>")
        caller = await check_bearer(request, token, certificate_of(request))
        if self._scopes and not any(caller.may(scope) for scope in self._scopes):
            named = " ".join(self._scopes)
            wanted = " or ".join(self._scopes)
            raise Denied("INSUFFICIENT_SCOPE", f"the token lacks the scope {wanted}", scope=named)
        if self._scopes and not self._pulls and request.method not in _READING:
            require_writable(caller)
        return caller


_bearer = HTTPBearer(
    bearerFormat="JWT",
    scheme_name="bearerAuth",
    description="OAuth 2.0 Bearer token from the Utility IDP",
    auto_error=False,
)
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
"""A token that the endpoint itself judges."""


def token_of(credentials: HTTPAuthorizationCredentials | None) -> str:
    if credentials is None:
        raise Unauthenticated("INVALID_TOKEN", "send an access token: Authorization: Bearer <token>")
    return credentials.credentials


def certificate_of(request: Request) -> bytes | None:
    """The caller's TLS certificate as a trusted proxy reports it."""
    hops: TrustedHops = request.app.state.trusted_hops
    return hops.certificate(request.client.host if request.client else None, request.headers)


def require_writable(caller: Caller) -> None:
    """Contract C22: a sandbox client may only read in production."""
    if caller.sandbox and caller.tenant.environment == "production":
        raise Denied("SANDBOX_READ_ONLY", "a sandbox client may only read in production")


AnyCaller = Annotated[Caller, Depends(_Bearer())]
"""Any valid token."""
MayPullCustomers = Annotated[Caller, Depends(_Bearer("customer.sync", pulls=True))]
MaySyncCustomers = Annotated[Caller, Depends(_Bearer("customer.sync"))]
MayBindHardware = Annotated[Caller, Depends(_Bearer("hardware.bind"))]
MayIngestUsage = Annotated[Caller, Depends(_Bearer("usage.ingest"))]
MayIngestBilling = Annotated[Caller, Depends(_Bearer("billing.ingest"))]
MayReadJobs = Annotated[Caller, Depends(_Bearer("usage.ingest", "billing.ingest", "customer.sync"))]
MayWriteRates = Annotated[Caller, Depends(_Bearer("rates.write"))]
MayManageWebhooks = Annotated[Caller, Depends(_Bearer("webhooks.manage"))]
