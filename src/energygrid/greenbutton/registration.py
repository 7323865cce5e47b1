"""What a third party sees of its own registration and of the permissions it holds.

ApplicationInformation and Authorization of ESPI. Secrets are shown once, where they are made: here their elements,
which the schema demands, are empty. Source: contracts/greenbutton.md 1.2.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from energygrid.access.consents.consents import Consent
from energygrid.access.consents.espi_scope import parse_scope
from energygrid.access.oauth.espi_tokens import CLIENT_SCOPE
from energygrid.access.third_parties.third_parties import ThirdParty
from energygrid.greenbutton.atom import USAGE, Content, Entry

_END_OF_TIME = 0xFFFFFFFF
"""What never ends ends in 2106, at the last second that ESPI's unsigned 32 bits count."""
_LONGEST_SCOPE = 256
_ACTIVE, _REVOKED = 1, 0


@dataclass(frozen=True, slots=True)
class Addresses:
    """resource is `Settings.resource_url`; issuer the public address of the authorisation server."""

    resource: str
    issuer: str

    @property
    def custodian(self) -> str:
        return self.resource.removesuffix("/espi/1_1/resource")


def application_information(party: ThirdParty, at: Addresses) -> Entry:
    up = f"{at.resource}/ApplicationInformation"
    return Entry(
        resource="ApplicationInformation",
        namespace=USAGE,
        href=f"{up}/{party.application_id}",
        up=up,
        related=(),
        published=party.created_at,
        updated=party.changed_at,
        content=tuple(_application(party, at)),
    )


def authorization(consent: Consent, base: str, now: datetime) -> Entry:
    """A customer's permission, also after its end. `base` is `Settings.resource_url`."""
    ended = consent.revoked_at or (None if consent.holds(now) else consent.expires_at)
    until = ended or consent.expires_at
    customer = parse_scope(consent.scope).customer
    content: list[tuple[str, Any]] = [
        *_period("authorizedPeriod", consent.data_from, consent.data_until),
        *(_period("publishedPeriod", consent.created_at, until) if until is not None else ()),
        ("status", _ACTIVE if ended is None else _REVOKED),
        ("expires_at", _END_OF_TIME if until is None else int(until.timestamp())),
        ("grant_type", "authorization_code"),
        ("scope", _shortened(consent.scope)),
        ("token_type", "Bearer"),
        ("resourceURI", f"{base}/Batch/Subscription/{consent.id}"),
        ("authorizationURI", f"{base}/Authorization/{consent.id}"),
        *((("customerResourceURI", f"{base}/Batch/RetailCustomer/{consent.id}"),) if customer else ()),
    ]
    updated = max(consent.changed_at, ended) if ended is not None else consent.changed_at
    return _authorization(base, consent.id, tuple(content), consent.created_at, updated)


def client_authorization(party: ThirdParty, base: str) -> Entry:
    """What a third party holds by its own credentials: its bulk feeds."""
    name = party.application_id
    content = (
        ("status", _ACTIVE),
        ("expires_at", _END_OF_TIME),
        ("grant_type", "client_credentials"),
        ("scope", CLIENT_SCOPE),
        ("token_type", "Bearer"),
        ("resourceURI", f"{base}/Batch/Bulk/{name}"),
        ("authorizationURI", f"{base}/Authorization/{name}"),
        ("customerResourceURI", f"{base}/Batch/BulkRetailCustomerInfo/{name}"),
    )
    return _authorization(base, name, content, party.created_at, party.created_at)


def _authorization(base: str, name: str, content: Content, published: datetime, updated: datetime) -> Entry:
    up = f"{base}/Authorization"
    return Entry("Authorization", USAGE, f"{up}/{name}", up, (), published, updated, content)


def _period(name: str, start: datetime | None, end: datetime | None) -> Iterator[tuple[str, Content]]:
    """Nothing for a period without limits."""
    if start is None and end is None:
        return
    first = int(start.timestamp()) if start is not None else 0
    last = int(end.timestamp()) if end is not None else _END_OF_TIME
    yield name, (("duration", max(0, last - first)), ("start", first))


def _shortened(scope: str) -> str:
    """As much of a scope as the schema holds, in whole parameters; the token answer has all of it."""
    while len(scope) > _LONGEST_SCOPE:
        shorter = scope.rpartition(";")[0]
        scope = shorter or scope[:_LONGEST_SCOPE]
    return scope


def _application(party: ThirdParty, at: Addresses) -> Iterator[tuple[str, str | int]]:
    """In the schema's order; an address that the schema demands and nobody gave is empty."""
    facts = party.facts
    oauth = f"{at.custodian}/{party.tenant.key}/oauth"
    if party.auth_method != "client_secret_basic":  # the schema has no other word for it below
        yield "extension", f"token_endpoint_auth_method={party.auth_method}"
    yield "dataCustodianId", party.tenant.key
    yield "dataCustodianApplicationStatus", int(party.status)
    yield from _told(
        ("thirdPartyApplicationDescription", facts.description),
        ("thirdPartyApplicationStatus", facts.development_status),
        ("thirdPartyApplicationType", facts.application_type),
        ("thirdPartyApplicationUse", facts.application_use),
        ("thirdPartyPhone", facts.phone),
    )
    yield "authorizationServerUri", at.issuer
    yield "thirdPartyNotifyUri", party.notify_uri or ""
    yield "authorizationServerAuthorizationEndpoint", f"{oauth}/authorize"
    yield "authorizationServerRegistrationEndpoint", f"{at.issuer}/oauth/register"
    yield "authorizationServerTokenEndpoint", f"{oauth}/token"
    yield "dataCustodianBulkRequestURI", f"{at.resource}/Batch/Bulk/{party.application_id}"
    yield "dataCustodianResourceEndpoint", at.resource
    yield from _told(("thirdPartyUserPortalScreenURI", facts.user_portal_uri))
    yield "client_secret", ""
    yield from _told(("logo_uri", facts.logo_uri))
    yield "client_name", party.name
    yield from _told(("client_uri", facts.client_uri))
    yield from (("redirect_uri", uri) for uri in party.redirect_uris or ("",))
    yield "client_id", party.client_id
    yield from _told(("tos_uri", facts.tos_uri), ("policy_uri", facts.policy_uri))
    yield "software_id", facts.software_id or ""
    yield "software_version", facts.software_version or ""
    yield "client_id_issued_at", int(party.created_at.timestamp())
    yield "client_secret_expires_at", 0
    yield from (("contacts", contact) for contact in facts.contacts)
    yield "token_endpoint_auth_method", "client_secret_basic"
    yield from (("scope", scope) for scope in party.offered_scopes)
    yield from (("grant_types", grant) for grant in _at_least_two(sorted(party.grants)))
    yield "response_types", "code"
    yield "registration_client_uri", f"{at.issuer}/oauth/register/{party.client_id}"
    yield "registration_access_token", ""


def _told(*facts: tuple[str, str | int | None]) -> Iterator[tuple[str, str | int]]:
    return ((name, value) for name, value in facts if value is not None)


def _at_least_two(grants: list[str]) -> list[str]:
    """The schema wants two; the one there is stands twice."""
    return grants if len(grants) > 1 else grants * 2
