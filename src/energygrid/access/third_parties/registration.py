"""A third party registers itself, and keeps its registration (RFC 7591, RFC 7592).

Facts of ESPI that the RFC has no name for have the name that ApplicationInformation gives them.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from sqlalchemy import Connection

from energygrid.access import tenants, throttle
from energygrid.access.caller import Actor, Tenant
from energygrid.access.clients import Client, GrantType, find_client
from energygrid.access.third_parties import changing, third_parties
from energygrid.access.third_parties.facts import Facts
from energygrid.access.third_parties.invitations import invited_to
from energygrid.access.third_parties.settings import SharingSettings
from energygrid.access.third_parties.third_parties import Registered, ThirdParty
from energygrid.access.throttle import Rate
from energygrid.access.vault import Vault
from energygrid.errors import Denied, Invalid, NotFound, Throttled, Unauthenticated

DEFAULT_SCOPE = "FB=1_3_4_5_13_31_37_39"
"""Of who names none: usage intervals, and nothing else that is data."""

Model = TypeVar("Model", bound=BaseModel)
Text = Annotated[str, StringConstraints(max_length=2048)]


class Metadata(BaseModel):
    """Client metadata; what is not known here is ignored (RFC 7591 section 2)."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    client_name: Text
    redirect_uris: tuple[Text, ...] = Field((), max_length=20)
    scope: Annotated[str, StringConstraints(max_length=8192)] = DEFAULT_SCOPE
    grant_types: tuple[GrantType, ...] = third_parties.GRANTS
    response_types: tuple[str, ...] = ("code",)
    token_endpoint_auth_method: str = "client_secret_basic"  # noqa: S105 - the name of a method
    notify_uri: Text | None = Field(None, alias="thirdPartyNotifyUri")
    description: Text | None = Field(None, alias="thirdPartyApplicationDescription")
    development_status: int | None = Field(None, alias="thirdPartyApplicationStatus")
    application_type: int | None = Field(None, alias="thirdPartyApplicationType")
    application_use: int | None = Field(None, alias="thirdPartyApplicationUse")
    phone: Text | None = Field(None, alias="thirdPartyPhone")
    user_portal_uri: Text | None = Field(None, alias="thirdPartyUserPortalScreenURI")
    client_uri: Text | None = None
    logo_uri: Text | None = None
    tos_uri: Text | None = None
    policy_uri: Text | None = None
    contacts: tuple[Text, ...] = Field((), max_length=20)
    software_id: Text | None = None
    software_version: Text | None = None

    @property
    def scopes(self) -> list[str]:
        return self.scope.split()

    def facts(self) -> Facts:
        """Raises Invalid("BAD_METADATA")."""
        values = {name: getattr(self, name) for name in Facts.model_fields}
        return _checked(Facts, values)


def read_metadata(value: Mapping[str, Any]) -> Metadata:
    """Raises Invalid("BAD_METADATA")."""
    read = _checked(Metadata, {name: each for name, each in value.items() if each is not None})
    if read.response_types != ("code",):
        raise Invalid("BAD_METADATA", "response_types: the only one there is is code")
    read.facts()
    return read


def tell(party: ThirdParty) -> dict[str, Any]:
    """The metadata of a registration as it stands, without secrets."""
    facts = party.facts.model_dump()
    told = Metadata(
        client_name=party.name,
        redirect_uris=party.redirect_uris,
        scope=" ".join(party.offered_scopes),
        grant_types=tuple(each for each in third_parties.GRANTS if each in party.grants),
        token_endpoint_auth_method=party.auth_method,
        notify_uri=party.notify_uri,
        **facts,
    )
    return {
        "client_id": party.client_id,
        "client_id_issued_at": int(party.created_at.timestamp()),
        **({} if party.public else {"client_secret_expires_at": 0}),
        **told.model_dump(mode="json", by_alias=True, exclude_none=True),
        "application_id": party.application_id,
        "dataCustodianApplicationStatus": int(party.status),
    }


