"""What the root itself answers: what runs here, whether it is well, its figures, and the API documents."""

import ipaddress
from collections.abc import Sequence
from html import escape
from importlib.util import find_spec
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest, multiprocess
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, Response

import energygrid
from energygrid.database.migrate import pending
from energygrid.errors import Unavailable
from energygrid.services import Services
from energygrid.surfaces.root.mounts import Mounted

_STATIC = Path(__file__).parent / "static"
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# Swagger UI sets style attributes of its own; nothing else may.
_DOCS_CSP = _CSP.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
_HEADERS = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


async def livez(_: Request) -> Response:
    """The process answers."""
    return PlainTextResponse("ok\n")


async def readyz(request: Request) -> Response:
    """The process can do its work: the database answers and has the schema of this version."""
    try:
        missing = await run_in_threadpool(_services(request).database.read, pending)
    except Unavailable as error:
        return JSONResponse({"status": "unavailable", "reason": error.message}, 503)
    if missing:
        return JSONResponse({"status": "unavailable", "reason": f"migrations missing: {', '.join(missing)}"}, 503)
    return JSONResponse({"status": "ok"})


async def metrics(request: Request) -> Response:
    """Prometheus figures, for callers on this machine or on the networks of `admin_networks`."""
    if not _is_admin(request):
        return PlainTextResponse("Not Found\n", 404)
    registry: CollectorRegistry | None = None
    if request.app.state.many_processes:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    body = generate_latest(registry) if registry is not None else generate_latest()
    return Response(body, headers={"content-type": CONTENT_TYPE_LATEST})


def _is_admin(request: Request) -> bool:
    try:
        address = ipaddress.ip_address(request.client.host if request.client else "")
    except ValueError:
        return True  # a local socket
    return address.is_loopback or any(
        address in ipaddress.ip_network(network, strict=False) for network in _services(request).settings.admin_networks
    )


async def landing(request: Request) -> Response:
    """What is running here, and where its documents are."""
    surfaces: Sequence[Mounted] = request.app.state.surfaces
    rows = "".join(
        f"<tr><th scope=row>{escape(each.title)}</th>"
        f"<td><code>{escape(', '.join(each.prefixes))}</code>{_on_host(each)}</td>"
        f"<td>{_documents(each)}</td></tr>"
        for each in surfaces
    )
    environment = escape(_services(request).settings.environment)
    return HTMLResponse(
        "<!doctype html><html lang=en><head><meta charset=utf-8><title>EnergyGrid</title>"
        '<meta name=viewport content="width=device-width, initial-scale=1">'
        '<link rel=stylesheet href="/assets/energygrid.css"></head><body><main>'
        f"<h1>EnergyGrid</h1><p>Version {escape(energygrid.__version__)}, {environment} installation.</p>"
        "<table><caption>Surfaces of this installation</caption><thead><tr><th scope=col>Surface</th>"
        f"<th scope=col>Below</th><th scope=col>Documents</th></tr></thead><tbody>{rows}</tbody></table>"
        '<p>Health: <a href="/livez">/livez</a>, <a href="/readyz">/readyz</a>.'
        ' Figures: <a href="/metrics">/metrics</a>.</p></main></body></html>',
        headers={"content-security-policy": _CSP, **_HEADERS},
    )


def _on_host(surface: Mounted) -> str:
    return "" if surface.host is None else f" on <code>{escape(surface.host)}</code>"


def _documents(surface: Mounted) -> str:
    if surface.openapi is None:
        return f'<a href="{escape(surface.prefixes[0])}/">open</a>'
    name = escape(surface.name)
    return f'<a href="/docs/{name}">try it</a>, <a href="{escape(surface.openapi)}">OpenAPI</a>'


async def documents(request: Request) -> Response:
    """Swagger UI of one surface, with every file served from here."""
    name = request.path_params["surface"]
    surface = next((each for each in request.app.state.surfaces if each.name == name and each.openapi), None)
    if surface is None:
        return PlainTextResponse("Not Found\n", 404)
    return HTMLResponse(
        f"<!doctype html><html lang=en><head><meta charset=utf-8><title>{escape(surface.title)} - EnergyGrid</title>"
        '<link rel=stylesheet href="/assets/swagger-ui.css"></head><body>'
        f'<div id=swagger-ui data-openapi="{escape(surface.openapi)}"></div>'
        '<script src="/assets/swagger-ui-bundle.js"></script><script src="/assets/documents.js"></script>'
        "</body></html>",
        headers={"content-security-policy": _DOCS_CSP, **_HEADERS},
    )


def _assets() -> dict[str, Path]:
    """Files served below /assets: ours, and Swagger UI out of the wheel that carries it."""
    wheel = find_spec("fastapi_offline")
    assert wheel is not None
    assert wheel.origin is not None
    swagger = Path(wheel.origin).parent / "static"
    files = {file.name: file for file in _STATIC.iterdir()}
    return files | {name: swagger / name for name in ("swagger-ui-bundle.js", "swagger-ui.css")}


_ASSETS = _assets()


async def asset(request: Request) -> Response:
    file = _ASSETS.get(request.path_params["name"])
    if file is None:
        return PlainTextResponse("Not Found\n", 404)
    return FileResponse(file, headers={"cache-control": "public, max-age=3600", **_HEADERS})
