"""The opaque values that travel: what each looks like, and under which name its fingerprint is made.

Each begins with the tenant's number, so that it is looked up within that tenant alone.
"""

import re
import secrets

from energygrid.access.vault import Vault

REQUEST, CODE, REFRESH = "authorization request", "authorization code", "refresh token"
_SHAPE = re.compile(r"([1-9][0-9]{0,17})-[A-Za-z0-9_-]{43}")


def new_value(tenant_id: int) -> str:
    """256 random bits."""
    return f"{tenant_id}-{secrets.token_urlsafe(32)}"


def tenant_in(value: str) -> int | None:
    """None when it is not one of ours."""
    match = _SHAPE.fullmatch(value)
    return None if match is None else int(match[1])


def fingerprint(vault: Vault, purpose: str, value: str) -> bytes:
    return vault.fingerprint(purpose, value.encode())
