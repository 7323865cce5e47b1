"""Revocation (RFC 7009) and introspection (RFC 7662) of our own access and refresh tokens."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from authlib.oauth2.rfc6749 import TokenMixin
from authlib.oauth2.rfc6749.errors import InvalidRequestError
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint

from energygrid.access import queries
from energygrid.access.caller import Actor
from energygrid.access.consents import consents
from energygrid.access.consents.consents import Consent
from energygrid.access.jose import read
from energygrid.access.oauth.client_auth import OAuthClient
from energygrid.access.oauth.espi_tokens import ACCESS
from energygrid.access.oauth.grants import AUTH_METHODS, SECRET_METHODS, find_refresh
from energygrid.access.oauth.messages import FormRequest
from energygrid.access.oauth.secrets_on_wire import tenant_in
from energygrid.access.tenants import tenant_now
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


@dataclass(frozen=True, slots=True)
class OwnRefresh(TokenMixin):  # type: ignore[misc]
    """A refresh token that we issued. `good`: it and its consent stand."""

    consent: Consent
    expires_at: datetime
    created_at: datetime
    good: bool

    def is_expired(self) -> bool:
        return False

    def is_revoked(self) -> bool:
        return not self.good


class _OwnTokens:
    """What both endpoints share: finding the token, and who may ask."""

    server: Any
    CLIENT_AUTH_METHODS: tuple[str, ...] = AUTH_METHODS

    def authenticate_token(self, request: FormRequest, client: OAuthClient) -> OwnToken | OwnRefresh | None:
        """The client's own token, or None: whether it is somebody else's is nobody's business.

        A `token_type_hint` is not needed: the two kinds of token look different (RFC 7009 section 2.1).
        """
        if "token" not in request.form:
            raise InvalidRequestError("the token is missing")
        text = request.form["token"]
        return self._refresh(client, text) if tenant_in(text) is not None else self._access(client, text)

    def _access(self, client: OAuthClient, text: str) -> OwnToken | None:
        server, own = self.server, client.client
        try:
            claims = check_own(server.context.authority, read(text), server.now)
            if claims["client_id"] != own.client_id:
                return None
            if claims.get("espi") == ACCESS:
                now = tenant_now(own.tenant, server.now)
                consents.of_access_token(server.db, own.tenant.id, own.client_id, claims, now)
        except Unauthenticated:
            return None
        revoked = not own.accepts(claims["iat"]) or queries.is_revoked(server.db, own.tenant.id, claims["jti"])
        return OwnToken(claims, revoked)

    def _refresh(self, client: OAuthClient, text: str) -> OwnRefresh | None:
        server, tenant = self.server, client.client.tenant
        row = find_refresh(server, client, text)
        if row is None:
            return None
        consent = consents.find(server.db, tenant.id, row.consent_id)
        good = row.ended_at is None and row.expires_at > server.now and consent.holds(tenant_now(tenant, server.now))
        return OwnRefresh(consent, row.expires_at, row.created_at, good)


class Revocation(_OwnTokens, RevocationEndpoint):  # type: ignore[misc]
    def revoke_token(self, token: OwnToken | OwnRefresh, request: FormRequest) -> None:
        server, client = self.server, request.client.client
        if isinstance(token, OwnRefresh):
            server.take_back(client, token.consent.id, "refresh_token.revoked")
            return
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
    CLIENT_AUTH_METHODS = SECRET_METHODS

    def introspect_token(self, token: OwnToken | OwnRefresh) -> dict[str, Any]:
        if isinstance(token, OwnRefresh):
            consent, times = token.consent, (token.expires_at, token.created_at)
            exp, iat = (int(each.timestamp()) for each in times)
            told = {"scope": consent.scope, "client_id": consent.client_id, "sub": consent.id, "exp": exp, "iat": iat}
            return {"active": True, **told, "authorization": consent.id}
        names = (
            "scope",
            "client_id",
            "exp",
            "iat",
            "sub",
            "aud",
            "iss",
            "jti",
            "cnf",
            "tenant",
            "espi",
            "authorization",
        )
        found = {name: token.claims[name] for name in names if name in token.claims}
        return {"active": True, **found, "token_type": "Bearer"}
