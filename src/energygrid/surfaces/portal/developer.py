"""Pages for developers of third parties: register an application, see its keys once, change it, look after notices."""

from datetime import datetime

from fastapi import APIRouter, Request
from starlette.responses import Response

from energygrid.access.caller import Actor
from energygrid.access.sessions import sessions
from energygrid.access.sessions.sessions import Session
from energygrid.access.third_parties import changing, credentials, third_parties
from energygrid.access.third_parties.third_parties import ThirdParty
from energygrid.access.vault import Vault
from energygrid.database.engine import Connection
from energygrid.errors import Conflict, Invalid, NotFound
from energygrid.greenbutton import notices
from energygrid.greenbutton.notices import Notice
from energygrid.services import Services
from energygrid.surfaces.common.deps import Db, Here, Now
from energygrid.surfaces.portal import application_form
from energygrid.surfaces.portal.application_form import Application
from energygrid.surfaces.portal.auth import Developer, Posted, actor_of
from energygrid.surfaces.portal.pages import Problem, page, seen

router = APIRouter()

_MOST_NOTICES = 25


@router.get("/developer")
def applications(request: Request, session: Developer, db: Db) -> Response:
    own = db.read(third_parties.of_owner, session.tenant.id, session.user.id)
    return page(request, "developer.html", title="Applications", parties=own)


@router.get("/developer/new")
def new(request: Request, _: Developer) -> Response:
    return _form(request, None, application_form.blank())


@router.post("/developer/new")
def register(request: Request, form: Posted, session: Developer, here: Here, now: Now) -> Response:
    fields = application_form.sent(form)
    wanted = application_form.read(fields)
    problems = wanted if isinstance(wanted, list) else application_form.vet(here, wanted.notify_uri)
    if problems or isinstance(wanted, list):
        return _form(request, None, fields, problems)
    party = here.database.write(_register, here.vault, session, wanted, actor_of(request, session), now)
    return seen(request, f"/developer/{party.client_id}?keys=new")


@router.get("/developer/{client_id}")
def application(client_id: str, request: Request, session: Developer, here: Here) -> Response:
    """The page of one application. New keys stand on it once: right after they were made."""
    party = here.database.read(_own, session, client_id)
    keys = here.database.write(sessions.take_once, here.vault, session) if "keys" in request.query_params else {}
    shown = keys if keys.get("client_id") == party.client_id else {}
    return page(
        request,
        "application.html",
        title=party.name,
        party=party,
        keys=shown,
        notices=here.database.read(_notices, party),
        addresses=_addresses(here, party),
    )


@router.get("/developer/{client_id}/edit")
def edit_form(client_id: str, request: Request, session: Developer, db: Db) -> Response:
    party = db.read(_own, session, client_id)
    return _form(request, party, application_form.fields_of(party))


@router.post("/developer/{client_id}/edit")
def edit(client_id: str, request: Request, form: Posted, session: Developer, here: Here, now: Now) -> Response:
    """Change all but what it may ask for, and whether it keeps a secret: those need a new application."""
    party = here.database.read(_own, session, client_id)
    before = application_form.fields_of(party)
    fields = application_form.sent(form) | {"scopes": before["scopes"], "kind": before["kind"]}
    wanted = application_form.read(fields, party.facts)
    problems = wanted if isinstance(wanted, list) else application_form.vet(here, wanted.notify_uri)
    if problems or isinstance(wanted, list):
        return _form(request, party, fields, problems)
    signing = here.database.write(_edit, here.vault, session, client_id, wanted, actor_of(request, session), now)
    return seen(request, f"/developer/{client_id}?{'keys=new&' if signing else ''}done=saved")


@router.post("/developer/{client_id}/rotate")
def rotate(client_id: str, request: Request, form: Posted, session: Developer, here: Here, now: Now) -> Response:
    who = actor_of(request, session)
    here.database.write(_rotate, here.vault, session, client_id, form.one("key"), who, now)
    return seen(request, f"/developer/{client_id}?keys=new")


@router.post("/developer/{client_id}/test")
def send_test(client_id: str, request: Request, _: Posted, session: Developer, here: Here, now: Now) -> Response:
    party = here.database.read(_own, session, client_id)
    who, base = actor_of(request, session), here.settings.resource_url
    here.database.write(notices.test, here.vault, party, base, who=who, now=now)
    return seen(request, f"/developer/{client_id}?done=sent#notices")


