"""Every setting of an installation, with its meaning. Each is an environment variable ENERGYGRID_<NAME>."""

import ipaddress
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


def _by_commas(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Listed = Annotated[list[str], NoDecode, BeforeValidator(_by_commas)]
"""In the environment: `10.0.0.0/8, cis.lan`."""


class Settings(BaseSettings):
    """What an operator may set; a tenant's own settings are rows in the database."""

    model_config = SettingsConfigDict(env_prefix="ENERGYGRID_", extra="ignore", frozen=True)

    data_dir: Path = Field(
        Path("data"), description="Folder of an embedded installation: its database, its secret key and its logs."
    )
    database_url: str | None = Field(
        None, description="A PostgreSQL (15 or later) to use instead of the embedded one: postgresql://user@host/name."
    )
    database_pool_size: int = Field(
        16, ge=1, le=200, description="Most connections one process opens for reading, and again for writing."
    )
    secret_key: SecretStr | None = Field(
        None,
        description="64 hexadecimal digits that seal secrets and personal data. Without it an embedded installation"
        " makes its own and keeps it in the data folder; several machines must share one.",
    )
    environment: Literal["sandbox", "staging", "production"] = Field(
        "production",
        description="What this installation is. A sandbox has fixtures, simulated devices and a virtual clock.",
    )
    public_url: str = Field(
        "http://127.0.0.1:8000",
        description="Address under which clients reach this installation; token issuer and links.",
    )
    embedded_idp: bool | None = Field(
        None,
        description="Whether the embedded authorisation server issues tokens. Unset: only where the environment is"
        " sandbox or the database is embedded.",
    )
    powerbox_host: str | None = Field(
        None,
        description="Host name that serves PowerBox and nothing else; its path stays /v1, which no other host serves"
        " then.",
    )
    identity_host: str | None = Field(
        None, description="Host name that serves identity and nothing else; its paths stay /oauth and /.well-known."
    )
    greenbutton_host: str | None = Field(
        None, description="Host name that serves Green Button and nothing else; its path stays /DataCustodian."
    )
    greenbutton_url: str | None = Field(
        None,
        description="Public address up to and without /DataCustodian, where links of Green Button feeds point."
        " Unset: public_url.",
    )
    greenbutton_strict_2018: bool = Field(
        False,
        description="Whether a Green Button batch without an access token is refused with 403, as the certification"
        " project of 2018 wants it, instead of 401.",
    )
    flex_host: str | None = Field(
        None, description="Host name that serves the flexibility API and nothing else; its path stays /flex."
    )
    portal_host: str | None = Field(
        None, description="Host name that serves the portal and nothing else; its path stays /portal."
    )
    portal_url: str | None = Field(
        None,
        description="Public address up to and without /portal, where people are sent to sign in. Unset: public_url.",
    )
    body_limit: int = Field(1 << 20, ge=1024, description="Most bytes of an ordinary request body.")
    upload_limit: int = Field(256 << 20, ge=1024, description="Most bytes of a streamed upload (ingest, batch push).")
    trusted_proxies: Listed = Field(
        [],
        description="Addresses or networks (CIDR) of proxies whose Client-Cert and Forwarded headers are believed;"
        " separated by commas.",
    )
    admin_networks: Listed = Field(
        [], description="Networks (CIDR) besides this machine that may read /metrics; separated by commas."
    )
    outgoing_allow: Listed = Field(
        [],
        description="Networks (CIDR) or host names on the local network that outgoing calls (webhooks, identity"
        " providers, the utility's systems) may reach although they are not public addresses; separated by commas.",
    )
    outgoing_http: bool = Field(
        False, description="Whether outgoing calls to addresses of outgoing_allow may use plain http."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="How log lines look; auto is text on a terminal and JSON elsewhere."
    )

    @field_validator("trusted_proxies", "admin_networks")
    @classmethod
    def _are_networks(cls, networks: list[str]) -> list[str]:
        for network in networks:
            ipaddress.ip_network(network, strict=False)
        return networks

    @field_validator("database_url")
    @classmethod
    def _is_postgresql(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("postgresql:", "postgresql+psycopg:", "postgres:")):
            raise ValueError("not a URL such as postgresql://user@host/name")
        return url

    @property
    def has_embedded_database(self) -> bool:
        return self.database_url is None

    @property
    def resource_url(self) -> str:
        """Base of every Green Button resource; in every ESPI version it says 1_1."""
        return f"{(self.greenbutton_url or self.public_url).rstrip('/')}/DataCustodian/espi/1_1/resource"

    @property
    def portal_base(self) -> str:
        return f"{(self.portal_url or self.public_url).rstrip('/')}/portal"

    @property
    def issues_tokens(self) -> bool:
        if self.embedded_idp is None:
            return self.environment == "sandbox" or self.has_embedded_database
        return self.embedded_idp
