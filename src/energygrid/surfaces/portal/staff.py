"""Pages for the staff of a utility: who may ask customers for data."""

from datetime import datetime

from fastapi import APIRouter, Request
from starlette.responses import Response

from energygrid.access.caller import Actor
from energygrid.access.sessions.sessions import Session
from energygrid.access.third_parties import changing, third_parties
from energygrid.access.third_parties.facts import Status
from energygrid.database.engine import Connection
from energygrid.errors import Invalid, NotFound
from energygrid.greenbutton import notices
from energygrid.surfaces.common.deps import Db, Now
from energygrid.surfaces.portal.auth import Posted, Staff, actor_of
from energygrid.surfaces.portal.pages import page, seen

router = APIRouter()

ACTIONS = {
    "live": (Status.LIVE, "Let it ask customers"),
    "review": (Status.REVIEW, "Back under review"),
    "hold": (Status.ON_HOLD, "Put on hold"),
    "revoke": (Status.REVOKED, "Revoke for ever"),
}
"""By the word on the wire: what a third party becomes, and what the button says."""


@router.get("/staff/third-parties")
def third_party_list(request: Request, session: Staff, db: Db) -> Response:
    parties = db.read(third_parties.of_tenant, session.tenant.id)
    return page(request, "staff.html", title="Third parties", parties=parties, actions=ACTIONS)


@router.post("/staff/third-parties/{client_id}")
def set_status(client_id: str, request: Request, form: Posted, session: Staff, db: Db, now: Now) -> Response:
    """Revoking is for ever and ends every consent, so it wants a tick of its own."""
    word = form.one("action")
    if word not in ACTIONS:
        raise Invalid("BAD_FIELD", "there is no such action")
    if word == "revoke" and form.one("sure") != "yes":
        raise Invalid("NOT_SURE", "To revoke a third party for ever, tick the box beside the button")
    db.write(_set, session, client_id, ACTIONS[word][0], actor_of(request, session), now)
    return seen(request, "/staff/third-parties?done=status")


def _set(db: Connection, session: Session, client_id: str, status: Status, who: Actor, now: datetime) -> None:
    party = third_parties.find(db, client_id)
    if party.tenant.id != session.tenant.id:
        raise NotFound("UNKNOWN_THIRD_PARTY", "there is no such third party")
    if status is Status.REVOKED:
        for ended in changing.withdraw(db, client_id, who=who, now=now):
            notices.consent_changed(db, party.tenant, ended, now)
    else:
        changing.set_status(db, client_id, status, who=who, now=now)
    notices.application_changed(db, third_parties.find(db, client_id), now)
