"""Where each surface stands under the root: behind path prefixes, or on a host name of its own."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.routing import BaseRoute, Host, Match, Router
from starlette.types import ASGIApp, Receive, Scope, Send


@dataclass(frozen=True, slots=True)
class Mounted:
    """One surface: its ASGI application, the prefixes it owns and the host name that it alone serves, if any.

    `stripped`: the application's routes are written without the prefix (it then has exactly one).
    `openapi`: path of its OpenAPI document, None where it has none.
    """

    name: str
    title: str
    app: ASGIApp
    prefixes: Sequence[str]
    host: str | None
    openapi: str | None
    stripped: bool = True

    def routes(self) -> list[BaseRoute]:
        under = [_Prefix(self, prefix) for prefix in self.prefixes]
        return list(under) if self.host is None else [Host(self.host, app=Router(routes=under))]


class _Prefix(BaseRoute):
    """Hands every request below a prefix to a surface, whose own router then answers 404 and 405."""

    def __init__(self, surface: Mounted, prefix: str) -> None:
        self._surface = surface
        self._prefix = prefix

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        path: str = scope["path"]
        if scope["type"] != "http" or not (path == self._prefix or path.startswith(self._prefix + "/")):
            return Match.NONE, {}
        child: Scope = {"energygrid.surface": self._surface.name, "app_root_path": scope.get("root_path", "")}
        if self._surface.stripped:
            child["root_path"] = scope.get("root_path", "") + self._prefix
        return Match.FULL, child

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._surface.app(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: object) -> None:  # type: ignore[override]
        from starlette.routing import NoMatchFound  # noqa: PLC0415

        raise NoMatchFound(name, dict(path_params))
