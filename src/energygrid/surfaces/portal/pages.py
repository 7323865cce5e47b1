"""Rendering: templates with escaping on, and the frame every page stands in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse

from energygrid.access.sessions.sessions import Session
from energygrid.metering.settings import MeteringSettings
from energygrid.surfaces.portal.assets import address
from energygrid.surfaces.portal.auth import base_of
from energygrid.surfaces.portal.headers import FORM_TARGETS
from energygrid.surfaces.portal.words import STATUS, USES

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

DONE = {
    "approved": "Your data are shared from now on. Keep this page as a receipt, or come back to it here at any time.",
    "declined": "You declined. Nothing was shared.",
    "revoked": "Access has been withdrawn. The third party is told.",
    "saved": "Your changes have been saved.",
    "sent": "A test notice is on its way. Its delivery appears below within a few seconds.",
    "resent": "The notice is on its way again.",
    "signed-out": "You have signed out.",
    "status": "The status has been changed.",
}
"""What a page may say after a redirect: only these sentences, by their word in `?done=`."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a form: its sentence, and the id of the field to go to."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Link:
    href: str
    title: str
    current: bool


def page(
    request: Request,
    template: str,
    *,
    title: str,
    status: int = 200,
    problems: Sequence[Problem] = (),
    form_targets: Sequence[str] = (),
    **facts: Any,
) -> HTMLResponse:
    """A page in its frame. `form_targets`: where else than here the page's forms may lead."""
    request.scope[FORM_TARGETS] = tuple(form_targets)
    session: Session | None = getattr(request.state, "session", None)
    base = base_of(request)
    frame = {
        "base": base,
        "title": title,
        "session": session,
        "form_token": session.form_token if session else "",
        "navigation": _navigation(base, request.url.path, session) if session else [],
        "problems": problems,
        "done": DONE.get(request.query_params.get("done", ""), ""),
        "asset": lambda name: address(base, name),
        "zone": zone_of(session),
    }
    return HTMLResponse(_TEMPLATES.get_template(template).render(frame | facts), status)


def seen(request: Request, path: str) -> RedirectResponse:
    """To a page after a form was taken, so that a reload sends nothing twice."""
    return RedirectResponse(f"{base_of(request)}{path}", 303)


def zone_of(session: Session | None) -> str:
    """In which zone times are shown to people of a utility."""
    return session.tenant.section("metering", MeteringSettings).zone if session else "UTC"


def _navigation(base: str, path: str, session: Session) -> list[Link]:
    roles = session.user.roles
    pages: list[tuple[str, str]] = []
    if "customer" in roles:
        pages += [("/usage", "My usage"), ("/download", "Download"), ("/sharing", "Sharing")]
    if "developer" in roles:
        pages += [("/developer", "Applications")]
    if "staff" in roles:
        pages += [("/staff/third-parties", "Third parties")]
    pages += [("/check", "Check a file")]
    return [Link(base + href, title, path.startswith(base + href)) for href, title in pages]


def _day(value: date | datetime | None, zone: str = "UTC") -> str:
    if value is None:
        return ""
    local = value.astimezone(ZoneInfo(zone)) if isinstance(value, datetime) else value
    return f"{local.day} {local:%B %Y}"


def _moment(value: datetime | None, zone: str = "UTC") -> str:
    if value is None:
        return ""
    local = value.astimezone(ZoneInfo(zone))
    return f"{local.day} {local:%b %Y, %H:%M}"


_TEMPLATES.globals["uses"] = USES
_TEMPLATES.globals["party_status"] = STATUS
_TEMPLATES.filters["day"] = _day
_TEMPLATES.filters["moment"] = _moment