def register(
    db: Connection,
    vault: Vault,
    metadata: Metadata,
    *,
    utility: str | None,
    token: str | None,
    network: str,
    request_id: str,
    now: datetime,
) -> Registered:
    """A third party that registers itself, under review until the utility's staff say otherwise.

    utility  key of the tenant; None: that of the token, or the only one there is
    token    an initial access token, if one was shown
    network  what counts as one caller for the limit
    Raises Unauthenticated("INVALID_TOKEN"), Denied("REGISTRATION_CLOSED"), Throttled("RATE_LIMITED"),
    Invalid("UNKNOWN_UTILITY") and what `third_parties.register` raises. Its notification address is for the caller to
    set, who has judged it.
    """
    invited = None if token is None else invited_to(vault, token, now)
    if token is not None and invited is None:
        raise Unauthenticated("INVALID_TOKEN", "the initial access token is not known, or has expired")
    tenant = _tenant(db, utility, invited)
    if invited is not None and invited != tenant.id:
        raise Unauthenticated("INVALID_TOKEN", "the initial access token is for another utility")
    rules = tenant.section("sharing", SharingSettings)
    if rules.registration == "closed" or (rules.registration == "token" and invited is None):
        raise Denied("REGISTRATION_CLOSED", f"ask {tenant.key} for registration; it is not open to everybody")
    rate = Rate(rules.registrations_per_hour, timedelta(hours=1))
    if wait := throttle.take(db, f"registrations at {tenant.id} from {network}", rate, now):
        raise Throttled("RATE_LIMITED", "too many registrations from this address", retry_after=wait)
    return third_parties.register(
        db,
        vault,
        tenant,
        name=metadata.client_name,
        redirect_uris=metadata.redirect_uris,
        offered_scopes=metadata.scopes,
        facts=metadata.facts(),
        auth_method=metadata.token_endpoint_auth_method,
        grants=metadata.grant_types,
        who=Actor("registration", request_id),
        now=now,
    )


def replace(
    db: Connection, vault: Vault, party: ThirdParty, value: Mapping[str, Any], *, who: Actor, now: datetime
) -> ThirdParty:
    """What the third party says it is from now on; what it leaves out has its default again (RFC 7592 section 2.2).

    Its notification address is for the caller to set, who has judged it.
    Raises Invalid("BAD_METADATA") for keys that are not its own, and what `third_parties.update` raises.
    """
    metadata = read_metadata(value)
    _check_keys(find_client(db, party.client_id), vault, value)
    if metadata.token_endpoint_auth_method != party.auth_method or not party.grants <= set(metadata.grant_types):
        raise Invalid("BAD_METADATA", "the way of authentication and the grants stay as they were registered")
    return changing.update(
        db,
        party.client_id,
        name=metadata.client_name,
        redirect_uris=metadata.redirect_uris,
        offered_scopes=metadata.scopes,
        facts=metadata.facts(),
        by_itself=True,
        who=who,
        now=now,
    )


def _check_keys(client: Client | None, vault: Vault, value: Mapping[str, Any]) -> None:
    if client is None or value.get("client_id") != client.client_id:
        raise Invalid("BAD_METADATA", "client_id: not the one of this registration")
    secret = value.get("client_secret")
    if secret is not None and not (isinstance(secret, str) and client.knows(vault, secret)):
        raise Invalid("BAD_METADATA", "client_secret: not the one of this registration")


def _tenant(db: Connection, utility: str | None, invited: int | None) -> Tenant:
    if utility is not None:
        try:
            return tenants.find_tenant(db, utility.lower())
        except NotFound as error:
            raise Invalid("UNKNOWN_UTILITY", f"there is no utility {utility[:64]}") from error
    if invited is not None:
        return tenants.get_tenant(db, invited)
    known = tenants.list_tenants(db)
    if len(known) != 1:
        raise Invalid("UNKNOWN_UTILITY", "say which utility: register at /DataCustodian/{utility}/oauth/register")
    return tenants.find_tenant(db, str(known[0]["key"]))


def _checked(model: type[Model], values: Mapping[str, Any]) -> Model:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        wrong = (f"{'.'.join(map(str, part['loc']))}: {part['msg']}" for part in error.errors())
        raise Invalid("BAD_METADATA", "; ".join(wrong)) from error
