"""The claims of a verified token: for us, in time, and of an access token."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any

from energygrid.access.jose import audiences, invalid_token
from energygrid.errors import Unauthenticated

_OF_ID_TOKENS = frozenset({"nonce", "at_hash", "c_hash"})
_LAST_SECOND = 253_402_300_799  # 9999-12-31: what a datetime can hold


def check_claims(
    claims: Mapping[str, Any], wanted: AbstractSet[str], *, leeway_s: int, max_age_s: int | None, now: datetime
) -> None:
    """`aud` meets `wanted`, `exp` lies ahead, `nbf` and `iat` behind, and nothing marks an ID token.

    Raises Unauthenticated("EXPIRED_TOKEN") for an expired token, else ("INVALID_TOKEN").
    """
    if _OF_ID_TOKENS & claims.keys():
        raise invalid_token("an ID token is not an access token")
    if not audiences(claims) & wanted:
        raise invalid_token("the token is meant for somebody else")
    at = now.timestamp()
    expires, issued = _instant(claims, "exp"), _instant(claims, "iat")
    if expires is None:
        raise invalid_token("the token never expires")
    if expires + leeway_s <= at:
        raise Unauthenticated("EXPIRED_TOKEN", "the token has expired")
    for starts in (issued, _instant(claims, "nbf")):
        if starts is not None and starts > at + leeway_s:
            raise invalid_token("the token is not valid yet")
    if max_age_s is not None and (issued is None or issued + max_age_s + leeway_s <= at):
        raise Unauthenticated("EXPIRED_TOKEN", "the token is too old")


def scopes_in(claims: Mapping[str, Any], name: str) -> frozenset[str]:
    """Scopes of the claim `name`: a string with spaces, or a list (`scp`, `roles`)."""
    value = claims.get(name, "")
    words = value.split(" ") if isinstance(value, str) else value
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise invalid_token("the token's scopes are malformed")
    return frozenset(word for word in words if word)


def thumbprint_in(claims: Mapping[str, Any]) -> str | None:
    """The certificate (`x5t#S256`) that the token is bound to, or None for a plain bearer token.

    A token bound in a way that is not checked here (DPoP) is refused: as a bearer token it would prove nothing.
    """
    bound = claims.get("cnf")
    if bound is None:
        return None
    if not isinstance(bound, dict) or bound.keys() != {"x5t#S256"} or not isinstance(bound["x5t#S256"], str):
        raise invalid_token("the token is bound in a way that is not supported here")
    return bound["x5t#S256"]


def _instant(claims: Mapping[str, Any], name: str) -> float | None:
    """Seconds since 1970; None when the claim is absent."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LAST_SECOND:
        raise invalid_token(f"the token's {name} is malformed")
    return value
