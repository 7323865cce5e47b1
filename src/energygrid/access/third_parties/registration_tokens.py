"""What registration access tokens look like, and how the database knows one again."""

import secrets

from pydantic import SecretStr

from energygrid.access.vault import Vault

TOKEN_PREFIX = "egr_"  # noqa: S105 - what they begin with
_PURPOSE = "registration token"
_LONGEST = 256


def new_token() -> SecretStr:
    return SecretStr(TOKEN_PREFIX + secrets.token_urlsafe(32))


def is_one(text: str) -> bool:
    """Whether it may be one at all, by its looks."""
    return text.startswith(TOKEN_PREFIX) and len(text) <= _LONGEST and text.isascii()


def fingerprint(vault: Vault, token: str) -> bytes:
    return vault.fingerprint(_PURPOSE, token.encode())
