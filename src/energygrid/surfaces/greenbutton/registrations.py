"""A third party's own: its registration, and the permissions it holds (contracts/greenbutton.md 3.1, FB_41, FB_44)."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from energygrid.access.addresses import AllowList
from energygrid.access.outgoing import OutgoingClient
from energygrid.access.third_parties.third_parties import ThirdParty
from energygrid.greenbutton import managing, notices
from energygrid.greenbutton.atom import USAGE, Entry
from energygrid.greenbutton.bearers import Presented
from energygrid.greenbutton.documents import read_resource
from energygrid.greenbutton.registration import Addresses, application_information
from energygrid.greenbutton.resources import stored_within
from energygrid.surfaces.greenbutton.address import RESOURCE
from energygrid.surfaces.greenbutton.answers import answer
from energygrid.surfaces.greenbutton.auth import WithClientToken, WithRegistrationToken
from energygrid.surfaces.greenbutton.call import Call
from energygrid.surfaces.greenbutton.documents import ENTRY_FORMS, entry_draft, list_draft
from energygrid.surfaces.greenbutton.errors import answers_of
from energygrid.surfaces.greenbutton.negotiation import media_type
from energygrid.surfaces.greenbutton.openapi import parameters, xml_body

router = APIRouter(prefix=RESOURCE, tags=["Registration"])
_APPLICATION, _AUTHORIZATION = "/ApplicationInformation/{app_uid}", "/Authorization/{auth_uid}"
_READ: dict[str, Any] = {"responses": answers_of("atom", 400, 401, 403, 404, 406, 429), "response_class": Response}
_WRITE: dict[str, Any] = {
    "responses": answers_of("atom", 400, 401, 403, 404, 406, 409, 413, 429, reads=False),
    "response_class": Response,
}


async def _body(request: Request) -> bytes:
    return await request.body()


Body = Annotated[bytes, Depends(_body)]


@router.get("/ApplicationInformation", openapi_extra=parameters("", windows=True, pages=True), **_READ)
def list_applications(request: Request, presented: WithRegistrationToken) -> Response:
    """The list of the caller's registrations: the one whose token it is."""
    call = Call.of(request, presented)
    entry = application_information(call.own(lambda _, bearer: bearer.third_party), _addresses(call))
    return _listed(call, [entry])


@router.get(_APPLICATION, **_READ)
def read_application(request: Request, presented: WithRegistrationToken, app_uid: str) -> Response:
    """The registration of a third party; its secrets are not shown again."""
    call = Call.of(request, presented)
    return _application(call, call.own(lambda _, bearer: managing.application(bearer, app_uid)))


@router.put(_APPLICATION, openapi_extra=xml_body("ApplicationInformation"), **_WRITE)
def change_application(request: Request, presented: WithRegistrationToken, app_uid: str, body: Body) -> Response:
    """Replace what a third party may say of itself; what is the utility's to say stays as it is."""
    call = _change(request, presented)
    call.own(lambda _, bearer: managing.application(bearer, app_uid))
    sent, settings, visit = read_resource(body, "ApplicationInformation"), call.here.settings, call.visit
    notify_uri = sent.one("thirdPartyNotifyUri")
    if notify_uri is not None:
        client = OutgoingClient(AllowList.of(settings.outgoing_allow), allow_http=settings.outgoing_http)
        notices.check(client, notify_uri)
    party = call.own(
        lambda db, bearer: managing.change_application(
            db, bearer, app_uid, sent, vault=visit.vault, request_id=visit.request_id, now=visit.now
        ),
        changes=True,
    )
    return _application(call, party)


@router.delete(_APPLICATION, **_WRITE)
def end_application(request: Request, presented: WithRegistrationToken, app_uid: str) -> Response:
    """End the registration, and with it every permission that the third party holds."""
    call = _change(request, presented)
    visit = call.visit
    party = call.own(
        lambda db, bearer: managing.end_application(db, bearer, app_uid, request_id=visit.request_id, now=visit.now),
        changes=True,
    )
    return _application(call, party)


@router.get("/Authorization", openapi_extra=parameters("", windows=True, pages=True), **_READ)
def list_authorizations(request: Request, presented: WithClientToken) -> Response:
    """Every permission that customers ever gave to this third party, ended ones too, and the one of its own."""
    call = Call.of(request, presented)
    visit = call.visit
    return _listed(call, call.own(lambda db, bearer: managing.authorizations(db, bearer, visit.base, visit.now)))


@router.get(_AUTHORIZATION, **_READ)
def read_authorization(request: Request, presented: WithClientToken, auth_uid: str) -> Response:
    """One permission."""
    call = Call.of(request, presented)
    visit = call.visit
    entry = call.own(lambda db, bearer: managing.one_authorization(db, bearer, auth_uid, visit.base, visit.now))
    return _entry(call, entry)


@router.delete(_AUTHORIZATION, **_WRITE)
def revoke_authorization(request: Request, presented: WithClientToken, auth_uid: str) -> Response:
    """Give a permission back: its tokens are refused from now on."""
    call = _change(request, presented)
    visit = call.visit
    entry = call.own(
        lambda db, bearer: managing.revoke_authorization(
            db, bearer, auth_uid, visit.base, request_id=visit.request_id, now=visit.now
        ),
        changes=True,
    )
    return _entry(call, entry)


@router.put(_AUTHORIZATION, openapi_extra=xml_body("Authorization"), **_WRITE)
def change_authorization(request: Request, presented: WithClientToken, auth_uid: str, body: Body) -> Response:
    """Give a permission back (status 0). What it covers is the customer's to change."""
    call = _change(request, presented)
    visit = call.visit
    call.own(lambda db, bearer: managing.consent_of(db, bearer, auth_uid))
    sent = read_resource(body, "Authorization")
    entry = call.own(
        lambda db, bearer: managing.change_authorization(
            db, bearer, auth_uid, sent, visit.base, request_id=visit.request_id, now=visit.now
        ),
        changes=True,
    )
    return _entry(call, entry)


def _change(request: Request, presented: Presented) -> Call:
    """A call that changes something: what cannot be answered is not done."""
    call = Call.of(request, presented)
    media_type(call.accepts, ENTRY_FORMS)
    return call


def _addresses(call: Call) -> Addresses:
    return Addresses(call.visit.base, call.here.settings.public_url.rstrip("/"))


def _application(call: Call, party: ThirdParty) -> Response:
    return _entry(call, application_information(party, _addresses(call)))


def _entry(call: Call, entry: Entry) -> Response:
    chosen = media_type(call.accepts, ENTRY_FORMS)
    return answer(call.request, entry_draft(call, chosen, entry))


def _listed(call: Call, entries: Sequence[Entry]) -> Response:
    """Of a list that always has one, whatever the window leaves of it."""
    kind, updated = f"espi-feed/{entries[0].resource}", entries[0].updated
    chosen = media_type(call.accepts, ENTRY_FORMS)
    page = stored_within(entries, call.asked.window)
    return answer(call.request, list_draft(call, chosen, page, kind=kind, namespace=USAGE, updated=updated))
