"""What both addresses of the authorisation server are made of."""

from fastapi import APIRouter, FastAPI

from energygrid.access.oauth.server import OAuthContext
from energygrid.access.settings import AccessSettings
from energygrid.access.trusted_hops import TrustedHops
from energygrid.surfaces.common import routes
from energygrid.surfaces.common.deps import Services
from energygrid.surfaces.common.oauth import authorize, endpoints, errors, registration

ROUTERS: tuple[APIRouter, ...] = (authorize.router, endpoints.router, registration.router)


def prepare(app: FastAPI, services: Services, rules: AccessSettings | None = None) -> None:
    """State and error format that the routers rely on."""
    settings = services.settings
    authority = services.tokens.authority
    app.state.services = services
    app.state.oauth = OAuthContext(services.vault, rules or AccessSettings(), authority, settings.resource_url)
    app.state.trusted_hops = TrustedHops.of(settings.trusted_proxies)
    errors.install(app)


def create_app(services: Services, rules: AccessSettings | None = None) -> FastAPI:
    """The endpoints alone, for mounting below a path with `{utility}`: only that tenant's clients are known there."""
    app = FastAPI(title="EnergyGrid OAuth of one utility", openapi_url=None, docs_url=None, redoc_url=None)
    prepare(app, services, rules)
    if services.settings.issues_tokens:
        routes.serve(app, ROUTERS)
    return app
