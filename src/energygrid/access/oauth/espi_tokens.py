"""The two access tokens of Green Button.

A  of one authorisation: claims `espi` "access", `authorization` the consent's id, `scope` what was granted
C  of a third party itself: claim `espi` "client"; it reads the list of its authorisations, bulk feeds, service status

Source: contracts/greenbutton.md 3.1 and 3.5.
"""

from datetime import datetime, timedelta

from energygrid.access.consents.consents import Consent
from energygrid.access.third_parties.third_parties import ThirdParty
from energygrid.access.tokens import Authority, IssuedToken, issue

ACCESS = "access"
CLIENT = "client"


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
