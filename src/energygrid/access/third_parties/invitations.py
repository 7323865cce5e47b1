"""Initial access tokens (RFC 7591 section 1.2): who holds one may register third parties until it expires.

Nothing is stored: a token names its tenant and its end, and carries a keyed hash of both.
"""

import hmac
import re
import secrets
from datetime import datetime, timedelta

from pydantic import SecretStr

from energygrid.access.vault import Vault

_SHAPE = re.compile(r"egi_([1-9][0-9]{0,17})\.([0-9]{1,12})\.([A-Za-z0-9_-]{16})\.([0-9a-f]{64})")
_PURPOSE = "initial access token"


def invite(vault: Vault, tenant_id: int, lifetime: timedelta, now: datetime) -> SecretStr:
    """A token that opens registration at one utility for so long."""
    said = f"{tenant_id}.{int((now + lifetime).timestamp())}.{secrets.token_urlsafe(12)}"
    return SecretStr(f"egi_{said}.{vault.fingerprint(_PURPOSE, said.encode()).hex()}")


def invited_to(vault: Vault, token: str, now: datetime) -> int | None:
    """The tenant that the token opens; None when it opens nothing, or nothing any more."""
    match = _SHAPE.fullmatch(token)
    if match is None:
        return None
    said = token.removeprefix("egi_").rpartition(".")[0]
    genuine = hmac.compare_digest(vault.fingerprint(_PURPOSE, said.encode()).hex(), match[4])
    return int(match[1]) if genuine and int(match[2]) > now.timestamp() else None
