"""Headers of every answer of the portal."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FORM_TARGETS = "energygrid.form_targets"
"""Key in a request's scope: sources to add to `form-action`, where a form's answer redirects."""

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
_HEADERS = {
    "x-content-type-options": "nosniff",
    # "no-referrer" would make browsers send `Origin: null` with our own forms.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class PageHeaders:
    """Adds them to what the portal answers. Nothing is kept by a cache unless the answer itself says so."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self.app = app
        self._headers = dict(_HEADERS)
        if https:
            self._headers["strict-transport-security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                targets = scope.get(FORM_TARGETS, ())
                headers["content-security-policy"] = " ".join((_CSP, *targets))
                headers.setdefault("cache-control", "no-store")
                for name, value in self._headers.items():
                    headers[name] = value
            await send(message)

        await self.app(scope, receive, with_headers)
