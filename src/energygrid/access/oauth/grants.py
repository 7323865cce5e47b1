"""The grants: Authlib's classes with our rules in them.

A code is used once, by the client, address and verifier it was made for; a second use takes back what the first gave.
A refresh token is replaced at each use, and stays good until one of its successors is used, because answers get lost;
showing one after that takes back everything.
Source: RFC 6749 sections 4.1.3, 4.4 and 6; RFC 7636; RFC 9700 sections 2.1.1 and 4.14; contracts/greenbutton.md 3.5.
"""

import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from typing import Any

from authlib.oauth2.rfc6749 import grants
from authlib.oauth2.rfc6749.errors import (
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
    UnauthorizedClientError,
)

from energygrid.access.consents import consents
from energygrid.access.consents.consents import Consent
from energygrid.access.oauth import queries
from energygrid.access.oauth.client_auth import OAuthClient
from energygrid.access.oauth.messages import FormRequest
from energygrid.access.oauth.queries import AnyRow
from energygrid.access.oauth.secrets_on_wire import CODE, REFRESH, fingerprint, new_value, tenant_in
from energygrid.access.tenants import tenant_now
from energygrid.access.third_parties.settings import SharingSettings
from energygrid.errors import NotFound

SECRET_METHODS = ("client_secret_basic", "client_secret_post")
AUTH_METHODS = (*SECRET_METHODS, "none")
_MOST_UNUSED = 10
"""Successors of one refresh token that may wait to be used: one for each answer that got lost."""


class Forbidden(InvalidGrantError):  # type: ignore[misc]
    """A revoked authorisation, as clients want it that look for the status."""

    status_code = 403


