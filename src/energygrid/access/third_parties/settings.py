"""How a utility lets third parties in."""

from typing import Literal

from pydantic import BaseModel, Field

_YEAR_S = 365 * 86_400


class SharingSettings(BaseModel):
    """Settings section `sharing` of a tenant."""

    registration: Literal["open", "token", "closed"] = Field(
        "open",
        description="Who may register a third party over the network: anybody (it starts under review), holders of an"
        " initial access token, or nobody.",
    )
    registrations_per_hour: int = Field(10, ge=1, description="Registrations from one network address in an hour.")
    test_customers: list[str] = Field(
        [], description="Customers who may authorise a third party that is still under review, outside a sandbox."
    )
    require_pkce: bool = Field(False, description="Whether third parties with a secret must use PKCE too.")
    code_lifetime_s: int = Field(120, ge=30, le=300, description="Seconds an authorisation code is good for.")
    refresh_idle_s: int = Field(
        _YEAR_S, ge=3600, le=10 * _YEAR_S, description="Seconds after which an unused refresh token expires."
    )
    revoked_refresh_is_403: bool = Field(
        False,
        description="Whether a refresh under a revoked authorisation answers 403, as some clients expect, instead of"
        " 400.",
    )
    strict_client_auth: bool = Field(
        False, description="Whether a client_id in the form beside HTTP Basic is refused, as certification asks."
    )
