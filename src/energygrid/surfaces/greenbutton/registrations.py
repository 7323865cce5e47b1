"""A third party's own: its registration, and the permissions it holds (contracts/greenbutton.md 3.1, FB_41, FB_44)."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import ValidationError
from sqlalchemy import Connection
from starlette.responses import Response

from energygrid.access.addresses import AllowList
from energygrid.access.consents import consents
from energygrid.access.consents.consents import Consent
from energygrid.access.outgoing import OutgoingClient
from energygrid.access.tenants import tenant_now
from energygrid.access.third_parties import third_parties
from energygrid.access.third_parties.facts import Facts, Status
from energygrid.access.third_parties.third_parties import ThirdParty
from energygrid.errors import Denied, Invalid, NotFound
from energygrid.greenbutton import notices
from energygrid.greenbutton.atom import USAGE, Entry
from energygrid.greenbutton.registration import (
    Addresses,
    application_information,
    authorization,
    client_authorization,
)
from energygrid.surfaces.greenbutton.address import RESOURCE
from energygrid.surfaces.greenbutton.answers import answer
from energygrid.surfaces.greenbutton.auth import Caller, WithClientToken, WithRegistrationToken
from energygrid.surfaces.greenbutton.call import Call, unknown
from energygrid.surfaces.greenbutton.documents import ENTRY_FORMS, entry_draft, list_draft
from energygrid.surfaces.greenbutton.errors import answers_of
from energygrid.surfaces.greenbutton.negotiation import media_type
from energygrid.surfaces.greenbutton.openapi import parameters, xml_body
from energygrid.surfaces.greenbutton.wire import Fields, read_resource

router = APIRouter(prefix=RESOURCE, tags=["Registration"])
_APPLICATION, _AUTHORIZATION = "/ApplicationInformation/{app_uid}", "/Authorization/{auth_uid}"
_READ: dict[str, Any] = {"responses": answers_of("atom", 400, 401, 403, 404, 406, 429), "response_class": Response}
_WRITE: dict[str, Any] = {"responses": answers_of("atom", 400, 401, 403, 404, 406, 409, 413, 429)}
_REVOKED, _ACTIVE = 0, 1


async def _body(request: Request) -> bytes:
    return await request.body()


Body = Annotated[bytes, Depends(_body)]


@router.get("/ApplicationInformation", openapi_extra=parameters("", pages=True), **_READ)
def list_applications(request: Request, presented: WithRegistrationToken) -> Response:
    """The list of the caller's registrations: the one whose token it is."""
    call = Call.of(request, presented)
    entry = call.own(lambda _, caller: application_information(caller.third_party, _addresses(call)))
    return _listed(call, [entry], "ApplicationInformation", entry)


@router.get(_APPLICATION, **_READ)
def read_application(request: Request, presented: WithRegistrationToken, app_uid: str) -> Response:
    """The registration of a third party; its secrets are not shown again."""
    call = Call.of(request, presented)
    party = call.own(lambda _, caller: _named(caller, app_uid))
    return _application(call, party)


@router.put(_APPLICATION, openapi_extra=xml_body("ApplicationInformation"), **_WRITE)
def change_application(request: Request, presented: WithRegistrationToken, app_uid: str, body: Body) -> Response:
    """Replace what a third party may say of itself; what is the utility's to say stays as it is."""
    call = Call.of(request, presented)
    call.own(lambda _, caller: _named(caller, app_uid))
    sent = read_resource(body, "ApplicationInformation")
    notify_uri = sent.one("thirdPartyNotifyUri")
    if notify_uri is not None:
        settings = call.here.settings
        notices.check(
            OutgoingClient(AllowList.of(settings.outgoing_allow), allow_http=settings.outgoing_http), notify_uri
        )
    party = call.own(lambda db, caller: _change(db, call, _named(caller, app_uid), sent), changes=True)
    return _application(call, party)


@router.delete(_APPLICATION, **_WRITE)
def end_application(request: Request, presented: WithRegistrationToken, app_uid: str) -> Response:
    """End the registration, and with it every permission that the third party holds."""
    call = Call.of(request, presented)
    party = call.own(lambda db, caller: _end(db, call, _named(caller, app_uid)), changes=True)
    return _application(call, party)


@router.get("/Authorization", openapi_extra=parameters("", pages=True), **_READ)
def list_authorizations(request: Request, presented: WithClientToken) -> Response:
    """Every permission that customers ever gave to this third party, ended ones too, and the one of its own."""
    call = Call.of(request, presented)

    def read(db: Connection, caller: Caller) -> tuple[list[Entry], Entry]:
        party, at = caller.third_party, tenant_now(caller.tenant, call.now)
        own = client_authorization(party, call.base)
        held = consents.of_client(db, caller.tenant.id, party.client_id)
        return [*(authorization(each, call.base, at) for each in held), own], own

    entries, own = call.own(read)
    return _listed(call, entries, "Authorization", own)


@router.get(_AUTHORIZATION, **_READ)
def read_authorization(request: Request, presented: WithClientToken, auth_uid: str) -> Response:
    """One permission."""
    call = Call.of(request, presented)

    def read(db: Connection, caller: Caller) -> Entry:
        if auth_uid == caller.third_party.application_id:
            return client_authorization(caller.third_party, call.base)
        return authorization(_held(db, caller, auth_uid), call.base, tenant_now(caller.tenant, call.now))

    return _entry(call, call.own(read))


