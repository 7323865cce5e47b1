"""Interval blocks: a list that is written while it is sent (contracts/greenbutton.md 3.1)."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from energygrid.greenbutton.bearers import unknown
from energygrid.greenbutton.feed import interval_blocks
from energygrid.greenbutton.resources import READING, meter_of
from energygrid.greenbutton.usage import views
from energygrid.surfaces.greenbutton.address import RESOURCE, asked_url
from energygrid.surfaces.greenbutton.answers import answer
from energygrid.surfaces.greenbutton.auth import WithAccessToken
from energygrid.surfaces.greenbutton.call import Call
from energygrid.surfaces.greenbutton.documents import ENTRY_FORMS, READING_FORMS, entry_draft, feed_draft
from energygrid.surfaces.greenbutton.errors import answers_of
from energygrid.surfaces.greenbutton.negotiation import media_type
from energygrid.surfaces.greenbutton.openapi import parameters
from energygrid.surfaces.greenbutton.paging import cut
from energygrid.surfaces.greenbutton.under_way import ONE_OF_AN_AUTHORIZATION

router = APIRouter(prefix=RESOURCE, tags=["Usage"])
_BLOCK = f"{READING}/{{reading_uid}}/IntervalBlock"
_ERRORS = (400, 401, 403, 404, 406, 429)
Uid = Annotated[str, Path(examples=["1234567890123456"])]


@router.get(
    _BLOCK,
    responses=answers_of("readings", *_ERRORS),
    openapi_extra=parameters("", windows=True, pages=True),
    response_class=Response,
    dependencies=[ONE_OF_AN_AUTHORIZATION],
)
def list_interval_blocks(
    request: Request, presented: WithAccessToken, auth_uid: Uid, meter_uid: Uid, reading_uid: Uid
) -> Response:
    """The list of IntervalBlock entries, each a local day, empty when there are none."""
    call = Call.of(request, presented)
    chosen = media_type(call.accepts, READING_FORMS)
    context, meter = call.shared(auth_uid, lambda _, context: meter_of(context, meter_uid))
    href, database = asked_url(request), call.here.database
    feed = interval_blocks(database, context, meter, reading_uid, call.asked.window, href=href)
    return answer(request, feed_draft(call, chosen, cut(feed, call.asked)))


@router.get(f"{_BLOCK}/{{block_uid}}", responses=answers_of("atom", *_ERRORS), response_class=Response)
def read_interval_block(
    request: Request, presented: WithAccessToken, auth_uid: Uid, meter_uid: Uid, reading_uid: Uid, block_uid: Uid
) -> Response:
    """One IntervalBlock."""
    call = Call.of(request, presented)
    chosen = media_type(call.accepts, ENTRY_FORMS)

    _, entry = call.shared(
        auth_uid,
        lambda db, context: views.interval_block(db, context, meter_of(context, meter_uid), reading_uid, block_uid),
    )
    if entry is None:
        raise unknown()
    return answer(request, entry_draft(call, chosen, entry))
