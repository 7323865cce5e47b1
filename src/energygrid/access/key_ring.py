"""The signing keys as one process uses them: read from the database, kept for a minute, opened once."""

import threading
from datetime import datetime, timedelta
from typing import Any

from joserfc.jwk import ECKey

from energygrid.access.settings import AccessSettings
from energygrid.access.signing_keys import SigningKey, State, ensure_keys, load_keys, states
from energygrid.access.vault import Vault
from energygrid.database.engine import Database

_FRESH = timedelta(seconds=60)
_COOLDOWN = timedelta(seconds=5)


class KeyRing:
    """What signs, what is published, and what verifies. Safe for many threads.

    A rotation made by another process is noticed within a minute; until then this one signs with the previous key,
    which stays published. An unknown kid is looked up at once, at most every five seconds.
    """

    def __init__(self, database: Database, vault: Vault, rules: AccessSettings) -> None:
        self._database = database
        self._vault = vault
        self._lifetime = timedelta(seconds=rules.token_lifetime_s)
        self._lock = threading.Lock()
        self._keys: list[SigningKey] = []
        self._loaded: datetime | None = None
        self._private: dict[str, ECKey] = {}
        self._public: dict[str, ECKey] = {}

    def signing(self, now: datetime) -> tuple[str, ECKey]:
        """Kid and private key that sign at `now`."""
        keys = self._current(now)
        found = self._states(keys, now)
        # A clock slightly behind the one that made the very first key sees no key that signs yet.
        usable = [key for key in keys if found[key.kid] != "withdrawn"]
        key = next((key for key in usable if found[key.kid] == "signing"), usable[0])
        private = self._private.get(key.kid)
        if private is None:
            private = self._private[key.kid] = key.private(self._vault)
        return key.kid, private

    def verifying(self, kid: str, now: datetime) -> ECKey | None:
        """The public key `kid`, when tokens signed with it are believed at `now`."""
        for older_than in (_FRESH, _COOLDOWN):
            keys = self._current(now, older_than)
            if self._states(keys, now).get(kid) in {"next", "signing", "retiring"}:
                return self._public_key(next(key for key in keys if key.kid == kid))
        return None

    def key_set(self, now: datetime) -> dict[str, Any]:
        """The published keys as a JSON Web Key Set."""
        keys = self._current(now)
        found = self._states(keys, now)
        return {"keys": [dict(key.public) for key in keys if found[key.kid] not in {"retired", "withdrawn"}]}

    def _states(self, keys: list[SigningKey], now: datetime) -> dict[str, State]:
        return states(keys, now, self._lifetime)

    def _public_key(self, key: SigningKey) -> ECKey:
        public = self._public.get(key.kid)
        if public is None:
            public = self._public[key.kid] = ECKey.import_key(dict(key.public))
        return public

    def _current(self, now: datetime, older_than: timedelta = _FRESH) -> list[SigningKey]:
        """The keys, read again when what is known is older than `older_than`."""
        loaded = self._loaded
        if loaded is not None and abs(now - loaded) < older_than:
            return self._keys
        with self._lock:
            if self._loaded == loaded:
                keys = self._database.read(load_keys)
                if len([key for key in keys if key.withdrawn_at is None]) < 2:
                    keys = self._database.write(ensure_keys, self._vault, now)
                self._keys, self._loaded = keys, now
            return self._keys
