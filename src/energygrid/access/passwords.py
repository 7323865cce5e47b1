"""Passwords of people: argon2id, with a bound on how many are hashed at a time.

Each hash takes 64 MiB and some 50 ms on purpose, so an unbounded number of them would be an attack by itself. Secrets
of programs are random and long: they are fingerprinted instead (see `clients`).
Source: RFC 9106 (low-memory profile, the library's default); contracts/powerbox.md 5.6.
"""

import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pydantic import SecretStr

from energygrid.access.settings import AccessSettings
from energygrid.errors import Invalid, Throttled

SHORTEST = 12
LONGEST_BYTES = 1_024
_WAIT_S = 5.0


class Passwords:
    """The hasher of one process; safe for many threads."""

    def __init__(self, rules: AccessSettings, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._places = threading.BoundedSemaphore(rules.password_hashes)

    @cached_property
    def _nobodys(self) -> str:
        return self._hasher.hash("nobody's password")

    def hash(self, password: SecretStr) -> str:
        """Raises Invalid("WEAK_PASSWORD") for one that is too short or too long."""
        text = _normal(password)
        if len(text) < SHORTEST or len(text.encode()) > LONGEST_BYTES:
            raise Invalid(
                "WEAK_PASSWORD", f"a password has at least {SHORTEST} characters and at most {LONGEST_BYTES} bytes"
            )
        with self._place():
            return self._hasher.hash(text)

    def matches(self, hashed: str | None, password: SecretStr) -> bool:
        """Whether `password` made `hashed`. None and "" take as long as a real hash and never match."""
        text = _normal(password)
        if len(text.encode()) > LONGEST_BYTES:
            return False
        with self._place():
            nobodys = self._nobodys  # whoever asks: making it takes as long as a hash, the first time
            try:
                return self._hasher.verify(hashed or nobodys, text) and bool(hashed)
            except (VerificationError, InvalidHashError):
                return False

    def is_outdated(self, hashed: str) -> bool:
        """Whether it was hashed with other parameters than today's."""
        return self._hasher.check_needs_rehash(hashed)

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._places.acquire(timeout=_WAIT_S):
            raise Throttled("BUSY", "too many passwords are being checked", retry_after=5)
        try:
            yield
        finally:
            self._places.release()


def _normal(password: SecretStr) -> str:
    """Keyboards differ in how they compose letters; the password does not."""
    return unicodedata.normalize("NFC", password.get_secret_value().encode(errors="replace").decode())
