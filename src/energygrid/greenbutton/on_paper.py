"""Consents that the utility's staff enter from a signed form (FB_40, FB_70)."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from energygrid.access.caller import Actor, Tenant
from energygrid.access.consents import consents
from energygrid.access.consents.consents import Consent
from energygrid.access.consents.espi_scope import initial_terms, is_offered, parse_scope
from energygrid.access.third_parties import third_parties
from energygrid.access.third_parties.facts import Status
from energygrid.access.vault import Vault
from energygrid.errors import Denied, Invalid, NotFound
from energygrid.greenbutton import notices
from energygrid.greenbutton.entitlement import own_entitlement
from energygrid.metering.settings import MeteringSettings


def enter(
    db: Connection,
    vault: Vault,
    tenant: Tenant,
    *,
    client_id: str,
    customer_id: str,
    scope: str | None,
    meters: Sequence[str],
    evidence: str,
    who: Actor,
    now: datetime,
) -> Consent:
    """A consent as the form says it; the third party is told as of any other.

    scope     None: the first that the third party offers
    meters    empty: every meter that the customer holds now
    evidence  where the form is kept
    Raises NotFound("UNKNOWN_THIRD_PARTY"), Denied("THIRD_PARTY_STOPPED") and Invalid("NO_EVIDENCE", "BAD_SCOPE",
    "NO_METERS", "FOREIGN_METER").
    """
    party = third_parties.find(db, client_id)
    if party.tenant.id != tenant.id:
        raise NotFound("UNKNOWN_THIRD_PARTY", f"there is no third party {client_id} at {tenant.key}")
    if party.status not in {Status.REVIEW, Status.LIVE}:
        raise Denied("THIRD_PARTY_STOPPED", f"{party.name} is on hold or was revoked")
    if not evidence.strip():
        raise Invalid("NO_EVIDENCE", "say where the signed form is kept")
    asked = parse_scope(scope or party.offered_scopes[0])
    if not is_offered(asked, party.offered_scopes):
        raise Invalid("BAD_SCOPE", f"{party.name} may not have all of these data")
    terms = initial_terms(asked, now, ZoneInfo(tenant.section("metering", MeteringSettings).zone))
    if terms.expires_at is not None and terms.expires_at <= now:
        raise Invalid("BAD_SCOPE", "by its PreferredAuthEndDate the consent is over")
    consent = consents.give(
        db,
        tenant.id,
        client_id=client_id,
        customer_id=customer_id,
        requested_scope=asked.text,
        scope=asked.text,
        meters=_held(db, vault, tenant, customer_id, meters, now),
        data_from=terms.data_from,
        data_until=terms.data_until,
        expires_at=terms.expires_at,
        evidence=evidence.strip(),
        who=who,
        now=now,
    )
    notices.consent_changed(db, tenant, consent, now)
    return consent


def _held(
    db: Connection, vault: Vault, tenant: Tenant, customer_id: str, wanted: Sequence[str], now: datetime
) -> list[str]:
    own = own_entitlement(db, vault, tenant, customer_id, now).meters
    if foreign := set(wanted) - {each.meter_id for each in own}:
        raise Invalid("FOREIGN_METER", f"meter {min(foreign)} was never this customer's")
    held = list(wanted) or [each.meter_id for each in own if each.spans[-1].end is None]
    if not held:
        raise Invalid("NO_METERS", f"customer {customer_id} holds no meter")
    return held
