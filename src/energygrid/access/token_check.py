"""Who calls: from a bearer token to a `Caller`.

Two kinds of issuer are believed and never mixed: this installation's own authorisation server, if it issues tokens at
all, and the outside identity providers that a tenant trusts. The `iss` claim chooses the terms, without trust; the
signature under those terms decides. Source: contracts/powerbox.md 5.5; RFC 9068 section 4; RFC 8705 section 3.
"""

import hmac
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection

from energygrid.access import clients, jose, queries
from energygrid.access.addresses import AllowList
from energygrid.access.caller import Caller
from energygrid.access.claims import check_claims, scopes_in, thumbprint_in
from energygrid.access.clients import Client
from energygrid.access.issuers import TrustedIssuer, issuers_named
from energygrid.access.jose import LONGEST_TOKEN, Unverified, invalid_token
from energygrid.access.jwks import LARGEST_SET, Fetch, KeySet, Spawn, in_background
from energygrid.access.key_ring import KeyRing
from energygrid.access.outgoing import Answer, OutgoingClient
from energygrid.access.settings import AccessSettings, TenantAccessSettings
from energygrid.access.tokens import Authority, check_own
from energygrid.access.trusted_hops import thumbprint
from energygrid.access.vault import Vault
from energygrid.database.engine import Database
from energygrid.settings import Settings

_FETCH_S = 3.0
_LONGEST_CLIENT_ID = 128


@dataclass(frozen=True, slots=True)
class _Checked:
    caller: Caller
    until: float
    thumbprint: str | None


class TokenChecker:
    """Checks tokens for every surface of a process; safe for many threads.

    A token that passed is remembered (by its SHA-256) for at most a minute and never past its expiry. For so long a
    revocation, a disabled client or a changed scope may go unnoticed by this process.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        vault: Vault,
        fetch: Fetch | None = None,
        *,
        rules: AccessSettings | None = None,
        spawn: Spawn = in_background,
    ) -> None:
        """`fetch` gets a URL for a key set; `spawn` runs its renewal in the background."""
        self._database = database
        self._rules = rules or AccessSettings()
        self._issues_tokens = settings.issues_tokens
        self._fetch = fetch or _fetch_with(settings)
        self._spawn = spawn
        self._key_sets: dict[tuple[str, str | None], KeySet] = {}
        self._checked: OrderedDict[bytes, _Checked] = OrderedDict()
        self._lock = threading.Lock()
        own = settings.public_url.rstrip("/")
        self.authority = Authority(own, own, KeyRing(database, vault, self._rules))

    def check_cached(self, token: str, now: datetime, client_certificate: bytes | None = None) -> Caller | None:
        """The caller of a token that passed lately, without any waiting; None when `check` must decide."""
        if len(token) > LONGEST_TOKEN or not token.isascii():
            return None
        key = sha256(token.encode()).digest()
        known = self._checked.get(key)
        if known is None or known.until <= now.timestamp():
            return None
        if known.thumbprint is not None and not _is_bound_to(known.thumbprint, client_certificate):
            return None
        with self._lock:
            if key in self._checked:
                self._checked.move_to_end(key)
        return known.caller

    def check(self, token: str, now: datetime, client_certificate: bytes | None = None) -> Caller:
        """The caller whom the token vouches for.

        Raises Unauthenticated("INVALID_TOKEN" or "EXPIRED_TOKEN"), and Unavailable("IDP_UNAVAILABLE") when the keys of
        its issuer have never been seen. `client_certificate` is the caller's TLS certificate in DER, if one was
        presented; a token that is bound to a certificate is worth nothing without it.
        """
        known = self.check_cached(token, now, client_certificate)
        if known is not None:
            return known
        unverified = jose.read(token)
        if self._issues_tokens and unverified.issuer == self.authority.issuer:
            caller = self._check_own(unverified, now)
        else:
            caller = self._check_outside(unverified, now)
        bound_to = thumbprint_in(caller.claims)
        if bound_to is not None and not _is_bound_to(bound_to, client_certificate):
            raise invalid_token("the token is bound to a certificate that was not presented")
        if bound_to is None and caller.tenant.section("access", TenantAccessSettings).require_certificate:
            raise invalid_token("only tokens bound to a certificate are taken here")
        self._remember(token, caller, bound_to, now)
        return caller

    def forget(self) -> None:
        """Check every token anew, from the next call on."""
        with self._lock:
            self._checked.clear()

    def key_sets(self) -> Mapping[str, KeySet]:
        """The outside issuers' key sets by issuer, for figures: `fetched`, `failures` and `unknown_kids` of each."""
        return {issuer: key_set for (issuer, _), key_set in list(self._key_sets.items())}

    def _check_own(self, unverified: Unverified, now: datetime) -> Caller:
        claims = check_own(self.authority, unverified, now)
        client = self._database.read(_standing, claims)
        if client is None:
            raise invalid_token("the token or its client was revoked")
        return Caller(
            tenant=client.tenant,
            client_id=client.client_id,
            scopes=scopes_in(claims, "scope") & set(client.scopes),
            issuer=self.authority.issuer,
            subject=claims["sub"],
            claims=claims,
            sandbox=client.sandbox,
        )

    def _check_outside(self, unverified: Unverified, now: datetime) -> Caller:
        trusted = self._terms_for(unverified)
        terms = trusted.terms
        if unverified.type not in terms.token_types:
            raise invalid_token("this is not an access token")
        key = self._key_set(trusted).key(unverified.kid, now)
        if key is None:
            raise invalid_token("the token is signed with an unknown key")
        claims = jose.verify(unverified, key, terms.algorithms)
        check_claims(claims, set(terms.audiences), leeway_s=terms.leeway_s, max_age_s=terms.max_age_s, now=now)
        return Caller(
            tenant=trusted.tenant,
            client_id=_client_in(claims, trusted),
            scopes=scopes_in(claims, terms.scope_claim) & set(terms.scopes),
            issuer=terms.issuer,
            subject=_text(claims, "sub"),
            claims=claims,
            sandbox=terms.sandbox,
        )

    def _terms_for(self, unverified: Unverified) -> TrustedIssuer:
        """The one tenant's terms for this issuer and audience."""
        for trusted in self._database.read(issuers_named, unverified.issuer):
            if unverified.audiences & set(trusted.terms.audiences):
                return trusted
        raise invalid_token("the token's issuer or audience is not trusted here")

    def _key_set(self, trusted: TrustedIssuer) -> KeySet:
        name = (trusted.terms.issuer, trusted.terms.jwks_uri)
        with self._lock:
            if name not in self._key_sets:
                self._key_sets[name] = KeySet(*name, self._fetch, self._spawn)
            return self._key_sets[name]

    def _remember(self, token: str, caller: Caller, bound_to: str | None, now: datetime) -> None:
        until = min(now.timestamp() + self._rules.token_cache_s, float(caller.claims["exp"]))
        with self._lock:
            self._checked[sha256(token.encode()).digest()] = _Checked(caller, until, bound_to)
            while len(self._checked) > self._rules.token_cache_size:
                self._checked.popitem(last=False)


