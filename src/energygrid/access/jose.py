"""Signed tokens, read strictly.

joserfc does the cryptography. What it leaves open is decided here: sizes, duplicate names in JSON, header parameters
that bring a key along, algorithms that are not asymmetric. A token is parsed without trust first, only to choose the
key; every claim counts after the signature alone.
Source: RFC 7515, RFC 8725; contracts/powerbox.md 5.5.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.util import urlsafe_b64decode

from energygrid.errors import Unauthenticated

Key: TypeAlias = ECKey | RSAKey | OKPKey

ASYMMETRIC = frozenset(
    {"ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "Ed25519", "EdDSA"}
)
"""What an operator may choose from; never `none`, never a shared secret."""

LONGEST_TOKEN = 8_192
# Unknown header parameters are ignored, as RFC 7515 section 4 asks; those that matter are refused below.
_REGISTRY = jws.JWSRegistry(strict_check_header=False)
_KEYS_IN_HEADER = frozenset({"jku", "x5u", "jwk", "x5c"})


@dataclass(frozen=True, slots=True)
class Unverified:
    """What a token says of itself before its signature is checked: good for choosing a key and nothing else."""

    token: str
    algorithm: str
    kid: str | None
    type: str
    issuer: str
    audiences: frozenset[str]


def invalid_token(reason: str) -> Unauthenticated:
    return Unauthenticated("INVALID_TOKEN", reason)


def read(token: str) -> Unverified:
    """Parse a compact token without trusting it; raises Unauthenticated("INVALID_TOKEN")."""
    if len(token) > LONGEST_TOKEN:
        raise invalid_token("the token is too long")
    if not token.isascii() or token.count(".") != 2:
        raise invalid_token("this is not a signed token")
    header_part, claims_part, _ = token.split(".")
    header, claims = _decoded(header_part), _decoded(claims_part)
    if _KEYS_IN_HEADER & header.keys() or "crit" in header or "b64" in header:
        raise invalid_token("the token's header asks for what is not allowed")
    algorithm, kid, kind, issuer = (header.get("alg"), header.get("kid"), header.get("typ", ""), claims.get("iss"))
    if not isinstance(algorithm, str) or algorithm not in ASYMMETRIC:
        raise invalid_token("the token's algorithm is not allowed")
    if not isinstance(kid, str | None) or not isinstance(kind, str) or not isinstance(issuer, str):
        raise invalid_token("the token's header or issuer is malformed")
    return Unverified(token, algorithm, kid, media_type(kind), issuer, audiences(claims))


def verify(unverified: Unverified, key: Key, algorithms: Collection[str]) -> dict[str, Any]:
    """The claims of a token whose signature by `key` holds; raises Unauthenticated("INVALID_TOKEN").

    `algorithms` are those that may be used with this key, not those the token asks for.
    """
    if unverified.algorithm not in algorithms:
        raise invalid_token("the token's algorithm is not allowed")
    try:
        signed = jws.deserialize_compact(unverified.token, key, algorithms=list(algorithms), registry=_REGISTRY)
    except (JoseError, ValueError, TypeError) as error:
        raise invalid_token("the token's signature does not hold") from error
    return strict_json(signed.payload or b"")


def media_type(typ: str) -> str:
    """A `typ` without its optional prefix, in lower case (RFC 7515 4.1.9)."""
    return typ.lower().removeprefix("application/")


def audiences(claims: Mapping[str, Any]) -> frozenset[str]:
    """`aud` as a set; raises when it is neither a string nor a list of strings."""
    value = claims.get("aud", [])
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(item, str) for item in values):
        raise invalid_token("the token's audience is malformed")
    return frozenset(values)


def strict_json(data: bytes) -> dict[str, Any]:
    """A JSON object in which no name stands twice at any level and every number is finite."""
    try:
        value = json.loads(data.decode(), object_pairs_hook=_no_duplicates, parse_constant=_no_constants)
    except (ValueError, RecursionError) as error:
        raise invalid_token("the token does not hold proper JSON") from error
    if not isinstance(value, dict):
        raise invalid_token("the token does not hold a JSON object")
    return value


def _decoded(part: str) -> dict[str, Any]:
    try:
        data = urlsafe_b64decode(part.encode())
    except (ValueError, IndexError) as error:
        raise invalid_token("the token is not base64url") from error
    return strict_json(data)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate name")
    return found


def _no_constants(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
