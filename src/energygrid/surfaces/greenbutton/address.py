"""The address of a request as links write it: under the configured public address, never that of the Host header."""

from urllib.parse import quote

from starlette.requests import Request

from energygrid.surfaces.common.deps import services_of

RESOURCE = "/espi/1_1/resource"


def inner_path(request: Request) -> str:
    """The path within this surface."""
    path: str = request.scope["path"]
    return path.removeprefix(request.scope.get("root_path", ""))


def resource_path(request: Request) -> str:
    """The path below the base of all resources: /Subscription/1/UsagePoint."""
    return inner_path(request).removeprefix(RESOURCE)


def own_url(request: Request) -> str:
    """Without the query."""
    base = services_of(request).settings.resource_url.removesuffix(RESOURCE)
    return base + quote(inner_path(request), safe="/:@!$&'()*+,;=-._~")


def asked_url(request: Request) -> str:
    """With the query as it was sent."""
    query = request.scope["query_string"].decode("latin-1")
    return f"{own_url(request)}?{query}" if query else own_url(request)
