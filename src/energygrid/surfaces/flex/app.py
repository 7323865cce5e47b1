"""The flexibility API and its OpenAPI document.

Each route answers under /api/v1 and under /api; a route whose answers differ between the two stands in the router of
its prefix alone.
"""

import re
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, FastAPI

from energygrid.services import Services
from energygrid.surfaces.common import routes
from energygrid.surfaces.common.body_limit import BodyLimit
from energygrid.surfaces.flex import (
    asset_baselines,
    assets,
    baselines,
    consents,
    consumption,
    errors,
    event_assets,
    events,
    nominations,
    openapi,
    portfolios,
    schemes,
    stats,
    users,
    webhooks,
)
from energygrid.surfaces.flex.gate import Gate

ROUTERS: tuple[APIRouter, ...] = (
    users.router,
    assets.router,
    consumption.router,
    portfolios.router,
    schemes.router,
    consents.router,
    events.router,
    nominations.router,
    baselines.router,
    asset_baselines.router,
    stats.router,
    event_assets.router,
    webhooks.router,
)
V1_ROUTERS: tuple[APIRouter, ...] = (event_assets.v1_router,)
"""Routes of /api/v1 that answer otherwise under /api."""
PLAIN_ROUTERS: tuple[APIRouter, ...] = (event_assets.plain_router,)
"""Routes of /api that answer otherwise under /api/v1."""
_SERVED = (
    routes.under("/api/v1", (*ROUTERS, *V1_ROUTERS)),
    routes.under("/api", PLAIN_ROUTERS),
    routes.under("/api", ROUTERS, in_schema=False),
)
UPLOADS = ("/energy-consumption", "/assets/bulk")
_UPLOAD_LIMIT = 64 << 20


def create_app(services: Services) -> FastAPI:
    """The flexibility API without its prefix: the root mounts it at /flex."""
    app = FastAPI(
        title="Flexibility API",
        version="1.0",
        description="Assets, consumption, schemes, events, baselines, settlement and webhooks of demand flexibility.",
        servers=[{"url": "/flex"}],
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.services = services
    routes.serve(app, _SERVED)
    app.openapi = _document(app)  # type: ignore[method-assign]  # FastAPI's documented way to extend it
    errors.install(app, _allowed(app))
    app.add_middleware(BodyLimit, limit=services.settings.body_limit, upload_limit=_UPLOAD_LIMIT, uploads=UPLOADS)
    app.add_middleware(Gate, services=services)
    return app


def _document(app: FastAPI) -> Callable[[], dict[str, Any]]:
    generate = app.openapi

    def document_of_app() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            openapi.complete(document)
            app.openapi_schema = document
        return app.openapi_schema

    return document_of_app


_PARAMETER = re.compile(r"\{\w+\}")


def _allowed(app: FastAPI) -> Callable[[str], list[str]]:
    """Methods of a path, by the OpenAPI document."""

    def allowed(path: str) -> list[str]:
        asked = {path, "/api/v1" + path.removeprefix("/api")}
        methods: set[str] = set()
        for template, operations in app.openapi()["paths"].items():
            pattern = _PARAMETER.sub("[^/]+", template)
            if any(re.fullmatch(pattern, each) for each in asked):
                methods.update(method.upper() for method in operations)
        return sorted(methods)

    return allowed
