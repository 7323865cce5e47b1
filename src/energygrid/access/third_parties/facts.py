"""What a third party says of itself, and the rules for its addresses.

Source: contracts/greenbutton.md 1.2 (ApplicationInformation) and 3.6; RFC 7591 section 2; RFC 8252 sections 7 and 8.
"""

import re
from collections.abc import Sequence
from enum import IntEnum
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from energygrid.access.consents.espi_scope import parse_scope
from energygrid.errors import Invalid

MOST_REDIRECT_URIS = 20
MOST_SCOPES = 20
_LONGEST_URI = 2048
_LONGEST_SCOPE = 256
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_PRIVATE_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+")
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\uffff\\\"<>^`{|}]")


class Status(IntEnum):
    """dataCustodianApplicationStatus."""

    REVIEW = 1
    LIVE = 2
    ON_HOLD = 3
    REVOKED = 4


def _web_address(text: str | None) -> str | None:
    if text is not None:
        try:
            parts = urlsplit(text)
            right = parts.scheme == "https" and bool(parts.hostname) and not parts.username
        except ValueError:
            right = False
        if not right or _UNPRINTABLE.search(text):
            raise ValueError("is not an https address")
    return text


WebAddress = Annotated[str, Field(max_length=_LONGEST_URI), AfterValidator(_web_address)]
Line = r"^[^\x00-\x1f\x7f]*$"


class Facts(BaseModel):
    """What ApplicationInformation tells of a third party and nobody here acts on. None: not told."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    description: str | None = Field(None, max_length=256, pattern=Line)
    development_status: int | None = Field(None, ge=1, le=4)
    application_type: int | None = Field(None, ge=1, le=4)
    application_use: int | None = Field(None, ge=1, le=5)
    phone: str | None = Field(None, max_length=32, pattern=Line)
    user_portal_uri: WebAddress | None = None
    client_uri: WebAddress | None = None
    logo_uri: WebAddress | None = None
    tos_uri: WebAddress | None = None
    policy_uri: WebAddress | None = None
    contacts: tuple[Annotated[str, Field(min_length=1, max_length=256, pattern=Line)], ...] = Field((), max_length=20)
    software_id: str | None = Field(None, max_length=256, pattern=Line)
    software_version: str | None = Field(None, max_length=32, pattern=Line)


def check_redirect_uris(uris: Sequence[str], *, public: bool) -> list[str]:
    """The addresses, each once. They are compared as whole strings later, so nothing about them is normalised.

    https; http to this machine alone; a private scheme with a dot in it (RFC 8252 section 7.1) for public clients.
    Raises Invalid("BAD_REDIRECT_URI").
    """
    kept = list(dict.fromkeys(uris))
    if len(kept) > MOST_REDIRECT_URIS:
        raise Invalid("BAD_REDIRECT_URI", f"there may be {MOST_REDIRECT_URIS} redirect addresses")
    for uri in kept:
        if (reason := _fault_of_redirect(uri, public=public)) is not None:
            raise Invalid("BAD_REDIRECT_URI", f"{uri[:200]}: {reason}")
    return kept


def _fault_of_redirect(uri: str, *, public: bool) -> str | None:
    if len(uri) > _LONGEST_URI or _UNPRINTABLE.search(uri):
        return "too long, or with characters that an address does not have"
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "not an address"
    if "#" in uri:
        return "a redirect address has no fragment"
    if parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK):
        return None if host and "@" not in parts.netloc else "an address has a host name and no user name"
    own = public and _PRIVATE_SCHEME.fullmatch(parts.scheme)
    return None if own else "an https address is needed; plain http is for addresses of this machine only"


def check_offered_scopes(scopes: Sequence[str]) -> list[str]:
    """Scope strings that a third party may ask for, each once; at least one. Raises Invalid("BAD_SCOPE")."""
    kept = list(dict.fromkeys(scopes))
    if not 0 < len(kept) <= MOST_SCOPES:
        raise Invalid("BAD_SCOPE", f"a third party has 1 to {MOST_SCOPES} scope strings")
    for scope in kept:
        if len(scope) > _LONGEST_SCOPE:
            raise Invalid("BAD_SCOPE", f"a scope string has at most {_LONGEST_SCOPE} characters")
        parse_scope(scope)
    return kept


def check_name(name: str) -> str:
    """Raises Invalid("BAD_NAME")."""
    if not 0 < len(name) <= 256 or not name.isprintable() or name != name.strip():
        raise Invalid("BAD_NAME", "a third party's name has 1 to 256 printable characters")
    return name
