"""The identity surface: /oauth/* and /.well-known/*, with its own error format and OpenAPI document."""

from fastapi import FastAPI

from energygrid.access.settings import AccessSettings
from energygrid.surfaces.common import routes
from energygrid.surfaces.common.deps import Services
from energygrid.surfaces.common.oauth.app import ROUTERS, prepare
from energygrid.surfaces.identity import metadata

_OAUTH = routes.under("/oauth", ROUTERS)


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
    prepare(app, services, rules)
    if services.settings.issues_tokens:
        routes.serve(app, [_OAUTH, metadata.router])
    return app