@router.delete(_AUTHORIZATION, **_WRITE)
def revoke_authorization(request: Request, presented: WithClientToken, auth_uid: str) -> Response:
    """Give a permission back: its tokens are refused from now on."""
    call = Call.of(request, presented)
    return _entry(call, call.own(lambda db, caller: _revoke(db, call, caller, auth_uid), changes=True))


@router.put(_AUTHORIZATION, openapi_extra=xml_body("Authorization"), **_WRITE)
def change_authorization(request: Request, presented: WithClientToken, auth_uid: str, body: Body) -> Response:
    """Give a permission back (status 0). What it covers is the customer's to change."""
    call = Call.of(request, presented)
    call.own(lambda db, caller: _held(db, caller, auth_uid))
    sent = read_resource(body, "Authorization")

    def change(db: Connection, caller: Caller) -> Entry:
        held = _held(db, caller, auth_uid)
        status, scope = sent.number("status"), sent.one("scope")
        entry = authorization(held, call.base, tenant_now(caller.tenant, call.now))
        known = dict(entry.content)
        if scope != known["scope"] or status not in {_REVOKED, known["status"]}:
            raise Denied("CUSTOMERS_CHOICE", "only the customer changes what an authorization covers")
        return entry if status == known["status"] else _revoke(db, call, caller, auth_uid)

    return _entry(call, call.own(change, changes=True))


def _named(caller: Caller, app_uid: str) -> ThirdParty:
    if caller.third_party.application_id != app_uid:
        raise unknown()
    return caller.third_party


def _held(db: Connection, caller: Caller, auth_uid: str) -> Consent:
    try:
        found = consents.find(db, caller.tenant.id, auth_uid)
    except NotFound:
        raise unknown() from None
    if found.client_id != caller.third_party.client_id:
        raise unknown()
    return found


def _revoke(db: Connection, call: Call, caller: Caller, auth_uid: str) -> Entry:
    held = _held(db, caller, auth_uid)
    ended = consents.revoke(db, caller.tenant.id, held.id, who=caller.actor(call.request_id), now=call.now)
    if held.revoked_at is None:
        notices.consent_changed(db, caller.tenant, ended, call.now)
    return authorization(ended, call.base, tenant_now(caller.tenant, call.now))


def _change(db: Connection, call: Call, party: ThirdParty, sent: Fields) -> ThirdParty:
    who = Caller(call.presented.kind, party).actor(call.request_id)
    if sent.one("client_id") != party.client_id:
        raise Invalid("BAD_DOCUMENT", "the client_id is not that of this registration")
    changed = third_parties.update(
        db,
        party.client_id,
        name=sent.one("client_name"),
        redirect_uris=sent.all("redirect_uri"),
        offered_scopes=sent.all("scope") or None,
        facts=_facts(sent),
        who=who,
        now=call.now,
    )
    uri = sent.one("thirdPartyNotifyUri")
    if uri != changed.notify_uri:
        changed, _ = notices.set_notify_uri(db, call.here.vault, changed, uri, who=who, now=call.now)
    if changed.changed_at != party.changed_at:
        notices.application_changed(db, changed, call.now)
    return changed


def _facts(sent: Fields) -> Facts:
    try:
        return Facts(
            description=sent.one("thirdPartyApplicationDescription"),
            development_status=sent.number("thirdPartyApplicationStatus"),
            application_type=sent.number("thirdPartyApplicationType"),
            application_use=sent.number("thirdPartyApplicationUse"),
            phone=sent.one("thirdPartyPhone"),
            user_portal_uri=sent.one("thirdPartyUserPortalScreenURI"),
            client_uri=sent.one("client_uri"),
            logo_uri=sent.one("logo_uri"),
            tos_uri=sent.one("tos_uri"),
            policy_uri=sent.one("policy_uri"),
            contacts=tuple(sent.all("contacts")),
            software_id=sent.one("software_id"),
            software_version=sent.one("software_version"),
        )
    except ValidationError as error:
        faults = "; ".join(f"{fault['loc'][0]}: {fault['msg']}" for fault in error.errors())
        raise Invalid("BAD_DOCUMENT", faults) from error


def _end(db: Connection, call: Call, party: ThirdParty) -> ThirdParty:
    who = Caller(call.presented.kind, party).actor(call.request_id)
    for ended in consents.revoke_all(db, party.tenant.id, party.client_id, who=who, now=call.now):
        notices.consent_changed(db, party.tenant, ended, call.now)
    return third_parties.set_status(db, party.client_id, Status.REVOKED, who=who, now=call.now)


def _addresses(call: Call) -> Addresses:
    return Addresses(call.base, call.here.settings.public_url.rstrip("/"))


def _application(call: Call, party: ThirdParty) -> Response:
    return _entry(call, application_information(party, _addresses(call)))


def _entry(call: Call, entry: Entry) -> Response:
    chosen = media_type(call.request.headers.get("accept", ""), ENTRY_FORMS)
    return answer(call.request, entry_draft(call, chosen, entry))


def _listed(call: Call, entries: Sequence[Entry], name: str, own: Entry) -> Response:
    chosen = media_type(call.request.headers.get("accept", ""), ENTRY_FORMS)
    draft = list_draft(call, chosen, entries, kind=f"espi-feed/{name}", namespace=USAGE, updated=own.updated)
    return answer(call.request, draft)
