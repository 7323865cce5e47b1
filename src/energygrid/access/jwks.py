"""The key set of an outside identity provider, kept so that neither its outage nor a flood of forged tokens reaches us.

A set is believed for its lifetime (5 min, or up to 1 h if the provider says so) and renewed in the background before
that ends; when the provider is down, the last set serves for 24 h. A key id that is not in the set may be new, so the
set is fetched again, by one thread, at most every 30 s, and the id that is still unknown is not asked for again for
60 s. Source: contracts/powerbox.md 5.5.
"""

import re
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from energygrid.access.jose import Key, strict_json
from energygrid.access.outgoing import Answer
from energygrid.errors import DomainError, Unavailable

LIFETIME = timedelta(seconds=300)
LONGEST_LIFETIME = timedelta(hours=1)
SHORTEST_LIFETIME = timedelta(seconds=30)
STALE_FOR = timedelta(hours=24)
COOLDOWN = timedelta(seconds=30)
UNKNOWN_FOR = timedelta(seconds=60)
LARGEST_SET = 65_536
MOST_KEYS = 50

_MOST_UNKNOWN = 1_000
_LEAST_RSA_BITS = 2_048
_KINDS: Mapping[str, type[Key]] = {"EC": ECKey, "RSA": RSAKey, "OKP": OKPKey}
_PUBLIC_PARAMETERS = frozenset({"kty", "crv", "x", "y", "n", "e", "kid", "use", "alg", "key_ops"})
_MAX_AGE = re.compile(r"(?:^|[ ,])max-age=(\d{1,9})(?:$|[ ,])", re.IGNORECASE)

Fetch = Callable[[str], Answer]
Spawn = Callable[[Callable[[], object]], None]


def in_background(work: Callable[[], object]) -> None:
    threading.Thread(target=work, daemon=True, name="jwks").start()


class KeySet:
    """The keys of one issuer. Safe for many threads; one of them fetches while the others use what there is."""

    def __init__(self, issuer: str, jwks_uri: str | None, fetch: Fetch, spawn: Spawn = in_background) -> None:
        """Without `jwks_uri` it is looked up in the issuer's discovery document."""
        self._issuer = issuer
        self._jwks_uri = jwks_uri
        self._fetch = fetch
        self._spawn = spawn
        self._fetching = threading.Lock()
        self._keys: dict[str | None, Key] = {}
        self._lifetime = LIFETIME
        self._tried: datetime | None = None
        self._unknown: dict[str | None, datetime] = {}
        self.fetched: datetime | None = None
        self.failures = 0
        self.unknown_kids = 0

    def key(self, kid: str | None, now: datetime) -> Key | None:
        """The key `kid`, or the only one when the token names none; None when there is no such key.

        Raises Unavailable("IDP_UNAVAILABLE") when the provider has not answered, ever or for too long.
        """
        fresh = self._keep_fresh(now)
        found = self._keys.get(kid)
        if found is None and self._unknown.get(kid, now) <= now and self._refresh(now):
            fresh, found = True, self._keys.get(kid)
        if found is None:
            self.unknown_kids += 1
            if fresh:
                self._remember_unknown(kid, now)
        return found

    def _keep_fresh(self, now: datetime) -> bool:
        """Whether the set was fetched just now."""
        fetched = False
        if self.fetched is None:
            fetched = self._refresh(now, wait=True)
        else:
            age = now - self.fetched
            if age >= self._lifetime:
                fetched = self._refresh(now)
            elif age >= self._lifetime * 0.8 and self._cooled_down(now):
                self._spawn(lambda: self._refresh(now))
        if self.fetched is None or now - self.fetched > STALE_FOR:
            raise Unavailable("IDP_UNAVAILABLE", "the identity provider's keys cannot be fetched", issuer=self._issuer)
        return fetched

    def _cooled_down(self, now: datetime) -> bool:
        return self._tried is None or now - self._tried >= COOLDOWN

    def _refresh(self, now: datetime, *, wait: bool = False) -> bool:
        """Whether the set was fetched just now. With `wait`, wait for a thread that is at it already."""
        if not self._cooled_down(now) and not (wait and self._fetching.locked()):
            return False
        if not self._fetching.acquire(blocking=wait):
            return False
        try:
            if not self._cooled_down(now):
                return False
            self._tried = now
            self._keys, self._lifetime = self._load()
        except DomainError:
            self.failures += 1
            return False
        else:
            self.fetched = now
            return True
        finally:
            self._fetching.release()

    def _load(self) -> tuple[dict[str | None, Key], timedelta]:
        """Keys by id, and how long they may be kept; raises DomainError for whatever is wrong with the answer."""
        answer = self._get(self._jwks_uri or self._discovered())
        entries = strict_json(answer.body).get("keys")
        if not isinstance(entries, list) or len(entries) > MOST_KEYS:
            raise Unavailable("IDP_BROKEN", "the identity provider sent no proper key set", issuer=self._issuer)
        keys = [key for entry in entries if (key := _usable(entry)) is not None]
        by_kid: dict[str | None, Key] = {kid: key for kid, key in keys if kid is not None}
        if len(keys) == 1:
            by_kid[None] = keys[0][1]
        return by_kid, _lifetime(answer.headers)

    def _discovered(self) -> str:
        answer = self._get(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
        document = strict_json(answer.body)
        jwks_uri = document.get("jwks_uri")
        if document.get("issuer") != self._issuer or not isinstance(jwks_uri, str):
            raise Unavailable("IDP_BROKEN", "the discovery document is another issuer's", issuer=self._issuer)
        return jwks_uri

    def _get(self, url: str) -> Answer:
        answer = self._fetch(url)
        if answer.status != 200 or len(answer.body) > LARGEST_SET:
            raise Unavailable("IDP_BROKEN", f"the identity provider answered {answer.status}", issuer=self._issuer)
        return answer

    def _remember_unknown(self, kid: str | None, now: datetime) -> None:
        """For an id that a set fetched just now does not hold."""
        if len(self._unknown) >= _MOST_UNKNOWN:
            self._unknown.clear()
        self._unknown[kid] = now + UNKNOWN_FOR


def _usable(entry: Any) -> tuple[str | None, Key] | None:
    """Id and public key of a set's entry; None for what is not meant for signatures, or weak, or malformed.

    A private part that a careless provider publishes is dropped unread.
    """
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
        return None
    if "verify" not in entry.get("key_ops", ["verify"]):
        return None
    kind = _KINDS.get(str(entry.get("kty")))
    kid = entry.get("kid")
    if kind is None or not isinstance(kid, str | None):
        return None
    public = {name: value for name, value in entry.items() if name in _PUBLIC_PARAMETERS - {"key_ops"}}
    try:
        key = kind.import_key(public)
        weak = isinstance(key, RSAKey) and key.public_key.key_size < _LEAST_RSA_BITS
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return None if weak else (kid, key)


def _lifetime(headers: Mapping[str, str]) -> timedelta:
    match = _MAX_AGE.search(headers.get("cache-control", ""))
    if match is None:
        return LIFETIME
    return min(max(timedelta(seconds=int(match[1])), SHORTEST_LIFETIME), LONGEST_LIFETIME)