def _standing(db: Connection, claims: Mapping[str, Any]) -> Client | None:
    """The client of one of our tokens, while neither it nor the token has been revoked."""
    row = queries.client_with_tenant(db, claims["client_id"])
    client = None if row is None else clients.client_of(row)
    if client is None or client.tenant.key != claims["tenant"] or not client.accepts(claims["iat"]):
        return None
    return None if queries.is_revoked(db, client.tenant.id, claims["jti"]) else client


def _client_in(claims: Mapping[str, Any], trusted: TrustedIssuer) -> str:
    terms = trusted.terms
    client_id = _text(claims, terms.client_claim)
    if client_id is None or not 0 < len(client_id) <= _LONGEST_CLIENT_ID or not client_id.isprintable():
        raise invalid_token(f"the token's {terms.client_claim} does not name a client")
    if terms.clients and not {client_id, _text(claims, "azp")} & set(terms.clients):
        raise invalid_token("the token's client may not call here")
    return client_id


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    if value is not None and not isinstance(value, str):
        raise invalid_token(f"the token's {name} is malformed")
    return value


def _is_bound_to(bound_to: str, certificate: bytes | None) -> bool:
    return certificate is not None and hmac.compare_digest(bound_to.encode(), thumbprint(certificate).encode())


def _fetch_with(settings: Settings) -> Fetch:
    client = OutgoingClient(AllowList.of(settings.outgoing_allow), allow_http=settings.outgoing_http)

    def fetch(url: str) -> Answer:
        return client.request("GET", url, {"Accept": "application/json"}, timeout=_FETCH_S, max_bytes=LARGEST_SET)

    return fetch
