"""What every PowerBox answer carries, whoever made it."""

import secrets

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_FIXED = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
"""Answers hold personal data: no cache may keep them."""


class PowerBoxHeaders:
    """Adds `PowerBox-Request-Id`: the id that the log and the audit know this request by."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = scope.get("energygrid.request_id")
        if request_id is None:
            request_id = scope["energygrid.request_id"] = "req_" + secrets.token_urlsafe(12)
        added = [(b"powerbox-request-id", request_id.encode()), *_FIXED]

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *added]
            await send(message)

        await self.app(scope, receive, answer)
