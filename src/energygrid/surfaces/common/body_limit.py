"""Bounded request bodies."""

from collections.abc import Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from energygrid.errors import Invalid


class BodyLimit:
    """Stops reading a body at `limit` bytes, or at `upload_limit` on paths that end in one of `uploads`.

    Raised as Invalid("TOO_LARGE") where the body is read, inside the surface, so that its own renderer answers.
    """

    def __init__(self, app: ASGIApp, *, limit: int, upload_limit: int, uploads: Sequence[str] = ()) -> None:
        self.app = app
        self._limit = limit
        self._upload_limit = upload_limit
        self._uploads = tuple(uploads)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self._upload_limit if self._uploads and scope["path"].endswith(self._uploads) else self._limit
        taken = 0
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")

        async def bounded() -> Message:
            nonlocal taken
            message = await receive()
            if message["type"] == "http.request":
                taken += len(message.get("body", b""))
                if taken > limit or (announced.isdigit() and int(announced) > limit):
                    raise Invalid("TOO_LARGE", f"the body is larger than {limit} bytes", limit=limit)
            return message

        await self.app(scope, bounded, send)
