"""The portal, below /portal: pages that work without JavaScript, each form with a token of its session."""

from fastapi import FastAPI

from energygrid.access.passwords import Passwords
from energygrid.access.settings import AccessSettings
from energygrid.access.sign_in import SignIn
from energygrid.access.trusted_hops import TrustedHops
from energygrid.surfaces.common import routes
from energygrid.surfaces.common.body_limit import BodyLimit
from energygrid.surfaces.common.deps import Services
from energygrid.surfaces.portal import (
    assets,
    check,
    consent,
    developer,
    download,
    errors,
    home,
    sharing,
    sign_in,
    staff,
    usage,
)
from energygrid.surfaces.portal.headers import PageHeaders

ROUTERS = (
    sign_in.router,
    assets.router,
    home.router,
    usage.router,
    download.router,
    consent.router,
    sharing.router,
    developer.router,
    staff.router,
    check.router,
)
UPLOADS = ("/check",)
_LONGEST_UPLOAD = check.MOST_BYTES + (64 << 10)


def create_app(services: Services, rules: AccessSettings | None = None, passwords: Passwords | None = None) -> FastAPI:
    """The portal without its prefix: the root mounts it at /portal."""
    rules = rules or AccessSettings()
    app = FastAPI(title="EnergyGrid portal", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.services = services
    app.state.rules = rules
    app.state.sign_in = SignIn(services.database, passwords or Passwords(rules), rules)
    app.state.trusted_hops = TrustedHops.of(services.settings.trusted_proxies)
    routes.serve(app, ROUTERS)
    errors.install(app)
    settings = services.settings
    app.add_middleware(BodyLimit, limit=settings.body_limit, upload_limit=_LONGEST_UPLOAD, uploads=UPLOADS)
    app.add_middleware(PageHeaders, https=settings.portal_base.startswith("https:"))
    return app
