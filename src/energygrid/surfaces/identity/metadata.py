"""What the authorisation server publishes about itself: its metadata (RFC 8414, OpenID Connect) and its keys."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from energygrid.access.consents.espi_scope import FUNCTION_BLOCKS
from energygrid.access.oauth.grants import AUTH_METHODS, SECRET_METHODS
from energygrid.access.oauth.server import GRANT_TYPES, OAuthContext
from energygrid.access.scopes import SCOPES
from energygrid.access.signing_keys import ALGORITHM
from energygrid.surfaces.common.deps import Now
from energygrid.surfaces.common.oauth.wire import KeySetOut

router = APIRouter(tags=["discovery"])

_CACHED = {"Cache-Control": "public, max-age=300"}


@router.get("/oauth/jwks.json", response_model=KeySetOut)
def key_set(request: Request, now: Now) -> JSONResponse:
    """The keys that verify our tokens, and the one that will sign next."""
    context: OAuthContext = request.app.state.oauth
    return JSONResponse(context.authority.keys.key_set(now), headers=_CACHED)


@router.get("/.well-known/oauth-authorization-server", response_model=dict[str, Any])
async def authorization_server(request: Request) -> JSONResponse:
    """RFC 8414."""
    return JSONResponse(_metadata(request.app.state.oauth), headers=_CACHED)


@router.get("/.well-known/openid-configuration", response_model=dict[str, Any])
async def openid_configuration(request: Request) -> JSONResponse:
    """OpenID Connect discovery: where outside resource servers look for the keys."""
    more = {"subject_types_supported": ["public"], "id_token_signing_alg_values_supported": [ALGORITHM]}
    return JSONResponse(_metadata(request.app.state.oauth) | more, headers=_CACHED)


def _metadata(context: OAuthContext) -> dict[str, Any]:
    issuer = context.authority.issuer
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "token_endpoint": f"{issuer}/oauth/token",
        "jwks_uri": f"{issuer}/oauth/jwks.json",
        "registration_endpoint": f"{issuer}/oauth/register",
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "introspection_endpoint": f"{issuer}/oauth/introspect",
        "grant_types_supported": GRANT_TYPES,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "scopes_supported": list(SCOPES),
        "espi_scopes_supported": [f"FB={'_'.join(map(str, sorted(FUNCTION_BLOCKS)))}"],
        "token_endpoint_auth_methods_supported": AUTH_METHODS,
        "revocation_endpoint_auth_methods_supported": AUTH_METHODS,
        "introspection_endpoint_auth_methods_supported": SECRET_METHODS,
        "tls_client_certificate_bound_access_tokens": True,
    }
