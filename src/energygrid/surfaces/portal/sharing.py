"""Who can see my data: every consent, what it covers, when it was last used, and how to end it."""

from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Request
from starlette.responses import Response

from energygrid.access import audit
from energygrid.access.caller import Actor
from energygrid.access.consents import consents
from energygrid.access.consents.consents import Consent
from energygrid.access.consents.espi_scope import parse_scope
from energygrid.access.sessions.sessions import Session
from energygrid.access.third_parties import third_parties
from energygrid.access.third_parties.facts import Status
from energygrid.access.third_parties.third_parties import ThirdParty
from energygrid.access.vault import Vault
from energygrid.database.engine import Connection
from energygrid.errors import NotFound
from energygrid.greenbutton import notices
from energygrid.greenbutton.entitlement import own_entitlement
from energygrid.surfaces.common.deps import Db, Here, Now
from energygrid.surfaces.portal.auth import Customer, Posted, actor_of, customer_id
from energygrid.surfaces.portal.looks import Look, looks
from energygrid.surfaces.portal.meters import Named, named
from energygrid.surfaces.portal.pages import page, seen, zone_of
from energygrid.surfaces.portal.words import Part, parts_of

router = APIRouter()

_READ = "shared_data.read"
_MOST_READS = 1000


@dataclass(frozen=True, slots=True)
class Shared:
    """A consent as its owner sees it. `uses`: the latest, newest first."""

    consent: Consent
    party: str
    holds: bool
    parts: list[Part]
    meters: list[str]
    uses: list[Look]


@router.get("/sharing")
def sharing(request: Request, session: Customer, here: Here, now: Now) -> Response:
    shared = here.database.read(_all, here.vault, session, now)
    return page(
        request,
        "sharing.html",
        title="Who can see my data",
        active=[each for each in shared if each.holds],
        past=[each for each in shared if not each.holds],
    )


@router.get("/sharing/{consent_id}")
def one_consent(consent_id: str, request: Request, session: Customer, here: Here, now: Now) -> Response:
    shared = here.database.read(_one, here.vault, session, consent_id, now)
    return page(request, "sharing_one.html", title=f"Shared with {shared.party}", shared=shared)


@router.get("/sharing/{consent_id}/revoke")
def confirm(consent_id: str, request: Request, session: Customer, here: Here, now: Now) -> Response:
    shared = here.database.read(_one, here.vault, session, consent_id, now)
    return page(request, "sharing_revoke.html", title=f"Stop sharing with {shared.party}?", shared=shared)


@router.post("/sharing/{consent_id}/revoke")
def revoke(consent_id: str, request: Request, _: Posted, session: Customer, db: Db, now: Now) -> Response:
    db.write(_revoke, session, consent_id, actor_of(request, session), now)
    return seen(request, "/sharing?done=revoked")


@router.get("/connect")
def connect(request: Request, session: Customer, db: Db) -> Response:
    """Third parties that a customer can connect to, at their own pages: it is they who ask."""
    known = db.read(third_parties.of_tenant, session.tenant.id)
    return page(request, "connect.html", title="Connect My Data", parties=[each for each in known if _may_ask(each)])


def _may_ask(party: ThirdParty) -> bool:
    return party.status is Status.LIVE and (party.facts.user_portal_uri or party.facts.client_uri) is not None


def _all(db: Connection, vault: Vault, session: Session, now: datetime) -> list[Shared]:
    meters = _meters(db, vault, session, now)
    given = consents.of_customer(db, session.tenant.id, customer_id(session))
    return [_shared(db, consent, meters, now, zone_of(session), most=1) for consent in given]


def _one(db: Connection, vault: Vault, session: Session, consent_id: str, now: datetime) -> Shared:
    consent = _own(db, session, consent_id)
    return _shared(db, consent, _meters(db, vault, session, now), now, zone_of(session), most=_MOST_READS)


def _own(db: Connection, session: Session, consent_id: str) -> Consent:
    """Raises NotFound, also for somebody else's."""
    consent = consents.find(db, session.tenant.id, consent_id)
    if consent.customer_id != customer_id(session):
        raise NotFound("UNKNOWN_CONSENT", "there is no such authorization")
    return consent


def _meters(db: Connection, vault: Vault, session: Session, now: datetime) -> dict[str, Named]:
    entitlement = own_entitlement(db, vault, session.tenant, customer_id(session), now)
    return {each.meter_id: each for each in named(db, vault, entitlement).values()}


def _shared(
    db: Connection, consent: Consent, meters: dict[str, Named], now: datetime, zone: str, *, most: int
) -> Shared:
    party = third_parties.find_by_client(db, consent.client_id)
    return Shared(
        consent=consent,
        party=party.name if party else consent.client_id,
        holds=consent.holds(now),
        parts=parts_of(parse_scope(consent.scope)),
        meters=[meters[each].label if each in meters else f"meter {each}" for each in consent.meters],
        uses=_uses(db, consent, most, zone),
    )


def _uses(db: Connection, consent: Consent, most: int, zone: str) -> list[Look]:
    subject = f"consent/{consent.id}"
    # A few entries of other kinds may stand between.
    found = audit.entries(db, tenant_id=consent.tenant_id, subject=subject, limit=most + 20)
    reads = [(each.at, str(each.facts.get("path", ""))) for each in reversed(found) if each.action == _READ]
    return looks(reads[:most], zone)


def _revoke(db: Connection, session: Session, consent_id: str, who: Actor, now: datetime) -> None:
    _own(db, session, consent_id)
    ended = consents.revoke(db, session.tenant.id, consent_id, who=who, now=now)
    notices.consent_changed(db, session.tenant, ended, now)
