"""Limits and lifetimes of identity. Each is an environment variable ENERGYGRID_ACCESS_<NAME>."""

from pydantic import BaseModel, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class AccessSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="ENERGYGRID_ACCESS_", extra="ignore", frozen=True)

    token_lifetime_s: int = Field(3600, ge=60, le=86_400, description="Seconds an access token is valid.")
    token_cache_s: int = Field(
        60,
        ge=0,
        le=60,
        description="Seconds a checked token is believed without another look at the database; a revoked token or a"
        " disabled client may still get through for as long.",
    )
    token_cache_size: int = Field(10_000, ge=1, description="Most checked tokens one process remembers.")
    tokens_per_minute: int = Field(10, ge=1, description="Tokens one client may be issued in a minute.")
    sandbox_tokens_per_minute: int = Field(600, ge=1, description="The same for clients of a sandbox.")
    third_party_tokens_per_minute: int = Field(
        600, ge=1, description="The same for third parties, which keep a token for each customer."
    )
    failures: int = Field(5, ge=1, description="Wrong secrets or passwords within `failure_window_s` that lock.")
    sandbox_failures: int = Field(50, ge=1, description="The same for a sandbox.")
    address_failures: int = Field(
        100, ge=1, description="Wrong secrets from one network address, for whatever client, that lock the address."
    )
    failure_window_s: int = Field(900, ge=1, description="Seconds within which failures count together.")
    lock_s: int = Field(900, ge=1, description="Seconds a lock lasts.")
    key_lead_s: int = Field(
        86_400, ge=0, description="Seconds a key is published before it signs, so that every cache has it by then."
    )
    key_age_s: int = Field(90 * 86_400, ge=3600, description="Seconds after which scheduled work rotates the key.")
    session_idle_s: int = Field(
        1800, ge=60, le=86_400, description="Seconds without a request after which a portal session ends."
    )
    session_lifetime_s: int = Field(
        12 * 3600, ge=300, le=30 * 86_400, description="Seconds a portal session lasts at most."
    )
    password_hashes: int = Field(
        4, ge=1, le=64, description="Passwords one process hashes at a time; each takes 64 MiB of memory."
    )


class TenantAccessSettings(BaseModel):
    """Settings section `access` of a tenant."""

    require_certificate: bool = Field(
        default=False, description="Take only tokens that are bound to the caller's TLS certificate (RFC 8705)."
    )
