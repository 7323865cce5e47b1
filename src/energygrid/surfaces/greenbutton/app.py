"""The Green Button application, below /DataCustodian, and its OpenAPI document."""

import re
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from energygrid.access.settings import AccessSettings
from energygrid.access.trusted_hops import TrustedHops
from energygrid.services import Services
from energygrid.surfaces.common import routes
from energygrid.surfaces.common.body_limit import BodyLimit
from energygrid.surfaces.common.oauth import app as oauth
from energygrid.surfaces.common.rate_limit import RateLimits
from energygrid.surfaces.greenbutton import batches, blocks, errors, files, registrations, resources, status
from energygrid.surfaces.greenbutton.heads import Heads
from energygrid.surfaces.greenbutton.under_way import UnderWay

ROUTERS = (
    resources.router,
    blocks.router,
    batches.router,
    batches.bulk_router,
    registrations.router,
    status.router,
    files.router,
)


def create_app(services: Services, rules: AccessSettings | None = None) -> FastAPI:
    settings = services.settings
    app = FastAPI(
        title="EnergyGrid Green Button",
        version="1.0.0",
        description="NAESB ESPI data custodian: usage and account data that customers share with third parties.",
        license_info={"name": "Apache-2.0"},
        servers=[{"url": "/DataCustodian"}],
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.services = services
    app.state.trusted_hops = TrustedHops.of(settings.trusted_proxies)
    app.state.access_rules = rules or AccessSettings()
    app.state.limits = RateLimits()
    app.state.under_way = UnderWay()
    routes.serve(app, ROUTERS)
    app.mount("/{utility}/oauth", oauth.create_app(services, rules))
    app.openapi = _document(app)  # type: ignore[method-assign]  # FastAPI's documented way to extend it
    errors.install(app, _allowed(app))
    app.add_middleware(BodyLimit, limit=settings.body_limit, upload_limit=settings.body_limit)
    app.add_middleware(Heads)
    return app


def _document(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """The document with our one error format, which also comes as a problem document."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(generate())
        return app.openapi_schema

    return openapi


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    schemas: dict[str, Any] = document.setdefault("components", {}).setdefault("schemas", {})
    _, own = models_json_schema([(errors.ErrorOut, "serialization")], ref_template="#/components/schemas/{model}")
    schemas |= own["$defs"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
            for code, response in operation["responses"].items():
                if code >= "400" and "content" in response:
                    response["content"][errors.PROBLEM] = response["content"]["application/json"]
    return document


_PARAMETER = re.compile(r"\{\w+\}")


def _allowed(app: FastAPI) -> Callable[[str], list[str]]:
    """Methods of a path, by the OpenAPI document; where there is a GET there is a HEAD."""

    def allowed(path: str) -> list[str]:
        methods: set[str] = set()
        for template, operations in app.openapi()["paths"].items():
            if re.fullmatch(_PARAMETER.sub("[^/]+", template), path):
                methods.update(method.upper() for method in operations)
        return sorted(methods | ({"HEAD"} if "GET" in methods else set()))

    return allowed