@router.get("/developer/{client_id}/notices/{notice_id}")
def one_notice(client_id: str, notice_id: str, request: Request, session: Developer, db: Db) -> Response:
    party = db.read(_own, session, client_id)
    notice, attempts = db.read(notices.notice_to, party, notice_id)
    return page(request, "notice.html", title="Notice", party=party, notice=notice, attempts=attempts)


@router.post("/developer/{client_id}/notices/{notice_id}/resend")
def resend(
    client_id: str, notice_id: str, request: Request, _: Posted, session: Developer, db: Db, now: Now
) -> Response:
    party = db.read(_own, session, client_id)
    db.write(notices.resend, party, notice_id, who=actor_of(request, session), now=now)
    return seen(request, f"/developer/{client_id}?done=resent#notices")


def _own(db: Connection, session: Session, client_id: str) -> ThirdParty:
    """Raises NotFound, also for another developer's."""
    party = third_parties.find(db, client_id)
    if party.tenant.id != session.tenant.id or party.owner_user_id != session.user.id:
        raise NotFound("UNKNOWN_THIRD_PARTY", "there is no such application")
    return party


def _register(
    db: Connection, vault: Vault, session: Session, wanted: Application, who: Actor, now: datetime
) -> ThirdParty:
    made = third_parties.register(
        db,
        vault,
        session.tenant,
        name=wanted.name,
        redirect_uris=wanted.redirect_uris,
        offered_scopes=wanted.scopes,
        facts=wanted.facts,
        auth_method="none" if wanted.public else "client_secret_basic",
        owner_user_id=session.user.id,
        who=who,
        now=now,
    )
    party, signing = notices.set_notify_uri(db, vault, made.third_party, wanted.notify_uri, who=who, now=now)
    keys = {
        "client_id": party.client_id,
        "secret": made.secret.get_secret_value() if made.secret else None,
        "registration_token": made.registration_token.get_secret_value(),
        "signing_secret": signing,
    }
    sessions.keep_once(db, vault, session, keys)
    return party


def _edit(
    db: Connection, vault: Vault, session: Session, client_id: str, wanted: Application, who: Actor, now: datetime
) -> str | None:
    """The secret that notices are signed with, when the address is the first one; it is kept to be shown."""
    party = _own(db, session, client_id)
    changed = changing.update(
        db,
        client_id,
        name=wanted.name,
        redirect_uris=wanted.redirect_uris,
        facts=wanted.facts,
        who=who,
        now=now,
    )
    changed, signing = notices.set_notify_uri(db, vault, changed, wanted.notify_uri, who=who, now=now)
    if signing:
        sessions.keep_once(db, vault, session, {"client_id": client_id, "signing_secret": signing})
    if changed.changed_at != party.changed_at:
        notices.application_changed(db, changed, now)
    return signing


def _rotate(
    db: Connection, vault: Vault, session: Session, client_id: str, key: str, who: Actor, now: datetime
) -> None:
    party = _own(db, session, client_id)
    if key == "secret":
        shown = credentials.rotate_secret(db, vault, client_id, who=who, now=now).get_secret_value()
    elif key == "registration_token":
        shown = credentials.rotate_registration_token(db, vault, client_id, who=who, now=now).get_secret_value()
    elif key == "signing_secret":
        shown, _ = notices.rotate_secret(db, vault, party, who=who, now=now)
    else:
        raise Invalid("BAD_FIELD", "there is no such key")
    sessions.keep_once(db, vault, session, {"client_id": client_id, key: shown})


def _notices(db: Connection, party: ThirdParty) -> list[Notice]:
    try:
        return notices.notices_to(db, party, limit=_MOST_NOTICES)
    except Conflict:  # it never had an address
        return []


def _addresses(here: Services, party: ThirdParty) -> dict[str, str]:
    """What a program of the third party is configured with."""
    custodian = here.settings.resource_url.removesuffix("/espi/1_1/resource")
    oauth = f"{custodian}/{party.tenant.key}/oauth"
    return {
        "Authorization": f"{oauth}/authorize",
        "Token": f"{oauth}/token",
        "Resources": here.settings.resource_url,
        "Registration": f"{here.settings.resource_url}/ApplicationInformation/{party.application_id}",
    }


def _form(
    request: Request, party: ThirdParty | None, fields: dict[str, str], problems: list[Problem] | None = None
) -> Response:
    return page(
        request,
        "application_form.html",
        title="Register an application" if party is None else f"Change {party.name}",
        status=400 if problems else 200,
        problems=problems or [],
        party=party,
        fields=fields,
        texts=application_form.TEXTS,
        wrong={problem.field for problem in problems or []},
    )