class ClientCredentials(grants.ClientCredentialsGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = SECRET_METHODS


@dataclass(frozen=True, slots=True)
class _Held:
    """A code or refresh token that is good, with the consent it stands for."""

    fingerprint: bytes = field(repr=False)
    consent: Consent
    first_use: bool = True

    def get_scope(self) -> str:
        return self.consent.scope


class _OfConsent:
    """What grants on a customer's consent share."""

    server: Any
    request: FormRequest
    GRANT_TYPE: str

    def _client(self) -> OAuthClient:
        client: OAuthClient = self.server.authenticate_client(self.request, AUTH_METHODS)
        if not client.check_grant_type(self.GRANT_TYPE):
            raise UnauthorizedClientError(f"the client may not use grant_type={self.GRANT_TYPE}")
        self.request.client = client
        return client

    def _said(self, name: str) -> str:
        value = self.request.form.get(name)
        if value is None:
            raise InvalidRequestError(f"the {name} is missing")
        return value

    def _consent(self, client: OAuthClient, consent_id: str) -> Consent:
        """Locked: what happens to a family of tokens happens in order. Raises when the consent has ended."""
        server, tenant = self.server, client.client.tenant
        try:
            consent = consents.find(server.db, tenant.id, consent_id, lock=True)
        except NotFound as error:
            raise InvalidGrantError("the authorization is not known") from error
        if not consent.holds(tenant_now(tenant, server.now)):
            as_403 = tenant.section("sharing", SharingSettings).revoked_refresh_is_403
            raise (Forbidden if as_403 else InvalidGrantError)("the authorization has ended")
        return consent

    def _take_back(self, client: OAuthClient, consent_id: str, action: str) -> None:
        self.server.take_back(client.client, consent_id, action)

    def authenticate_user(self, held: _Held) -> Consent:
        return held.consent


class AuthorizationCode(_OfConsent, grants.AuthorizationCodeGrant):  # type: ignore[misc]
    """The second half of this grant; the first, where a person decides, is `asking` and `authorization_requests`."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def validate_token_request(self) -> None:
        client = self._client()
        code, redirect_uri = self._said("code"), self._said("redirect_uri")
        row = self._row(client, code)
        if row is None or row.client_id != client.get_client_id():
            raise InvalidGrantError("the code is not known")
        if redirect_uri != row.redirect_uri:
            raise InvalidGrantError("the redirect_uri is not the one the code was made for")
        self._check_verifier(row.code_challenge)
        if row.used_at is not None:
            self._take_back(client, row.consent_id, "code.used_again")
            raise InvalidGrantError("the code was used before; what it gave is taken back")
        if row.expires_at <= self.server.now:
            raise InvalidGrantError("the code has expired")
        self.request.authorization_code = _Held(row.fingerprint, self._consent(client, row.consent_id))

    def delete_authorization_code(self, held: _Held) -> None:
        """The row stays, so that a second use is noticed."""
        queries.use_code(self.server.db, held.consent.tenant_id, held.fingerprint, self.server.now)

    def _row(self, client: OAuthClient, code: str) -> AnyRow | None:
        tenant_id = client.client.tenant.id
        if tenant_in(code) != tenant_id:
            return None
        return queries.code_of(self.server.db, tenant_id, fingerprint(self.server.context.vault, CODE, code))

    def _check_verifier(self, challenge: str | None) -> None:
        verifier = self.request.form.get("code_verifier")
        if challenge is None:
            if verifier is not None:  # else a stolen code without a challenge would pass for one with
                raise InvalidGrantError("there was no code_challenge for this code_verifier")
            return
        if verifier is None:
            raise InvalidGrantError("the code_verifier is missing")
        digest = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=")
        if not hmac.compare_digest(digest, challenge.encode()):
            raise InvalidGrantError("the code_verifier is wrong")


class RefreshToken(_OfConsent, grants.RefreshTokenGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS
    INCLUDE_NEW_REFRESH_TOKEN = True

    def validate_token_request(self) -> None:
        client = self._client()
        token = self._said("refresh_token")
        row = find_refresh(self.server, client, token)
        if row is None:
            raise InvalidGrantError("the refresh token is not known")
        consent = self._consent(client, row.consent_id)
        row = find_refresh(self.server, client, token)  # as it is now that nobody else can change it
        assert row is not None
        if row.ended_at is not None:
            self._take_back(client, consent.id, "refresh_token.used_again")
            raise InvalidGrantError("the refresh token was replaced by one that is in use; all of them end")
        if row.expires_at <= self.server.now:
            raise InvalidGrantError("the refresh token has expired")
        if self.request.form.get("scope", consent.scope) != consent.scope:
            raise InvalidScopeError("the scope is not the granted one")
        self.request.refresh_token = _Held(row.fingerprint, consent, first_use=row.used_at is None)

    def revoke_old_credential(self, held: _Held) -> None:
        """Nothing ends yet: the answer may get lost."""

    def issue_token(self, user: Consent, refresh_token: _Held) -> dict[str, Any]:
        server = self.server
        if refresh_token.first_use:
            queries.end_family(server.db, user.tenant_id, user.id, server.now, but=refresh_token.fingerprint)
            queries.use_refresh(server.db, user.tenant_id, refresh_token.fingerprint, server.now)
        else:
            queries.forget_unused(server.db, user.tenant_id, user.id, keep=_MOST_UNUSED - 1)
        issued: dict[str, Any] = self.generate_token(user=user, scope=user.scope, include_refresh_token=True)
        return issued


def find_refresh(server: Any, client: OAuthClient, token: str) -> AnyRow | None:
    """The client's own refresh token, ended or not."""
    tenant_id = client.client.tenant.id
    if tenant_in(token) != tenant_id:
        return None
    row = queries.refresh_of(server.db, tenant_id, fingerprint(server.context.vault, REFRESH, token))
    return row if row is not None and row.client_id == client.get_client_id() else None


def new_refresh(server: Any, consent: Consent, idle: timedelta) -> str:
    """A refresh token of the consent's family; it expires when it is not used for so long."""
    token = new_value(consent.tenant_id)
    values = {
        "tenant_id": consent.tenant_id,
        "fingerprint": fingerprint(server.context.vault, REFRESH, token),
        "client_id": consent.client_id,
        "consent_id": consent.id,
        "created_at": server.now,
        "expires_at": server.now + idle,
    }
    queries.insert_refresh(server.db, values)
    return token
