"""The sandbox's third party, a customer who shares everything with it, and people who can sign in.

Loading again changes nothing. Secrets are derived from the installation's secret key, so they can be told at any time.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import SecretStr
from sqlalchemy import Connection

from energygrid.access import audit, users
from energygrid.access.caller import Tenant
from energygrid.access.consents import consents
from energygrid.access.consents.consents import Consent
from energygrid.access.oauth.espi_tokens import issue_access_token
from energygrid.access.passwords import Passwords
from energygrid.access.third_parties import credentials, third_parties
from energygrid.access.third_parties.facts import Facts, Status
from energygrid.access.tokens import Authority
from energygrid.access.users import find_user
from energygrid.access.vault import Vault
from energygrid.greenbutton.sandbox import household
from energygrid.greenbutton.sandbox.household import SandboxCustomer

THIRD_PARTY = "energygrid-third-party"
CUSTOMER_USER, DEVELOPER_USER, STAFF_USER = "homeowner", "developer", "staff"
SCOPE = (
    "FB=1_3_4_5_8_10_11_12_13_15_16_17_27_28_31_34_35_37_39_51_53_54_55_56_57_58_59_60_61_62;"
    "IntervalDuration=900_3600_86400;BlockDuration=daily;HistoryLength=63072000;SubscriptionFrequency=daily;"
    "AccountCollection=1"
)
NARROW_SCOPE = "FB=4_5_15_16;IntervalDuration=3600;HistoryLength=7776000"
_HISTORY = timedelta(seconds=63_072_000)
_TOKEN_LIFETIME = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class SandboxKeys:
    """What somebody needs to try everything out."""

    client_id: str
    client_secret: SecretStr
    registration_token: SecretStr
    access_token: SecretStr
    subscription: str
    user: str
    password: SecretStr


def load(db: Connection, vault: Vault, passwords: Passwords, tenant: Tenant, now: datetime) -> Consent:
    """Load what is missing; the standing consent."""
    customer = household.load(db, vault, tenant, now)
    _load_users(db, vault, passwords, tenant, customer, now)
    if third_parties.find_by_client(db, THIRD_PARTY) is None:
        developer = find_user(db, tenant, DEVELOPER_USER)
        third_parties.register(
            db,
            vault,
            tenant,
            name="Sandbox Energy Advisor",
            offered_scopes=[SCOPE, NARROW_SCOPE],
            redirect_uris=["http://127.0.0.1:8080/callback"],
            facts=Facts(description="Shows a household what it uses, and when.", software_id="sandbox-advisor"),
            status=Status.LIVE,
            owner_user_id=None if developer is None else developer.id,
            client_id=THIRD_PARTY,
            secret=_client_secret(vault),
            registration_token=credentials.derived_registration_token(vault, THIRD_PARTY),
            who=audit.SYSTEM,
            now=now,
        )
    return _standing(db, tenant, now) or _give(db, tenant, customer, now)


def keys(db: Connection, vault: Vault, authority: Authority, tenant: Tenant, now: datetime) -> SandboxKeys:
    """The keys, with an access token that is good for a day."""
    consent = _standing(db, tenant, now)
    assert consent is not None
    issued = issue_access_token(authority, tenant=tenant.key, consent=consent, lifetime=_TOKEN_LIFETIME, now=now)
    return SandboxKeys(
        client_id=THIRD_PARTY,
        client_secret=_client_secret(vault),
        registration_token=credentials.derived_registration_token(vault, THIRD_PARTY),
        access_token=SecretStr(issued.token),
        subscription=consent.id,
        user=CUSTOMER_USER,
        password=_password(vault, CUSTOMER_USER),
    )


def is_loaded(db: Connection, tenant: Tenant, now: datetime) -> bool:
    return _standing(db, tenant, now) is not None


def _standing(db: Connection, tenant: Tenant, now: datetime) -> Consent | None:
    given = [each for each in consents.of_client(db, tenant.id, THIRD_PARTY) if each.holds(now)]
    return given[0] if given else None


def _give(db: Connection, tenant: Tenant, customer: SandboxCustomer, now: datetime) -> Consent:
    return consents.give(
        db,
        tenant.id,
        client_id=THIRD_PARTY,
        customer_id=customer.customer_id,
        requested_scope=SCOPE,
        scope=SCOPE,
        meters=customer.meters,
        data_from=now - _HISTORY,
        evidence="sandbox",
        who=audit.SYSTEM,
        now=now,
    )


def _load_users(
    db: Connection, vault: Vault, passwords: Passwords, tenant: Tenant, customer: SandboxCustomer, now: datetime
) -> None:
    wanted = (
        (CUSTOMER_USER, "Grace Greenfield", (), customer.customer_id),
        (DEVELOPER_USER, "Dev Eloper", ("developer",), None),
        (STAFF_USER, "Stan Staff", ("staff",), None),
    )
    for username, name, roles, customer_id in wanted:
        if find_user(db, tenant, username) is None:
            users.create_user(
                db,
                passwords,
                tenant,
                username,
                password=_password(vault, username),
                name=name,
                roles=roles,
                customer_id=customer_id,
                who=audit.SYSTEM,
                now=now,
            )


def _client_secret(vault: Vault) -> SecretStr:
    return credentials.derived_secret(vault, "sandbox client", THIRD_PARTY)


def _password(vault: Vault, username: str) -> SecretStr:
    return credentials.derived_secret(vault, "sandbox user", username)
