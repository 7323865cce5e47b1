"""Everything of one permission, or of many, in one feed (contracts/greenbutton.md 3.1, 3.7)."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from energygrid.greenbutton import bulk
from energygrid.greenbutton.ahead import Recipe
from energygrid.greenbutton.ahead.recipes import Kind as RecipeKind
from energygrid.greenbutton.atom import CUSTOMER
from energygrid.greenbutton.bulk import Kind
from energygrid.greenbutton.customer import views
from energygrid.greenbutton.feed import subscription_feed
from energygrid.greenbutton.resources import meter_of, stored_within
from energygrid.surfaces.greenbutton.address import RESOURCE, asked_url
from energygrid.surfaces.greenbutton.answers import answer
from energygrid.surfaces.greenbutton.auth import WithAccessToken, WithClientToken
from energygrid.surfaces.greenbutton.call import Call
from energygrid.surfaces.greenbutton.documents import ENTRY_FORMS, READING_FORMS, list_draft
from energygrid.surfaces.greenbutton.errors import answers_of
from energygrid.surfaces.greenbutton.later import client_of, now_or_later, representation
from energygrid.surfaces.greenbutton.negotiation import media_type
from energygrid.surfaces.greenbutton.openapi import parameters
from energygrid.surfaces.greenbutton.under_way import ONE_OF_A_THIRD_PARTY, ONE_OF_AN_AUTHORIZATION

router = APIRouter(prefix=f"{RESOURCE}/Batch", tags=["Batch"])
bulk_router = APIRouter(prefix=RESOURCE, tags=["Bulk"])
_RETAIL = "cust-feed/RetailCustomer"
_ERRORS = (400, 401, 403, 404, 406, 429)
_READINGS: dict[str, Any] = {
    "responses": answers_of("readings", *_ERRORS, later=True),
    "openapi_extra": parameters("", windows=True, pages=True, depth=True, prefer=True),
    "response_class": Response,
    "dependencies": [ONE_OF_AN_AUTHORIZATION],
}
_ENTRIES: dict[str, Any] = {
    "responses": answers_of("atom", *_ERRORS),
    "openapi_extra": parameters("", windows=True, pages=True),
    "response_class": Response,
}
_BULK = _READINGS | {
    "responses": answers_of("readings", *_ERRORS, 410, later=True),
    "dependencies": [ONE_OF_A_THIRD_PARTY],
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


@bulk_router.get("/Bulk/{bulk_uid}", **_BULK)
def read_bulk(request: Request, presented: WithClientToken, bulk_uid: str) -> Response:
    """What a notice told of: new authorizations, and new or corrected data of many customers."""
    return _bulk(Call.of(request, presented), bulk_uid, None)


@bulk_router.get("/Batch/Bulk/{bulk_uid}", **_BULK)
def read_batch_bulk(request: Request, presented: WithClientToken, bulk_uid: str) -> Response:
    """The usage data of a bulk feed; under the id of the third party's own authorization, of all its customers."""
    return _bulk(Call.of(request, presented), bulk_uid, "usage")


@bulk_router.get("/Batch/BulkRetailCustomerInfo/{bulk_uid}", **_BULK)
def read_bulk_customers(request: Request, presented: WithClientToken, bulk_uid: str) -> Response:
    """The account data of a bulk feed."""
    return _bulk(Call.of(request, presented), bulk_uid, "customer")


def _subscription(call: Call, auth_uid: str, meter_uid: str | None) -> Response:
    chosen = media_type(call.accepts, READING_FORMS)
    context, _ = call.shared(auth_uid, lambda _, context: meter_uid is None or meter_of(context, meter_uid))
    window, href = call.asked.window, asked_url(call.request)
    feed = subscription_feed(call.here.database, context, window, usage_point=meter_uid, href=href)
    recipe = Recipe("subscription", auth_uid, client_of(call), href, window, meter_uid, representation(chosen))
    return now_or_later(call, chosen, feed, context.entitlement.tenant, recipe)


def _bulk(call: Call, bulk_uid: str, kind: Kind | None) -> Response:
    chosen = media_type(call.accepts, READING_FORMS)
    party, selection = call.bulk(bulk_uid, kind)
    window, href, visit = call.asked.window, asked_url(call.request), call.visit
    feed = bulk.feed(
        call.here.database, visit.vault, party, selection, window, base=visit.base, href=href, now=visit.now
    )
    side: RecipeKind = "bulk_customer" if selection.kind == "customer" else "bulk"
    recipe = Recipe(side, bulk_uid, party.client_id, href, window, None, representation(chosen))
    return now_or_later(call, chosen, feed, party.tenant, recipe)
