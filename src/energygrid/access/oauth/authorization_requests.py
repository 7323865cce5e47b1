"""What a person answers to a third party: the use cases of the consent page.

`open_request` tells who asks for what, `approve` and `deny` answer once. The page itself is the portal's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlalchemy import Connection

from energygrid.access import audit
from energygrid.access.caller import Actor, Tenant
from energygrid.access.consents import consents
from energygrid.access.consents.consents import Consent
from energygrid.access.consents.espi_scope import EspiScope, is_within, parse_scope
from energygrid.access.oauth import queries
from energygrid.access.oauth.queries import AnyRow
from energygrid.access.oauth.redirects import answer_url
from energygrid.access.oauth.secrets_on_wire import CODE, REQUEST, fingerprint, new_value, tenant_in
from energygrid.access.third_parties import third_parties
from energygrid.access.third_parties.facts import Status
from energygrid.access.third_parties.settings import SharingSettings
from energygrid.access.third_parties.third_parties import ThirdParty
from energygrid.access.vault import Vault
from energygrid.errors import Conflict, Denied, Invalid, NotFound


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """A request that waits for an answer.

    scope        as asked; its `parts` are what a customer may take away, `consents.espi_scope.narrow` does it
    redirect_to  host the person goes back to; None: a receipt page ends it, and no code is delivered
    fresh_login  whoever is signed in must sign in again first
    tests_only   the third party is under review: only test customers may say yes
    """

    tenant: Tenant
    third_party: ThirdParty
    scope: EspiScope
    redirect_to: str | None
    fresh_login: bool
    tests_only: bool
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Answered:
    """`redirect`: where the browser goes now; None: show a receipt. `consent` is None for a no."""

    redirect: str | None
    consent: Consent | None


def open_request(db: Connection, vault: Vault, request_id: str, now: datetime) -> OpenRequest:
    """Raises NotFound("UNKNOWN_REQUEST"), also when it is too old, and Conflict("REQUEST_ANSWERED")."""
    row, party = _standing(db, vault, request_id, now)
    return OpenRequest(
        tenant=party.tenant,
        third_party=party,
        scope=parse_scope(row.scope),
        redirect_to=None if row.redirect_uri is None else _place(row.redirect_uri),
        fresh_login=row.fresh_login,
        tests_only=_tests_only(party),
        created_at=row.created_at,
        expires_at=row.expires_at,
    )


def approve(
    db: Connection,
    vault: Vault,
    request_id: str,
    *,
    issuer: str,
    customer_id: str,
    meters: Sequence[str],
    scope: str,
    data_from: datetime | None,
    data_until: datetime | None,
    expires_at: datetime | None,
    who: Actor,
    now: datetime,
) -> Answered:
    """The customer's yes, to all that was asked or to less of it.

    scope  the one asked for, or what `narrow` made of it. That the customer holds the meters, and that the data times
    lie within what was asked, is for the caller to have checked.
    Raises what `open_request` raises, Invalid("NO_METERS", "BAD_SCOPE", "BAD_SPAN") and
    Denied("THIRD_PARTY_UNDER_REVIEW", "THIRD_PARTY_STOPPED").
    """
    row, party = _standing(db, vault, request_id, now, lock=True)
    _check_yes(row, party, customer_id, meters, scope)
    if data_from is not None and data_until is not None and data_until < data_from:
        raise Invalid("BAD_SPAN", "the shared data would end before they begin")
    if expires_at is not None and expires_at <= now:
        raise Invalid("BAD_SPAN", "the authorisation would be over before it begins")
    consent = consents.give(
        db,
        party.tenant.id,
        client_id=party.client_id,
        customer_id=customer_id,
        requested_scope=row.scope,
        scope=scope,
        meters=meters,
        data_from=data_from,
        data_until=data_until,
        expires_at=expires_at,
        who=who,
        now=now,
    )
    queries.answer_request(db, row.tenant_id, row.fingerprint, now)
    if row.redirect_uri is None:
        return Answered(None, consent)
    code = _new_code(db, vault, row, party, consent, now)
    return Answered(answer_url(row.redirect_uri, issuer, row.state, {"code": code}), consent)


def deny(db: Connection, vault: Vault, request_id: str, *, issuer: str, who: Actor, now: datetime) -> Answered:
    """The customer's no. Raises what `open_request` raises."""
    row, party = _standing(db, vault, request_id, now, lock=True)
    queries.answer_request(db, row.tenant_id, row.fingerprint, now)
    audit.record(
        db,
        party.tenant.id,
        actor=who.name,
        action="consent.refused",
        subject=f"client/{party.client_id}",
        request_id=who.request_id,
        now=now,
        facts={"scope": row.scope},
    )
    if row.redirect_uri is None:
        return Answered(None, None)
    facts = {"error": "access_denied", "error_description": "the customer said no"}
    return Answered(answer_url(row.redirect_uri, issuer, row.state, facts), None)


def _standing(
    db: Connection, vault: Vault, request_id: str, now: datetime, *, lock: bool = False
) -> tuple[AnyRow, ThirdParty]:
    tenant_id = tenant_in(request_id)
    row = tenant_id and queries.request_of(db, tenant_id, fingerprint(vault, REQUEST, request_id), lock=lock)
    if not row or row.expires_at <= now:
        raise NotFound("UNKNOWN_REQUEST", "this request is not known, or too old; start again where you came from")
    if row.answered_at is not None:
        raise Conflict("REQUEST_ANSWERED", "this request was answered already")
    return row, third_parties.find(db, row.client_id)


def _check_yes(row: AnyRow, party: ThirdParty, customer_id: str, meters: Sequence[str], scope: str) -> None:
    if party.status not in {Status.REVIEW, Status.LIVE}:
        raise Denied("THIRD_PARTY_STOPPED", f"{party.name} is on hold or was revoked")
    if _tests_only(party) and customer_id not in party.tenant.section("sharing", SharingSettings).test_customers:
        raise Denied("THIRD_PARTY_UNDER_REVIEW", f"{party.name} is still under review and may not ask customers yet")
    if not meters:
        raise Invalid("NO_METERS", "nothing would be shared: choose a meter")
    if scope != row.scope and not is_within(parse_scope(scope), parse_scope(row.scope)):
        raise Invalid("BAD_SCOPE", "more would be granted than was asked for")


def _tests_only(party: ThirdParty) -> bool:
    return party.status == Status.REVIEW and party.tenant.environment != "sandbox"


def _place(redirect_uri: str) -> str:
    """What a person can recognise of an address: its host, or the scheme of an app."""
    parts = urlsplit(redirect_uri)
    return parts.netloc or parts.scheme


def _new_code(db: Connection, vault: Vault, row: AnyRow, party: ThirdParty, consent: Consent, now: datetime) -> str:
    code = new_value(party.tenant.id)
    lifetime = party.tenant.section("sharing", SharingSettings).code_lifetime_s
    values = {
        "tenant_id": party.tenant.id,
        "fingerprint": fingerprint(vault, CODE, code),
        "client_id": party.client_id,
        "consent_id": consent.id,
        "redirect_uri": row.redirect_uri,
        "code_challenge": row.code_challenge,
        "created_at": now,
        "expires_at": now + timedelta(seconds=lifetime),
    }
    queries.insert_code(db, values)
    return code
