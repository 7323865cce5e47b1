"""The identity surface: /oauth/* and /.well-known/*, with its own error format and OpenAPI document."""

from fastapi import FastAPI

from energygrid.access.oauth.server import OAuthContext
from energygrid.access.settings import AccessSettings
from energygrid.access.trusted_hops import TrustedHops
from energygrid.surfaces.common.deps import Services
from energygrid.surfaces.identity import endpoints, errors, metadata


def create_app(services: Services, rules: AccessSettings | None = None) -> FastAPI:
    """The surface with full paths. Where no tokens are issued here it has none, and answers 404."""
    app = FastAPI(
        title="EnergyGrid identity",
        version="1.0.0",
        description="OAuth 2.0 authorisation server: tokens for the other surfaces.",
        openapi_url="/oauth/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    authority = services.tokens.authority
    app.state.services = services
    app.state.oauth = OAuthContext(services.vault, rules or AccessSettings(), authority)
    app.state.trusted_hops = TrustedHops.of(services.settings.trusted_proxies)
    errors.install(app)
    if services.settings.issues_tokens:
        app.include_router(endpoints.router)
        app.include_router(metadata.router)
    return app
