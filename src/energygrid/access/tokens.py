"""Access tokens of the embedded authorisation server: signed JWTs of the profile RFC 9068."""

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from joserfc import jws

from energygrid.access.claims import check_claims
from energygrid.access.jose import Unverified, invalid_token, verify
from energygrid.access.key_ring import KeyRing
from energygrid.access.signing_keys import ALGORITHM

TYPE = "at+jwt"
_LEEWAY_S = 5
"""How far the clocks of our own machines may differ."""


@dataclass(frozen=True, slots=True)
class Authority:
    """Who issues our tokens, and for whom: both are the public address of this installation."""

    issuer: str
    audience: str
    keys: KeyRing


@dataclass(frozen=True, slots=True)
class IssuedToken:
    token: str = field(repr=False)
    jti: str
    expires_at: datetime


def issue(
    authority: Authority,
    *,
    tenant: str,
    client_id: str,
    subject: str,
    scopes: Iterable[str],
    lifetime: timedelta,
    now: datetime,
    thumbprint: str | None = None,
    more: Mapping[str, str] | None = None,
) -> IssuedToken:
    """A signed token. `thumbprint` (x5t#S256) binds it to the client's certificate, RFC 8705 section 3.

    more  claims that tell what kind of token it is
    """
    kid, key = authority.keys.signing(now)
    jti = secrets.token_urlsafe(16)
    issued_at = int(now.timestamp())
    claims: dict[str, Any] = {
        **(more or {}),
        "iss": authority.issuer,
        "sub": subject,
        "aud": authority.audience,
        "client_id": client_id,
        "scope": " ".join(scopes),
        "tenant": tenant,
        "jti": jti,
        "iat": issued_at,
        "exp": issued_at + int(lifetime.total_seconds()),
    }
    if thumbprint is not None:
        claims["cnf"] = {"x5t#S256": thumbprint}
    # `alg` stands first: the published tutorial shows tokens that begin with eyJhbGciOiJ.
    header = {"alg": ALGORITHM, "typ": TYPE, "kid": kid}
    token = jws.serialize_compact(header, json.dumps(claims, separators=(",", ":")), key, algorithms=[ALGORITHM])
    return IssuedToken(token, jti, now + lifetime)


def check_own(authority: Authority, unverified: Unverified, now: datetime) -> dict[str, Any]:
    """The claims of a token that we issued ourselves.

    Raises Unauthenticated("INVALID_TOKEN" or "EXPIRED_TOKEN"). Whether it was revoked is not looked at.
    """
    if unverified.type != TYPE:
        raise invalid_token("this is not an access token")
    key = authority.keys.verifying(unverified.kid or "", now)
    if key is None:
        raise invalid_token("the token is signed with an unknown key")
    claims = verify(unverified, key, (ALGORITHM,))
    check_claims(claims, {authority.audience}, leeway_s=_LEEWAY_S, max_age_s=None, now=now)
    return claims
