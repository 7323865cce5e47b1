"""One log line, one request id and one measurement for every request, on whatever surface it lands."""

import re
import secrets
import time

import structlog
from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_GIVEN_ID = re.compile(rb"[A-Za-z0-9_-]{1,64}")
_log = structlog.get_logger("energygrid.request")

REQUESTS = Counter("energygrid_requests_total", "Requests answered.", ["surface", "method", "status"])
SECONDS = Histogram(
    "energygrid_request_seconds",
    "Time from the first byte of a request to the last of its answer.",
    ["surface"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60),
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestLog:
    """Outermost: whatever happens inside is in the log with the id that the answer carries (`X-Request-Id`).

    The query is left out of the log: it may hold what is nobody's business.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        request_id = given.decode() if _GIVEN_ID.fullmatch(given) else "req_" + secrets.token_urlsafe(12)
        scope["energygrid.request_id"] = request_id
        status = 500
        began = time.perf_counter()

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self.app(scope, receive, answer)
        except Exception:
            _log.exception("request failed", request_id=request_id, method=scope["method"], path=scope["path"])
            raise
        finally:
            seconds = time.perf_counter() - began
            surface = scope.get("energygrid.surface", "root")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            REQUESTS.labels(surface, method, status).inc()
            SECONDS.labels(surface).observe(seconds)
            _log.info(
                "request",
                request_id=request_id,
                surface=surface,
                method=method,
                path=scope["path"],
                status=status,
                ms=round(seconds * 1000, 1),
            )
