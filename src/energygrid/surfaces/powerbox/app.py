"""The PowerBox application and its OpenAPI document."""

import re
from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from energygrid.access.addresses import AllowList
from energygrid.access.outgoing import OutgoingClient
from energygrid.access.trusted_hops import TrustedHops
from energygrid.customers.connector import CisConnector
from energygrid.customers.payload import CustomerPayload
from energygrid.services import Services
from energygrid.surfaces.common import routes
from energygrid.surfaces.common.body_limit import BodyLimit
from energygrid.surfaces.common.rate_limit import RateLimits
from energygrid.surfaces.powerbox import (
    billing_cycles,
    billing_ingest,
    binds,
    customers,
    errors,
    health,
    ingest,
    login,
    rates,
    webhooks,
)
from energygrid.surfaces.powerbox.headers import PowerBoxHeaders
from energygrid.surfaces.powerbox.wire import ProblemOut

ROUTERS = (
    health.router,
    customers.router,
    login.router,
    binds.router,
    ingest.router,
    billing_ingest.router,
    billing_cycles.router,
    rates.router,
    webhooks.router,
)
WITH_SLASHES = frozenset({"clientId", "bindRequestId", "meterId"})
"""Path parameters that are the utility's own ids, which may hold any printable sign."""
UPLOADS = ("/powerbox/customer/batch", "/powerbox/ingest/usage", "/powerbox/ingest/billing")


def create_app(services: Services) -> FastAPI:
    """PowerBox without its prefix: the root mounts it at /v1."""
    settings = services.settings
    app = FastAPI(
        title="PowerBox API",
        version="1.0.0",
        description="The integration surface between a utility's back office and EnergyGrid.",
        license_info={"name": "MIT"},
        servers=[{"url": "/v1"}],
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.services = services
    app.state.trusted_hops = TrustedHops.of(settings.trusted_proxies)
    app.state.limits = RateLimits()
    outgoing = OutgoingClient(AllowList.of(settings.outgoing_allow), allow_http=settings.outgoing_http)
    app.state.cis = CisConnector(outgoing, services.vault)
    routes.serve(app, ROUTERS)
    app.openapi = _document(app)  # type: ignore[method-assign]  # FastAPI's documented way to extend it
    errors.install(app, _allowed(app))
    app.add_middleware(BodyLimit, limit=settings.body_limit, upload_limit=settings.upload_limit, uploads=UPLOADS)
    app.add_middleware(PowerBoxHeaders)
    return app


def _document(app: FastAPI) -> Any:
    """The document with what FastAPI cannot know: bodies that endpoints read themselves, and our one error format."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(generate())
        return app.openapi_schema

    return openapi


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    schemas: dict[str, Any] = document["components"]["schemas"]
    _, own = models_json_schema(
        [(CustomerPayload, "validation"), (ProblemOut, "serialization")],
        ref_template="#/components/schemas/{model}",
    )
    schemas |= own["$defs"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    problem = {"schema": {"$ref": "#/components/schemas/ProblemOut"}}
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422" if _is_fastapis_own(operation) else "", None)
            for status, response in operation["responses"].items():
                if status >= "400" and "content" in response:
                    response["content"]["application/problem+json"] = problem
    return document


def _is_fastapis_own(operation: dict[str, Any]) -> bool:
    """Whether 422 is what FastAPI documents by itself: here a wrong parameter is a 400."""
    answer = operation["responses"].get("422", {})
    return "HTTPValidationError" in str(answer)


_PARAMETER = re.compile(r"\{(\w+)\}")


def _any_value(parameter: re.Match[str]) -> str:
    return ".+" if parameter[1] in WITH_SLASHES else "[^/]+"


def _allowed(app: FastAPI) -> Any:
    """Methods of a path, by the OpenAPI document."""

    def allowed(path: str) -> list[str]:
        methods: set[str] = set()
        for template, operations in app.openapi()["paths"].items():
            if re.fullmatch(_PARAMETER.sub(_any_value, template), path):
                methods.update(method.upper() for method in operations)
        return sorted(methods)

    return allowed
