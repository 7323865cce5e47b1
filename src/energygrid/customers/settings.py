"""What a tenant may set about its customers (sections `customers` and `cis` of its settings)."""

import re
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator


class PiiLevel(StrEnum):
    """How names and street addresses rest in the database (contract C25)."""

    NONE = "none"
    """Dropped before anything is stored or hashed."""
    ENCRYPTED = "encrypted"
    """Sealed with AES-256-GCM; the key is outside the database."""
    PLAIN = "plain"
    """As they came, so that an operator may search them."""


class CustomerSettings(BaseModel):
    """Section `customers`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    pii_level: PiiLevel = PiiLevel.ENCRYPTED
    status_codebook: Literal["basic", "extended", "custom"] = Field(
        "basic",
        description="What AcctStatus codes mean: basic is C and S, extended the Integration Guide's eleven.",
    )
    closed_statuses: frozenset[str] = Field(frozenset(), description="Codes of a closed account; for codebook custom.")
    locked_statuses: frozenset[str] = Field(frozenset(), description="Codes of a locked account; for codebook custom.")
    open_statuses: frozenset[str] = Field(frozenset(), description="Codes of an open account; for codebook custom.")
    warn_below_full: bool = Field(
        default=True, description="Whether fields of the full profile that are absent are warned of."
    )
    postal_code_pattern: str | None = Field(
        None, description="Regular expression of a whole postal code; unset: US or CA."
    )
    state_pattern: str = Field("[A-Z]{2}", description="Regular expression of a whole state or province code.")
    shared_premises: Literal["by_account", "always"] = Field(
        "by_account",
        description="by_account: a new client on an occupied premise shares it when the account number is"
        " the same, else replaces who was there; always: it never replaces anybody.",
    )
    client_id_claim: str | None = Field(None, description="Token claim that names the customer: sub, BPID, ...")
    slid_prefix: str = Field("", description="Prefix of an accountSlid that the premise id lacks, for example SL-.")
    sync_per_second: float = Field(20, gt=0, le=10_000, description="Customer requests a second before 429.")

    @field_validator("postal_code_pattern", "state_pattern")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"not a regular expression: {error}") from error
        return pattern


class CisSettings(BaseModel):
    """Section `cis`: where the truth about customers comes from (contract C1)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    mode: Literal["push", "powerbox_pull", "file"] = Field(
        "push",
        description="Who answers a pull: our mirror (push, file) or the utility's own PowerBox.",
    )
    base_url: str = Field("", description="Address of the utility's PowerBox up to and without /powerbox.")
    auth: Literal["bearer", "mtls_basic"] = Field("bearer", description="How we show who we are there.")
    token_url: str = Field("", description="Where client credentials are exchanged for a bearer token.")
    scope: str = Field("customer.sync", description="Scope asked for at token_url.")
    client_id: str = ""
    client_secret_sealed: str = Field("", description="Sealed by `configure_cis`, base64.")
    certificate: str = Field("", description="Client certificate in PEM, for mtls_basic.")
    private_key_sealed: str = Field("", description="Its private key in PEM, sealed by `configure_cis`, base64.")
    timeout_s: float = Field(10, gt=0, le=60, description="Seconds until the utility counts as unreachable.")
    retry_after_s: int = Field(30, ge=1, le=3600, description="Seconds we ask callers to wait when it is.")
