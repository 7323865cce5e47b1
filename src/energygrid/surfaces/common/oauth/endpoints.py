"""The token, revocation and introspection endpoints. Each is one transaction that commits whatever the answer is."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from energygrid.access.oauth import server
from energygrid.access.oauth.messages import OAuthAnswer, OAuthRequest
from energygrid.access.oauth.server import OAuthContext
from energygrid.database.engine import Database
from energygrid.surfaces.common.deps import Db, Now, RequestId
from energygrid.surfaces.common.oauth.forms import form_of
from energygrid.surfaces.common.oauth.wire import ONE_TOKEN_FORM, TOKEN_FORM, ErrorOut, IntrospectionOut, TokenOut

router = APIRouter(tags=["tokens"])

_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorOut, "description": "malformed, or not allowed to this client"},
    401: {"model": ErrorOut, "description": "client authentication failed"},
    429: {"model": ErrorOut, "description": "too often, or locked after failures; see Retry-After"},
    503: {"model": ErrorOut, "description": "the database does not answer; see Retry-After"},
}


async def _oauth_request(request: Request) -> OAuthRequest:
    hops, headers = request.app.state.trusted_hops, request.headers
    peer = request.client.host if request.client else None
    return OAuthRequest(
        form=await form_of(request),
        authorization=headers.get("authorization"),
        address=hops.caller_address(peer, headers),
        certificate=hops.certificate(peer, headers),
        utility=utility_of(request),
    )


def utility_of(request: Request) -> str | None:
    """The tenant's key in the path, where the endpoints stand below one utility."""
    utility: str | None = request.path_params.get("utility")
    return utility


async def _context(request: Request) -> OAuthContext:
    context: OAuthContext = request.app.state.oauth
    return context


Context = Annotated[OAuthContext, Depends(_context)]
Posted = Annotated[OAuthRequest, Depends(_oauth_request)]


@router.post("/token", response_model=TokenOut, responses=_ERRORS, openapi_extra=TOKEN_FORM)
def token(posted: Posted, context: Context, db: Db, now: Now, request_id: RequestId) -> JSONResponse:
    """A token for a client's credentials, a code or a refresh token (RFC 6749 sections 4.4, 4.1.3 and 6)."""
    return _answered(server.token, posted, context, db, now, request_id)


@router.post("/revoke", responses={200: {"model": dict[str, Any]}, **_ERRORS}, openapi_extra=ONE_TOKEN_FORM)
def revoke(posted: Posted, context: Context, db: Db, now: Now, request_id: RequestId) -> JSONResponse:
    """Take back one of the client's own tokens (RFC 7009); 200 also when there is nothing to take back."""
    return _answered(server.revoke, posted, context, db, now, request_id)


@router.post("/introspect", response_model=IntrospectionOut, responses=_ERRORS, openapi_extra=ONE_TOKEN_FORM)
def introspect(posted: Posted, context: Context, db: Db, now: Now, request_id: RequestId) -> JSONResponse:
    """What one of the client's own tokens says (RFC 7662); every other token is inactive."""
    return _answered(server.introspect, posted, context, db, now, request_id)


def _answered(
    use_case: Callable[..., OAuthAnswer],
    posted: OAuthRequest,
    context: OAuthContext,
    db: Database,
    now: datetime,
    request_id: str,
) -> JSONResponse:
    # Before the transaction: fetching keys takes a connection of its own, and a full pool would wait for itself.
    context.authority.keys.signing(now)
    answer = db.write(use_case, context, posted, now, request_id)
    return JSONResponse(dict(answer.body), answer.status, dict(answer.headers))
