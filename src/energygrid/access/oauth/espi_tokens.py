"""The two access tokens of Green Button.

A  of one authorisation: claims `espi` "access", `authorization` the consent's id, `scope` what was granted
C  of a third party itself: claim `espi` "client"; it reads the list of its authorisations, bulk feeds, service status

Source: contracts/greenbutton.md 3.1 and 3.5.
"""

from datetime import datetime, timedelta

from energygrid.access.consents.consents import Consent
from energygrid.access.consents.espi_scope import parse_scope
from energygrid.access.third_parties.third_parties import ThirdParty
from energygrid.access.tokens import Authority, IssuedToken, issue

ACCESS = "access"
CLIENT = "client"
CLIENT_SCOPE = "FB=34_35"
"""Of a third party's own token when it asks for none: bulk feeds."""


def issue_access_token(
    authority: Authority,
    *,
    tenant: str,
    consent: Consent,
    lifetime: timedelta,
    now: datetime,
    thumbprint: str | None = None,
) -> IssuedToken:
    """A token for what one customer allowed; it never outlives the consent.

    Its subject is the consent: a third party learns no name for the customer that it could share with another.
    """
    left = lifetime if consent.expires_at is None else min(lifetime, consent.expires_at - now)
    return issue(
        authority,
        tenant=tenant,
        client_id=consent.client_id,
        subject=consent.id,
        scopes=[consent.scope],
        lifetime=left,
        now=now,
        thumbprint=thumbprint,
        more={"espi": ACCESS, "authorization": consent.id},
    )


def issue_client_token(
    authority: Authority,
    party: ThirdParty,
    *,
    scope: str,
    lifetime: timedelta,
    now: datetime,
    thumbprint: str | None = None,
) -> IssuedToken:
    """A token for what concerns the third party itself."""
    return issue(
        authority,
        tenant=party.tenant.key,
        client_id=party.client_id,
        subject=party.client_id,
        scopes=[scope],
        lifetime=lifetime,
        now=now,
        thumbprint=thumbprint,
        more={"espi": CLIENT},
    )


def access_answer(
    resource_url: str, consent: Consent, issued: IssuedToken, refresh_token: str | None, now: datetime
) -> dict[str, object]:
    """The token answer of contract 3.5.4. The three addresses end in one id, which clients take from any of them."""
    customer = parse_scope(consent.scope).customer
    return {
        "access_token": issued.token,
        "token_type": "Bearer",
        "expires_in": int((issued.expires_at - now).total_seconds()),
        **({"refresh_token": refresh_token} if refresh_token is not None else {}),
        "scope": consent.scope,
        "resourceURI": f"{resource_url}/Batch/Subscription/{consent.id}",
        **({"customerResourceURI": f"{resource_url}/Batch/RetailCustomer/{consent.id}"} if customer else {}),
        "authorizationURI": f"{resource_url}/Authorization/{consent.id}",
    }


def client_answer(
    resource_url: str, party: ThirdParty, scope: str, issued: IssuedToken, now: datetime
) -> dict[str, object]:
    """The token answer of contract 3.5.6."""
    return {
        "access_token": issued.token,
        "token_type": "Bearer",
        "expires_in": int((issued.expires_at - now).total_seconds()),
        "scope": scope,
        "resourceURI": f"{resource_url}/Batch/Bulk/{party.application_id}",
        "customerResourceURI": f"{resource_url}/Batch/BulkRetailCustomerInfo/{party.application_id}",
        "authorizationURI": f"{resource_url}/Authorization/{party.application_id}",
    }
