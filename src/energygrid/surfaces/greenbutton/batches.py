"""Everything of one permission in one feed (contracts/greenbutton.md 3.1).

A feed is answered at once, as it is written, unless the caller asks for it later (`Prefer: respond-async`) or it is
larger than the utility set: then 202, and the same address answers 200 when it is built.
"""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from energygrid.greenbutton.atom import CUSTOMER
from energygrid.greenbutton.customer import views
from energygrid.greenbutton.feed import subscription_feed
from energygrid.greenbutton.resources import meter_of, stored_within
from energygrid.surfaces.greenbutton.address import RESOURCE, asked_url
from energygrid.surfaces.greenbutton.answers import answer
from energygrid.surfaces.greenbutton.auth import WithAccessToken
from energygrid.surfaces.greenbutton.call import Call
from energygrid.surfaces.greenbutton.documents import ENTRY_FORMS, READING_FORMS, feed_draft, list_draft
from energygrid.surfaces.greenbutton.errors import answers_of
from energygrid.surfaces.greenbutton.negotiation import media_type
from energygrid.surfaces.greenbutton.openapi import parameters
from energygrid.surfaces.greenbutton.paging import cut

router = APIRouter(prefix=f"{RESOURCE}/Batch", tags=["Batch"])
_RETAIL = "cust-feed/RetailCustomer"
_ERRORS = (400, 401, 403, 404, 406, 429)
_READINGS: dict[str, Any] = {
    "responses": answers_of("readings", *_ERRORS, later=True),
    "openapi_extra": parameters("", windows=True, pages=True, depth=True, prefer=True),
    "response_class": Response,
}
_ENTRIES: dict[str, Any] = {
    "responses": answers_of("atom", *_ERRORS),
    "openapi_extra": parameters("", windows=True, pages=True),
    "response_class": Response,
}


@router.get("/Subscription/{auth_uid}", **_READINGS)
def read_subscription(request: Request, presented: WithAccessToken, auth_uid: str) -> Response:
    """All usage data of a permission: usage points, their readings, bills and power quality."""
    return _subscription(Call.of(request, presented), auth_uid, None)


@router.get("/Subscription/{auth_uid}/UsagePoint/{meter_uid}", **_READINGS)
def read_usage_point(request: Request, presented: WithAccessToken, auth_uid: str, meter_uid: str) -> Response:
    """All usage data of one meter."""
    return _subscription(Call.of(request, presented), auth_uid, meter_uid)


@router.get("/RetailCustomer/{auth_uid}", **_ENTRIES)
def read_retail_customer(request: Request, presented: WithAccessToken, auth_uid: str) -> Response:
    """All account data of a permission: customer, accounts, agreements, suppliers, places and devices."""
    call = Call.of(request, presented)
    chosen = media_type(call.accepts, ENTRY_FORMS)
    context, entries = call.shared(auth_uid, views.resources)
    page = stored_within(entries, call.asked.window)
    changed = context.entitlement.changed_at
    return answer(request, list_draft(call, chosen, page, kind=_RETAIL, namespace=CUSTOMER, updated=changed))


@router.get("/RetailCustomer/{auth_uid}/UsagePoint", deprecated=True, **_READINGS)
def read_subscription_of_old(request: Request, presented: WithAccessToken, auth_uid: str) -> Response:
    """The usage data of a permission, under the name that older versions gave it."""
    return _subscription(Call.of(request, presented), auth_uid, None)


def _subscription(call: Call, auth_uid: str, meter_uid: str | None) -> Response:
    chosen = media_type(call.accepts, READING_FORMS)

    context, _ = call.shared(auth_uid, lambda _, context: meter_uid is None or meter_of(context, meter_uid))
    href = asked_url(call.request)
    feed = subscription_feed(call.here.database, context, call.asked.window, usage_point=meter_uid, href=href)
    return answer(call.request, feed_draft(call, chosen, cut(feed, call.asked)))
