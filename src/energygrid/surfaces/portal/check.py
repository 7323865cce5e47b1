"""Check a file: what the standard, certification and common clients say about a Green Button document."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from energygrid.errors import Unavailable
from energygrid.greenbutton import check
from energygrid.greenbutton.check.report import Report
from energygrid.greenbutton.check.rules import RULES
from energygrid.greenbutton.entitlement import own_entitlement
from energygrid.greenbutton.feed import subscription_feed, xml
from energygrid.greenbutton.usage.context import Context
from energygrid.services import Services
from energygrid.surfaces.common.deps import Here, Now
from energygrid.surfaces.portal.auth import Form, Person, Posted, customer_id
from energygrid.surfaces.portal.pages import Problem, page

router = APIRouter()

MOST_BYTES = 32 << 20
_PLACES = threading.BoundedSemaphore(2)
_WAIT_S = 20.0


@router.get("/check")
async def check_page(request: Request, _: Person) -> Response:
    return _page(request)


async def _uploaded(form: Posted) -> bytes | None:
    """The file, at most one byte longer than is checked; None when none was chosen."""
    file = form.file("file")
    return None if file is None else await file.read(MOST_BYTES + 1)


@router.post("/check")
def check_file(
    request: Request,
    form: Posted,
    document: Annotated[bytes | None, Depends(_uploaded)],
    session: Person,
    here: Here,
    now: Now,
) -> Response:
    name = _name(form)
    if form.one("own") and session.user.customer_id is not None:
        document, name = _own_feed(here, session, now), "your own feed"
    if document is None:
        return _page(request, [Problem("file", "Choose a file.")])
    with _place():
        report = check.run(document, max_bytes=MOST_BYTES)
    return _page(request, report=report, name=name)


def _name(form: Form) -> str:
    file = form.file("file")
    return (file.filename or "")[:100] if file is not None else ""


def _own_feed(here: Services, session: Person, now: datetime) -> bytes:
    """All that a customer's own Download My Data holds, as far as it is checked."""
    entitlement = here.database.read(own_entitlement, here.vault, session.tenant, customer_id(session), now)
    context = Context(here.vault, here.settings.resource_url, entitlement, now)
    pieces, size = [], 0
    for piece in xml(
        subscription_feed(here.database, context, href=f"{context.base}/Batch/Subscription/{entitlement.id}")
    ):
        pieces.append(piece)
        size += len(piece)
        if size > MOST_BYTES:
            break
    return b"".join(pieces)


@contextmanager
def _place() -> Iterator[None]:
    """Checking takes memory and time: two at a time in a process."""
    if not _PLACES.acquire(timeout=_WAIT_S):
        raise Unavailable("BUSY", "too many files are being checked; try again", retry_after=30)
    try:
        yield
    finally:
        _PLACES.release()


def _page(
    request: Request, problems: list[Problem] | None = None, *, report: Report | None = None, name: str = ""
) -> Response:
    return page(
        request,
        "check.html",
        title="Check a Green Button file",
        status=400 if problems else 200,
        problems=problems or [],
        report=report,
        name=name,
        most=MOST_BYTES >> 20,
        rules=RULES,
    )
