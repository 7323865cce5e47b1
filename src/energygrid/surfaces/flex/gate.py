"""What every request passes before any endpoint: its key, its tenant, its version and its limits.

In front of the routes, so that nobody without a key learns which paths there are. Source: contracts/flexibility.md 1.1.
"""

import math
import time
from contextvars import ContextVar
from datetime import UTC, datetime
from uuid import UUID

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from energygrid.access.api_keys import keys
from energygrid.access.api_keys.keys import ApiKey
from energygrid.errors import Denied, DomainError, Invalid, Unauthenticated
from energygrid.flexibility.settings import FlexibilitySettings
from energygrid.services import Services
from energygrid.surfaces.flex import errors
from energygrid.surfaces.flex.limits import Limit, Limiter, Pass

VERSIONS = ("1.0",)
OPEN_PATHS = frozenset({"/openapi.json"})
_KNOWN_S = 5.0
"""How long a key that was looked up counts without another look: how late its end is noticed."""
_MOST_KNOWN = 10_000
_FIXED = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]

ignored_fields: ContextVar[list[str] | None] = ContextVar("ignored_fields", default=None)
"""Members of this request's body that nobody reads; the answer names them in `X-Ignored-Fields`."""


class Gate:
    def __init__(self, app: ASGIApp, *, services: Services) -> None:
        self.app = app
        self._services = services
        self._limiter = Limiter()
        self._known: dict[str, tuple[ApiKey, float]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _path(scope) in OPEN_PATHS:
            await self.app(scope, receive, send)
            return
        added = list(_FIXED)
        ignored: list[str] = []
        token = ignored_fields.set(ignored)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                if ignored:
                    added.append((b"x-ignored-fields", _named(ignored)))
                message["headers"] = [*message.get("headers", ()), *added]
            await send(message)

        admitted: Pass | None = None
        try:
            key = await self._key_of(Headers(scope=scope))
            limit, kind = _limit(key, scope)
            admitted = self._limiter.admit(f"{key.tenant.id}/{key.id}", kind, limit)
            added += _limits(limit, admitted)
            scope.setdefault("state", {})["key"] = key
            await self.app(scope, receive, answer)
        except DomainError as error:
            if admitted is not None:  # the application renders its own
                raise
            await errors.render(scope, error)(scope, receive, answer)
        finally:
            ignored_fields.reset(token)
            if admitted is not None:
                admitted.give_back()

    async def _key_of(self, headers: Headers) -> ApiKey:
        shown = headers.get("x-api-key", "")
        if not shown:
            raise Unauthenticated("NO_API_KEY", "send your key in the header x-api-key, your tenant's UUID in tenant")
        until = self._known.get(shown)
        key = until[0] if until is not None and until[1] > time.monotonic() else await self._look_up(shown)
        if key.expires_at is not None and key.expires_at <= datetime.now(UTC):
            raise _unknown()
        if "flex" not in key.surfaces:
            raise Denied("WRONG_API", "this key opens other APIs than the flexibility API")
        if _uuid(headers.get("tenant", "")) != key.tenant_uuid:
            raise Denied("WRONG_TENANT", "the header tenant is not the UUID of the tenant that the key is of")
        version = headers.get("x-api-version", VERSIONS[-1])
        if version not in VERSIONS:
            raise Invalid("UNKNOWN_VERSION", f"x-api-version {version[:20]} is none of {', '.join(VERSIONS)}")
        return key

    async def _look_up(self, shown: str) -> ApiKey:
        database, vault = self._services.database, self._services.vault
        found = await run_in_threadpool(database.read, keys.find_key, vault, shown, datetime.now(UTC))
        if found is None:
            self._known.pop(shown, None)
            raise _unknown()
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[shown] = (found, time.monotonic() + _KNOWN_S)
        return found


def _unknown() -> Unauthenticated:
    return Unauthenticated("UNKNOWN_API_KEY", "there is no such API key, or it has been disabled")


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _path(scope: Scope) -> str:
    return str(scope["path"]).removeprefix(scope.get("root_path", ""))


def _limit(key: ApiKey, scope: Scope) -> tuple[Limit, str]:
    settings = key.tenant.section("flexibility", FlexibilitySettings)
    if scope["method"] == "POST" and _path(scope).endswith("/energy-consumption"):
        return Limit(settings.consumption_per_second, settings.concurrent_consumption), "consumption"
    return Limit(settings.requests_per_second, settings.concurrent_requests), "general"


def _limits(limit: Limit, admitted: Pass) -> list[tuple[bytes, bytes]]:
    return [
        (b"x-ratelimit-limit", b"%d" % math.floor(max(1, limit.per_second))),
        (b"x-ratelimit-remaining", b"%d" % admitted.remaining),
        (b"x-ratelimit-reset", b"%d" % admitted.reset_s),
    ]


def _named(fields: list[str]) -> bytes:
    """At most thirty names, none that a header cannot carry."""
    shown = [name for name in dict.fromkeys(fields) if name.isascii() and name.isprintable() and len(name) <= 64][:30]
    return ", ".join(shown).encode()
