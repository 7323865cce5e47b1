"""Revocation (RFC 7009) and introspection (RFC 7662) of our own access tokens."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from authlib.oauth2.rfc6749 import TokenMixin
from authlib.oauth2.rfc6749.errors import InvalidRequestError
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint

from energygrid.access import queries
from energygrid.access.caller import Actor
from energygrid.access.jose import read
from energygrid.access.oauth.client_auth import OAuthClient
from energygrid.access.oauth.messages import FormRequest
from energygrid.access.tokens import check_own
from energygrid.errors import Unauthenticated


@dataclass(frozen=True, slots=True)
class OwnToken(TokenMixin):  # type: ignore[misc]
    """A token that we issued and that has not expired."""

    claims: dict[str, Any] = field(repr=False)
    revoked: bool

    def is_expired(self) -> bool:
        return False

    def is_revoked(self) -> bool:
        return self.revoked


class _OwnTokens:
    """What both endpoints share: finding the token, and who may ask."""

    server: Any
    CLIENT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")

    def authenticate_token(self, request: FormRequest, client: OAuthClient) -> OwnToken | None:
        """The client's own token, or None: whether it is somebody else's is nobody's business.

        A `token_type_hint` is a hint: there is one kind of token to look for (RFC 7009 section 2.1).
        """
        if "token" not in request.form:
            raise InvalidRequestError("the token is missing")
        server = self.server
        try:
            claims = check_own(server.context.authority, read(request.form["token"]), server.now)
        except Unauthenticated:
            return None
        if claims["client_id"] != client.client.client_id:
            return None
        own = client.client
        revoked = not own.accepts(claims["iat"]) or queries.is_revoked(server.db, own.tenant.id, claims["jti"])
        return OwnToken(claims, revoked)


class Revocation(_OwnTokens, RevocationEndpoint):  # type: ignore[misc]
    def revoke_token(self, token: OwnToken, request: FormRequest) -> None:
        server, client = self.server, request.client.client
        claims = token.claims
        values = {
            "tenant_id": client.tenant.id,
            "jti": claims["jti"],
            "expires_at": datetime.fromtimestamp(claims["exp"], UTC),
            "revoked_at": server.now,
        }
        queries.insert_revocation(server.db, values)
        who = Actor(client.client_id, server.request_id)
        server.record(client, "token.revoked", f"token/{claims['jti']}", who, {})


class Introspection(_OwnTokens, IntrospectionEndpoint):  # type: ignore[misc]
    def introspect_token(self, token: OwnToken) -> dict[str, Any]:
        told = ("scope", "client_id", "exp", "iat", "sub", "aud", "iss", "jti", "cnf", "tenant")
        found = {name: token.claims[name] for name in told if name in token.claims}
        return {"active": True, **found, "token_type": "Bearer"}
