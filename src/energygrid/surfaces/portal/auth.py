"""Who looks at a page, and whether a form comes from one of our own pages."""

import hmac
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.responses import Response

from energygrid.access.caller import Actor
from energygrid.access.sessions import sessions
from energygrid.access.sessions.sessions import Session
from energygrid.access.settings import AccessSettings
from energygrid.errors import Denied, Invalid
from energygrid.surfaces.common.deps import services_of

_NEXT = re.compile(r"(/[A-Za-z0-9._~=&?%+:,-]+)+/?")
_MOST_NEXT = 2_000


class SignInNeeded(Exception):
    """Not an error: the way to the sign-in page."""

    def __init__(self, back_to: str) -> None:
        super().__init__(back_to)
        self.back_to = back_to


def base_of(request: Request) -> str:
    """The portal's own prefix, as links write it."""
    return str(request.scope.get("root_path", "")).rstrip("/")


def safe_next(request: Request, wanted: str | None) -> str:
    """Where to go after signing in: a path of this portal, whatever was asked for; the home page otherwise."""
    base = base_of(request)
    home = f"{base}/"
    if not wanted or len(wanted) > _MOST_NEXT or not wanted.startswith(home) or ".." in wanted:
        return home
    return wanted if _NEXT.fullmatch(wanted) else home


def cookie_name(request: Request) -> str:
    return "__Host-energygrid" if _https(request) else "energygrid"


def set_cookie(request: Request, response: Response, name: str, value: str) -> None:
    """A cookie for as long as the browser runs, of this portal alone where the scheme allows that to be enforced."""
    https = _https(request)
    path = "/" if https else base_of(request) or "/"
    response.set_cookie(name, value, path=path, httponly=True, samesite="lax", secure=https)


def drop_cookie(request: Request, response: Response, name: str) -> None:
    https = _https(request)
    path = "/" if https else base_of(request) or "/"
    response.delete_cookie(name, path=path, httponly=True, samesite="lax", secure=https)


def _https(request: Request) -> bool:
    return services_of(request).settings.portal_base.startswith("https:")


def rules_of(request: Request) -> AccessSettings:
    rules: AccessSettings = request.app.state.rules
    return rules


async def visitor(request: Request) -> Session | None:
    """The session of the request, if any; also kept in its state for the page's frame."""
    cookie = request.cookies.get(cookie_name(request))
    found = await run_in_threadpool(_recognised, request, cookie) if cookie else None
    request.state.session = found
    return found


def _recognised(request: Request, cookie: str) -> Session | None:
    services, rules, now = services_of(request), rules_of(request), datetime.now(UTC)
    found = services.database.read(sessions.recognise, services.vault, cookie, rules, now)
    if found is not None and sessions.is_due(found, now):
        services.database.write(sessions.touch, found, now)
    return found


Visitor = Annotated[Session | None, Depends(visitor)]


async def person(request: Request, session: Visitor) -> Session:
    """Somebody who signed in; others are sent to do so, and back."""
    if session is None:
        wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        raise SignInNeeded(safe_next(request, wanted) if request.method in {"GET", "HEAD"} else f"{base_of(request)}/")
    return session


Person = Annotated[Session, Depends(person)]


def _with_role(role: str) -> Callable[[Session], Awaitable[Session]]:
    async def allowed(session: Person) -> Session:
        if role not in session.user.roles:
            raise Denied("NOT_YOURS", "This page is not for your account.")
        return session

    return allowed


async def _customer(session: Annotated[Session, Depends(_with_role("customer"))]) -> Session:
    if session.user.customer_id is None:
        raise Denied("NO_CUSTOMER", "Your account is not linked to a customer of this utility yet.")
    return session


Customer = Annotated[Session, Depends(_customer)]
Developer = Annotated[Session, Depends(_with_role("developer"))]
Staff = Annotated[Session, Depends(_with_role("staff"))]


def customer_id(session: Session) -> str:
    found = session.user.customer_id
    assert found is not None
    return found


@dataclass(frozen=True, slots=True)
class Form:
    """What a form submitted."""

    fields: FormData

    def one(self, name: str, default: str = "") -> str:
        value = self.fields.get(name)
        return value.strip() if isinstance(value, str) else default

    def all(self, name: str) -> list[str]:
        return [value for value in self.fields.getlist(name) if isinstance(value, str)]

    def file(self, name: str) -> UploadFile | None:
        value = self.fields.get(name)
        return value if isinstance(value, UploadFile) and value.filename else None


async def any_form(request: Request) -> AsyncIterator[Form]:
    """A form of unknown origin."""
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise _forged()
    async with request.form(max_files=1, max_fields=1_000) as fields:
        yield Form(fields)


def require_token(form: Form, expected: str) -> None:
    """Raises Denied("FORM_EXPIRED") when a form was not made for this session."""
    given = form.one("form_token")
    if not hmac.compare_digest(given.encode(), expected.encode()):
        raise _forged()


def _forged() -> Denied:
    return Denied("FORM_EXPIRED", "This form is no longer valid. Go back, reload the page and send it again.")


async def posted(session: Person, form: Annotated[Form, Depends(any_form)]) -> Form:
    """A form of one of our own pages, made for this session; a stranger's is not even read."""
    require_token(form, session.form_token)
    return form


Posted = Annotated[Form, Depends(posted)]


def actor_of(request: Request, session: Session) -> Actor:
    return session.actor(str(request.scope.get("energygrid.request_id", "-")))


def sign_in_path(request: Request, tenant_key: str | None, back_to: str) -> str:
    """The sign-in page of a utility (None: whichever there is) that leads back afterwards."""
    base = base_of(request)
    where = f"{base}/sign-in" if tenant_key is None else f"{base}/{quote(tenant_key)}/sign-in"
    return where if back_to == f"{base}/" else f"{where}?next={quote(back_to, safe='/')}"


def whole_number(text: str, name: str) -> int:
    """Raises Invalid("BAD_FIELD")."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Invalid("BAD_FIELD", f"{name} is not a whole number", field=name)
    return int(text)
