"""Signing in and out."""

import base64
import secrets
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import SecretStr
from starlette.responses import RedirectResponse, Response

from energygrid.access import tenants, throttle
from energygrid.access.caller import Tenant
from energygrid.access.oauth.client_auth import failure_rule, network_of
from energygrid.access.sessions import sessions
from energygrid.access.sign_in import SignIn
from energygrid.access.trusted_hops import TrustedHops
from energygrid.access.users import User
from energygrid.access.vault import Vault
from energygrid.database.engine import Connection
from energygrid.errors import Throttled, Unauthenticated
from energygrid.surfaces.common.deps import Db, Here, Now, RequestId, services_of
from energygrid.surfaces.portal.auth import (
    Form,
    Posted,
    Visitor,
    any_form,
    base_of,
    cookie_name,
    drop_cookie,
    require_token,
    rules_of,
    safe_next,
    set_cookie,
    sign_in_path,
)
from energygrid.surfaces.portal.pages import Problem, page, seen

router = APIRouter()

REFUSED = "The user name or the password is wrong, or there were too many attempts. After 15 minutes you can try again."
"""One sentence for every reason: nobody learns which names exist, or that one is locked."""


@router.get("/sign-in")
def choose_utility(request: Request, db: Db, session: Visitor, next: str = "") -> Response:  # noqa: A002 - as on the wire
    """With one utility its form, with several a choice."""
    back_to = safe_next(request, next)
    if session is not None:
        return RedirectResponse(back_to, 303)
    known = db.read(tenants.list_tenants)
    if len(known) == 1:
        return _form(request, str(known[0]["key"]), str(known[0]["name"]), back_to)
    choices = [(sign_in_path(request, str(each["key"]), back_to), str(each["name"])) for each in known]
    return page(request, "utilities.html", title="Choose your utility", choices=choices)


@router.get("/{utility}/sign-in")
def sign_in_form(utility: str, request: Request, db: Db, next: str = "") -> Response:  # noqa: A002 - as on the wire
    """The form. Whoever is signed in already may sign in anew, as somebody else."""
    tenant = db.read(tenants.find_tenant, utility)
    return _form(request, tenant.key, _name(db, tenant), safe_next(request, next))


@router.post("/{utility}/sign-in")
def sign_in(
    utility: str,
    request: Request,
    form: Annotated[Form, Depends(any_form)],
    session: Visitor,
    here: Here,
    now: Now,
    request_id: RequestId,
) -> Response:
    """Check the password; a new session takes the place of whatever the browser brought."""
    require_token(form, _token(here.vault, request.cookies.get(_form_cookie(request), "-")))
    db = here.database
    tenant = db.read(tenants.find_tenant, utility)
    back_to = safe_next(request, form.one("next"))
    username = form.one("username")
    try:
        user = _checked(request, tenant, username, SecretStr(form.one("password")), now, request_id)
    except (Unauthenticated, Throttled):
        return _form(request, tenant.key, _name(db, tenant), back_to, username=username, refused=True)
    cookie = db.write(_renew, here.vault, request, session, user, request_id, now)
    answer = RedirectResponse(back_to, 303)
    set_cookie(request, answer, cookie_name(request), cookie)
    drop_cookie(request, answer, _form_cookie(request))
    return answer


@router.post("/sign-out")
def sign_out(request: Request, _: Posted, session: Visitor, db: Db, now: Now, request_id: RequestId) -> Response:
    assert session is not None
    db.write(sessions.end, session, request_id=request_id, now=now)
    answer = seen(request, f"/{session.tenant.key}/sign-in?done=signed-out")
    drop_cookie(request, answer, cookie_name(request))
    return answer


def _checked(
    request: Request, tenant: Tenant, username: str, password: SecretStr, now: datetime, request_id: str
) -> User:
    """Failures count for the name (in SignIn) and for the network address, over all names."""
    db, rules = services_of(request).database, rules_of(request)
    hops: TrustedHops = request.app.state.trusted_hops
    address = hops.caller_address(request.client.host if request.client else None, request.headers)
    key = f"sign-in from {network_of(address)}"
    db.read(throttle.require_unlocked, key, now)
    gate: SignIn = request.app.state.sign_in
    try:
        return gate.check(tenant, username, password, now=now, request_id=request_id)
    except Unauthenticated:
        db.write(throttle.fail, key, failure_rule(rules, rules.address_failures), now)
        raise


def _renew(
    db: Connection,
    vault: Vault,
    request: Request,
    before: sessions.Session | None,
    user: User,
    request_id: str,
    now: datetime,
) -> str:
    if before is not None:
        sessions.end(db, before, request_id=request_id, now=now)
    return sessions.begin(db, vault, user, rules_of(request), now=now)


def _form(
    request: Request, utility: str, name: str, back_to: str, *, username: str = "", refused: bool = False
) -> Response:
    """The form with a token bound to a cookie of its own, for there is no session yet."""
    nonce = request.cookies.get(_form_cookie(request), "")
    fresh = len(nonce) < 32
    nonce = secrets.token_urlsafe(32) if fresh else nonce
    answer = page(
        request,
        "sign_in.html",
        title="Sign in",
        status=401 if refused else 200,
        problems=[Problem("username", REFUSED)] if refused else [],
        action=f"{base_of(request)}/{utility}/sign-in",
        utility_name=name,
        token=_token(services_of(request).vault, nonce),
        back_to=back_to,
        username=username,
    )
    if fresh:
        set_cookie(request, answer, _form_cookie(request), nonce)
    return answer


def _form_cookie(request: Request) -> str:
    return cookie_name(request) + "-form"


def _token(vault: Vault, nonce: str) -> str:
    return base64.urlsafe_b64encode(vault.fingerprint("sign-in form", nonce.encode())).rstrip(b"=").decode()


def _name(db: Db, tenant: Tenant) -> str:
    return next((str(each["name"]) for each in db.read(tenants.list_tenants) if each["key"] == tenant.key), tenant.key)
