"""Sealing of secrets and personal data before they reach the database.

Every purpose has its own key, derived from the installation's secret key with HKDF-SHA256, so that a value sealed for
one purpose can never be opened as another.
"""

import hmac
import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from energygrid.errors import Invalid

KEY_BYTES = 32
_NONCE_BYTES = 12


class Vault:
    """AES-256-GCM sealing and keyed fingerprints under one installation secret of 32 bytes."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise Invalid("BAD_SECRET_KEY", f"the secret key has {len(key)} bytes instead of {KEY_BYTES}")
        self._derive = lru_cache(maxsize=64)(
            lambda purpose: HKDF(SHA256(), KEY_BYTES, salt=None, info=f"energygrid {purpose}".encode()).derive(key)
        )

    def seal(self, purpose: str, plain: bytes) -> bytes:
        """Nonce and ciphertext; two calls never give the same bytes."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + AESGCM(self._derive(f"seal {purpose}")).encrypt(nonce, plain, purpose.encode())

    def open(self, purpose: str, sealed: bytes) -> bytes:
        """The sealed bytes; raises Invalid("SEAL_BROKEN") when the key, the purpose or the bytes do not match."""
        nonce, body = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return AESGCM(self._derive(f"seal {purpose}")).decrypt(nonce, body, purpose.encode())
        except (InvalidTag, ValueError) as error:
            raise Invalid("SEAL_BROKEN", f"a sealed value for {purpose!r} cannot be opened with this key") from error

    def fingerprint(self, purpose: str, data: bytes) -> bytes:
        """HMAC-SHA256 of `data` (32 bytes): equal data, equal fingerprint, nothing learned without the key."""
        return hmac.digest(self._derive(f"fingerprint {purpose}"), data, "sha256")
