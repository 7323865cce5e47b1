"""The consent page: who asks for what, and the customer's yes or no, to all of it or to less."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from energygrid.access.caller import Actor
from energygrid.access.consents.espi_scope import Terms, initial_terms, narrow
from energygrid.access.oauth.authorization_requests import Answered, OpenRequest, approve, deny, open_request
from energygrid.access.sessions.sessions import Session
from energygrid.access.third_parties.third_parties import ThirdParty
from energygrid.access.vault import Vault
from energygrid.database.engine import Connection
from energygrid.errors import Conflict, DomainError, Invalid, NotFound
from energygrid.greenbutton import notices
from energygrid.greenbutton.entitlement import own_entitlement
from energygrid.surfaces.common.deps import Here, Now
from energygrid.surfaces.portal.auth import (
    Form,
    Posted,
    SignInNeeded,
    Visitor,
    actor_of,
    base_of,
    customer_id,
    sign_in_path,
)
from energygrid.surfaces.portal.meters import Named, named
from energygrid.surfaces.portal.pages import Problem, page, seen, zone_of
from energygrid.surfaces.portal.words import Part, parts_of

router = APIRouter()

_HOST = re.compile(r"[A-Za-z0-9.-]+(:\d{1,5})?")
_DATES = {"data_from": "From", "data_until": "Up to", "expires_at": "Access ends"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as its page shows it. Dates of the form are local days of the utility."""

    request: OpenRequest
    parts: list[Part]
    meters: dict[str, Named]
    terms: Terms
    zone: ZoneInfo

    @property
    def fixed(self) -> bool:
        """Whether the third party asks to be given all of the data or none."""
        return self.request.scope.as_asked_only

    def days(self) -> dict[str, str]:
        """What the date fields hold when nothing was changed; ends are the last day that is in."""
        terms = self.terms
        return {
            "data_from": _local_day(terms.data_from, self.zone),
            "data_until": _local_day(terms.data_until and terms.data_until - timedelta(seconds=1), self.zone),
            "expires_at": _local_day(terms.expires_at and terms.expires_at - timedelta(seconds=1), self.zone),
        }


@router.get("/consent/{request_id}")
def consent_page(request_id: str, request: Request, here: Here, now: Now, session: Visitor) -> Response:
    try:
        asked = here.database.read(open_request, here.vault, request_id, now)
    except (NotFound, Conflict) as error:
        return _over(request, error)
    if session is None or session.tenant.id != asked.tenant.id or _too_old(session, asked):
        back_to = f"{base_of(request)}/consent/{request_id}"
        return RedirectResponse(sign_in_path(request, asked.tenant.key, back_to), 303)
    if session.user.customer_id is None:
        return page(request, "consent_nobody.html", title="This account has no data to share", status=403)
    shown = here.database.read(_asked, here.vault, asked, session, now)
    return _form(request, request_id, shown, shown.days(), list(shown.meters), [part.key for part in shown.parts])


@router.post("/consent/{request_id}")
def answer(request_id: str, request: Request, form: Posted, session: Visitor, here: Here, now: Now) -> Response:
    try:
        asked = here.database.read(open_request, here.vault, request_id, now)
    except (NotFound, Conflict) as error:
        return _over(request, error)
    assert session is not None
    if session.tenant.id != asked.tenant.id or session.user.customer_id is None or _too_old(session, asked):
        raise SignInNeeded(f"{base_of(request)}/consent/{request_id}")
    issuer, who = here.tokens.authority.issuer, actor_of(request, session)
    if form.one("answer") != "approve":
        denied = here.database.write(deny, here.vault, request_id, issuer=issuer, who=who, now=now)
        return _onward(request, denied)
    shown = here.database.read(_asked, here.vault, asked, session, now)
    try:
        given = here.database.write(_approve, here.vault, request_id, shown, session, form, issuer, who, now)
    except Invalid as error:
        return _again(request, request_id, shown, form, error)
    return _onward(request, given)


def _too_old(session: Session, asked: OpenRequest) -> bool:
    """Whether the third party asked for a sign-in of its own and this one was before."""
    return asked.fresh_login and session.began_at < asked.created_at


def _asked(db: Connection, vault: Vault, asked: OpenRequest, session: Session, now: datetime) -> Asked:
    zone = ZoneInfo(zone_of(session))
    entitlement = own_entitlement(db, vault, asked.tenant, customer_id(session), now)
    meters = {key: each for key, each in named(db, vault, entitlement).items() if each.until is None}
    terms = initial_terms(asked.scope, asked.created_at, zone)
    return Asked(asked, parts_of(asked.scope), meters, terms, zone)


