"""What a third party does to its own registration and permissions (FB_41, FB_44), as documents of ESPI say it."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import ValidationError
from sqlalchemy import Connection

from energygrid.access.consents import consents
from energygrid.access.consents.consents import Consent
from energygrid.access.tenants import tenant_now
from energygrid.access.third_parties import changing
from energygrid.access.third_parties.facts import Facts, Status
from energygrid.access.third_parties.third_parties import ThirdParty
from energygrid.access.vault import Vault
from energygrid.errors import Denied, Invalid, NotFound
from energygrid.greenbutton import notices
from energygrid.greenbutton.atom import Entry
from energygrid.greenbutton.bearers import Bearer, unknown
from energygrid.greenbutton.documents import Fields
from energygrid.greenbutton.registration import authorization, client_authorization

_REVOKED = 0


def application(bearer: Bearer, app_uid: str) -> ThirdParty:
    """The bearer's registration, under its own id; raises NotFound("UNKNOWN_RESOURCE")."""
    if bearer.third_party.application_id != app_uid:
        raise unknown()
    return bearer.third_party


def change_application(
    db: Connection, bearer: Bearer, app_uid: str, sent: Fields, *, vault: Vault, request_id: str, now: datetime
) -> ThirdParty:
    """Replace what a third party says of itself; what is the utility's to say is not looked at.

    The caller has judged the notification address. Raises NotFound, Invalid("BAD_DOCUMENT" and those of
    `changing.update`).
    """
    party, who = application(bearer, app_uid), bearer.actor(request_id)
    if sent.one("client_id") != party.client_id:
        raise Invalid("BAD_DOCUMENT", "the client_id is not that of this registration")
    changed = changing.update(
        db,
        party.client_id,
        name=sent.one("client_name"),
        redirect_uris=sent.all("redirect_uri"),
        offered_scopes=sent.all("scope") or None,
        facts=_facts(sent),
        by_itself=True,
        who=who,
        now=now,
    )
    uri = sent.one("thirdPartyNotifyUri")
    if uri != changed.notify_uri:
        changed, _ = notices.set_notify_uri(db, vault, changed, uri, who=who, now=now)
    if changed.changed_at != party.changed_at:
        notices.application_changed(db, changed, now)
    return changed


def end_application(db: Connection, bearer: Bearer, app_uid: str, *, request_id: str, now: datetime) -> ThirdParty:
    """End the registration, and with it every permission. Raises NotFound."""
    party, who = application(bearer, app_uid), bearer.actor(request_id)
    for ended in consents.revoke_all(db, party.tenant.id, party.client_id, who=who, now=now):
        notices.consent_changed(db, party.tenant, ended, now)
    return changing.set_status(db, party.client_id, Status.REVOKED, who=who, now=now)


def authorizations(db: Connection, bearer: Bearer, base: str, now: datetime) -> Sequence[Entry]:
    """Every permission that customers ever gave, ended ones too, oldest first; last the third party's own."""
    party, at = bearer.third_party, tenant_now(bearer.tenant, now)
    held = consents.of_client(db, bearer.tenant.id, party.client_id)
    return [*(authorization(each, base, at) for each in held), client_authorization(party, base)]


def one_authorization(db: Connection, bearer: Bearer, auth_uid: str, base: str, now: datetime) -> Entry:
    """Raises NotFound."""
    if auth_uid == bearer.third_party.application_id:
        return client_authorization(bearer.third_party, base)
    return authorization(consent_of(db, bearer, auth_uid), base, tenant_now(bearer.tenant, now))


def consent_of(db: Connection, bearer: Bearer, auth_uid: str) -> Consent:
    """A customer's permission to this third party; raises NotFound."""
    try:
        found = consents.find(db, bearer.tenant.id, auth_uid)
    except NotFound:
        raise unknown() from None
    if found.client_id != bearer.third_party.client_id:
        raise unknown()
    return found


def revoke_authorization(
    db: Connection, bearer: Bearer, auth_uid: str, base: str, *, request_id: str, now: datetime
) -> Entry:
    """Give a permission back; doing it again changes nothing. Raises NotFound."""
    held = consent_of(db, bearer, auth_uid)
    ended = consents.revoke(db, bearer.tenant.id, held.id, who=bearer.actor(request_id), now=now)
    if held.revoked_at is None:
        notices.consent_changed(db, bearer.tenant, ended, now)
    return authorization(ended, base, tenant_now(bearer.tenant, now))


def change_authorization(
    db: Connection, bearer: Bearer, auth_uid: str, sent: Fields, base: str, *, request_id: str, now: datetime
) -> Entry:
    """Status 0 gives a permission back. Raises NotFound, and Denied("CUSTOMERS_CHOICE") for any other change."""
    entry = one_authorization(db, bearer, consent_of(db, bearer, auth_uid).id, base, now)
    known, status = dict(entry.content), sent.number("status")
    if sent.one("scope") != known["scope"] or status not in {_REVOKED, known["status"]}:
        raise Denied("CUSTOMERS_CHOICE", "only the customer changes what an authorization covers")
    if status == known["status"]:
        return entry
    return revoke_authorization(db, bearer, auth_uid, base, request_id=request_id, now=now)


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
