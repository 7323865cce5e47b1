"""The authorisation endpoint: judges what a third party asks and sends the person to the consent page of the portal."""

from html import escape
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from energygrid.access.oauth.asking import Asked, SentBack, ask
from energygrid.surfaces.common.deps import Here, Now
from energygrid.surfaces.common.oauth.endpoints import utility_of

router = APIRouter(tags=["authorization"])

_NO_STORE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
_PAGE_HEADERS = _NO_STORE | {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>This request cannot be answered</title></head>
<body><main><h1>This request cannot be answered</h1><p>{message}.</p>
<p>Nothing was shared. Go back to the application you came from, and tell its makers: <code>{error}</code>.</p>
</main></body></html>
"""


async def _address(request: Request) -> str:
    peer = request.client.host if request.client else None
    address: str = request.app.state.trusted_hops.caller_address(peer, request.headers)
    return address


_DESCRIBED = {
    "parameters": [
        {"in": "query", "name": name, "required": required, "description": told, "schema": {"type": "string"}}
        for name, required, told in (
            ("response_type", True, "code"),
            ("client_id", True, "of the third party"),
            ("redirect_uri", False, "one that is registered; left out, the customer ends on a receipt page"),
            ("scope", False, "an ESPI scope string; left out, the first that is registered"),
            ("state", False, "comes back byte for byte"),
            ("code_challenge", False, "PKCE (RFC 7636); public clients must send it"),
            ("code_challenge_method", False, "S256"),
            ("prompt", False, "on or login: the customer signs in anew"),
        )
    ]
}


@router.get(
    "/authorize",
    response_class=HTMLResponse,
    status_code=303,
    openapi_extra=_DESCRIBED,
    responses={
        302: {"description": "back to the third party with `error`, `state` and `iss`"},
        303: {"description": "on to the consent page"},
        400: {"description": "a page: the redirect address is not the third party's, or the request is malformed"},
        401: {"description": "a page: the client is not known"},
    },
)
def authorize(request: Request, here: Here, now: Now, address: Annotated[str, Depends(_address)]) -> Response:
    """Ask a customer for an authorization (RFC 6749 section 4.1.1)."""
    answer = here.database.write(
        ask,
        here.vault,
        issuer=here.tokens.authority.issuer,
        query=request.scope["query_string"],
        utility=utility_of(request),
        address=address,
        now=now,
    )
    if isinstance(answer, Asked):
        return RedirectResponse(f"{here.settings.portal_base}/consent/{answer.request_id}", 303, _NO_STORE)
    if isinstance(answer, SentBack):
        return Response(status_code=302, headers={"Location": answer.url, **_NO_STORE})
    page = _PAGE.format(message=escape(answer.message), error=escape(answer.error))
    return HTMLResponse(page, answer.status, _PAGE_HEADERS)
