"""HEAD on everything that has a GET."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from energygrid.surfaces.greenbutton.answers import HEAD


class Heads:
    """Hands a HEAD on as a GET, and drops the body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def bodiless(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self.app({**scope, "method": "GET", HEAD: True}, receive, bodiless)
