"""The root application: it mounts the surfaces, and opens what they work with.

Only the root has a lifespan. Each surface is an application of its own with its own authentication, error format and
OpenAPI document.
"""

import os
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from energygrid import logs
from energygrid.database.migrate import require_complete
from energygrid.services import Services, open_services
from energygrid.settings import Settings
from energygrid.surfaces.flex.app import create_app as create_flex
from energygrid.surfaces.greenbutton.app import create_app as create_greenbutton
from energygrid.surfaces.identity.app import create_app as create_identity
from energygrid.surfaces.portal.app import create_app as create_portal
from energygrid.surfaces.powerbox.app import create_app as create_powerbox
from energygrid.surfaces.root import pages
from energygrid.surfaces.root.mounts import Mounted
from energygrid.surfaces.root.request_log import RequestLog
from energygrid.surfaces.sandbox.app import create_app as create_sandbox


def mounted_surfaces(services: Services) -> list[Mounted]:
    """Every surface of this installation, in the order of the landing page."""
    settings = services.settings
    surfaces = [
        Mounted(
            "powerbox",
            "PowerBox (utility integration)",
            create_powerbox(services),
            ["/v1"],
            settings.powerbox_host,
            "/v1/openapi.json",
        ),
        Mounted(
            "identity",
            "Identity (OAuth 2.0, OpenID Connect)",
            create_identity(services),
            ["/oauth", "/.well-known"],
            settings.identity_host,
            "/oauth/openapi.json",
            stripped=False,
        ),
        Mounted(
            "greenbutton",
            "Green Button (NAESB ESPI)",
            create_greenbutton(services),
            ["/DataCustodian"],
            settings.greenbutton_host,
            "/DataCustodian/openapi.json",
        ),
        Mounted(
            "flex",
            "Flexibility (demand response)",
            create_flex(services),
            ["/flex"],
            settings.flex_host,
            "/flex/openapi.json",
        ),
        Mounted("portal", "Portal", create_portal(services), ["/portal"], settings.portal_host, None),
    ]
    if settings.environment == "sandbox":
        surfaces.append(
            Mounted(
                "sandbox",
                "Sandbox controls",
                create_sandbox(services),
                ["/sandbox"],
                None,
                "/sandbox/openapi.json",
            )
        )
    return surfaces


def create_app_for(services: Services) -> Starlette:
    """The root application over services that are open; used by the lifespan's owner and by tests."""
    surfaces = mounted_surfaces(services)
    app = Starlette(
        routes=[
            *(route for surface in surfaces for route in surface.routes()),
            Route("/", pages.landing),
            Route("/livez", pages.livez),
            Route("/readyz", pages.readyz),
            Route("/metrics", pages.metrics),
            Route("/docs/{surface}", pages.documents),
            Route("/assets/{name}", pages.asset),
        ],
        middleware=[Middleware(RequestLog)],
    )
    app.state.services = services
    app.state.surfaces = surfaces
    app.state.many_processes = "PROMETHEUS_MULTIPROC_DIR" in os.environ
    return app


def create_app() -> Starlette:
    """The application that a server process runs: settings from the environment, services for its lifetime."""
    settings = Settings()
    logs.configure(settings)
    closing = ExitStack()
    services = closing.enter_context(open_services(settings))
    app = create_app_for(services)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        with closing:
            require_complete(services.database)
            yield

    app.router.lifespan_context = lifespan
    return app