def _approve(
    db: Connection,
    vault: Vault,
    request_id: str,
    shown: Asked,
    session: Session,
    form: Form,
    issuer: str,
    who: Actor,
    now: datetime,
) -> Answered:
    chosen = [meter.meter_id for key, meter in shown.meters.items() if key in form.all("meter")]
    if not chosen:
        raise Invalid("NO_METERS", "Choose at least one meter.", field="meters")
    scope = shown.request.scope.text
    terms = shown.terms
    if not shown.fixed:
        kept = set(form.all("part"))
        if shown.parts and not kept & {part.key for part in shown.parts}:
            raise Invalid("EMPTY_SCOPE", "Choose at least one kind of data.", field="parts")
        scope = narrow(scope, [part.key for part in shown.parts if part.key not in kept])
        terms = _narrower(shown, form, now)
    given = approve(
        db,
        vault,
        request_id,
        issuer=issuer,
        customer_id=customer_id(session),
        meters=chosen,
        scope=scope,
        data_from=terms.data_from,
        data_until=terms.data_until,
        expires_at=terms.expires_at,
        who=who,
        now=now,
    )
    if given.consent is not None:
        notices.consent_changed(db, shown.request.tenant, given.consent, now)
    return given


def _narrower(shown: Asked, form: Form, now: datetime) -> Terms:
    """The dates of the form; what was not touched stays what was asked, to the second."""
    asked, before = shown.terms, shown.days()

    def instant(name: str, *, end: bool) -> datetime | None:
        text = form.one(name)
        if text == before[name]:
            return getattr(asked, name)  # type: ignore[no-any-return]
        if not text:
            raise Invalid("BAD_DATE", f"{_DATES[name]}: enter a date.", field=name)
        try:
            day = date.fromisoformat(text)
            at = datetime(day.year, day.month, day.day, tzinfo=shown.zone) + timedelta(days=1 if end else 0)
        except (ValueError, OverflowError):
            raise Invalid("BAD_DATE", f"{_DATES[name]}: {text[:20]} is not a date.", field=name) from None
        return at.astimezone(UTC)

    start, end, expires = (instant(name, end=name != "data_from") for name in _DATES)
    if asked.data_from and (start is None or start < asked.data_from):
        raise Invalid("WIDER", "From: this is earlier than what was asked for.", field="data_from")
    if asked.data_until and (end is None or end > asked.data_until):
        raise Invalid("WIDER", "Up to: this is later than what was asked for.", field="data_until")
    if asked.expires_at and (expires is None or expires > asked.expires_at):
        raise Invalid("WIDER", "Access ends: this is later than what was asked for.", field="expires_at")
    if expires and expires <= now:
        raise Invalid("BAD_SPAN", "Access ends: this day is over already.", field="expires_at")
    if start and end and end <= start:
        raise Invalid("BAD_SPAN", "Up to: this is before the first day.", field="data_until")
    return Terms(start, end, expires)


def _onward(request: Request, answered: Answered) -> Response:
    if answered.redirect is not None:
        return RedirectResponse(answered.redirect, 303)
    if answered.consent is None:
        return seen(request, "/sharing?done=declined")
    return seen(request, f"/sharing/{answered.consent.id}?done=approved")


def _again(request: Request, request_id: str, shown: Asked, form: Form, error: DomainError) -> Response:
    """The form as it was sent, with what is wrong about it."""
    field = str(error.facts.get("field", "meters" if error.code == "NO_METERS" else "data_from"))
    days = {name: form.one(name) for name in _DATES}
    return _form(
        request, request_id, shown, days, form.all("meter"), form.all("part"), [Problem(field, error.message)], 400
    )


def _form(
    request: Request,
    request_id: str,
    shown: Asked,
    days: dict[str, str],
    meters: list[str],
    parts: list[str],
    problems: list[Problem] | None = None,
    status: int = 200,
) -> Response:
    party = shown.request.third_party
    return page(
        request,
        "consent.html",
        title=f"{party.name} asks for your data",
        status=status,
        problems=problems or [],
        form_targets=_form_targets(party, shown.request.redirect_to),
        asked=shown,
        party=party,
        request_id=request_id,
        days=days,
        limits=shown.days(),
        chosen_meters=meters,
        chosen_parts=parts,
        wrong={problem.field for problem in problems or []},
    )


def _form_targets(party: ThirdParty, redirect_to: str | None) -> list[str]:
    """Where the browser is sent after the answer: browsers hold `form-action` against that address too."""
    targets = set()
    for uri in party.redirect_uris:
        parts = urlsplit(uri)
        if redirect_to == parts.netloc and _HOST.fullmatch(parts.netloc):
            targets.add(f"{parts.scheme}://{parts.netloc}")
        elif redirect_to == parts.scheme and not parts.netloc:
            targets.add(f"{parts.scheme}:")
    return sorted(targets)


def _over(request: Request, error: DomainError) -> Response:
    if isinstance(error, Conflict):
        return page(request, "consent_over.html", title="This request was answered already", status=409, answered=True)
    return page(request, "consent_over.html", title="This request is not known or too old", status=404, answered=False)


def _local_day(instant: datetime | None, zone: ZoneInfo) -> str:
    return "" if instant is None else instant.astimezone(zone).date().isoformat()
