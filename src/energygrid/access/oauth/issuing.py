"""The answers of the token endpoint: which kind of token a client gets, signed, and written into the audit log."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from authlib.oauth2.rfc6749.errors import InvalidScopeError

from energygrid.access.caller import Actor
from energygrid.access.clients import Client
from energygrid.access.consents.consents import Consent
from energygrid.access.consents.espi_scope import is_offered, parse_scope
from energygrid.access.oauth.client_auth import OAuthClient
from energygrid.access.oauth.espi_tokens import (
    CLIENT_SCOPE,
    access_answer,
    client_answer,
    issue_access_token,
    issue_client_token,
)
from energygrid.access.oauth.grants import new_refresh
from energygrid.access.third_parties import third_parties
from energygrid.access.third_parties.settings import SharingSettings
from energygrid.access.third_parties.third_parties import is_third_party
from energygrid.access.tokens import IssuedToken, issue
from energygrid.access.trusted_hops import thumbprint
from energygrid.errors import Invalid


class Issuer:
    """Of one request; `server` is what serves it."""

    def __init__(self, server: Any) -> None:
        self.server = server

    def new_token(
        self,
        *,
        client: OAuthClient,
        scope: str | None = None,
        user: Consent | None = None,
        include_refresh_token: bool = False,
        **_: object,
    ) -> dict[str, object]:
        """The answer with a token of the kind that the grant and the client ask for."""
        if user is not None:
            return self.access_token(client.client, user, refreshable=include_refresh_token)
        if is_third_party(client.client):
            return self._client_token(client.client, scope or CLIENT_SCOPE)
        allowed = client.get_allowed_scope(scope)
        if allowed is None:
            raise InvalidScopeError("the client may not have this scope")
        issued = issue(
            self.server.context.authority,
            tenant=client.client.tenant.key,
            client_id=client.client.client_id,
            subject=client.client.client_id,
            scopes=allowed.split(" "),
            lifetime=self._lifetime,
            now=self.server.now,
            thumbprint=self._thumbprint,
        )
        self._record_issue(client.client, issued, {"scope": allowed})
        return {
            "access_token": issued.token,
            "token_type": "Bearer",
            "expires_in": int(self._lifetime.total_seconds()),
            "scope": allowed,
        }

    def access_token(self, client: Client, consent: Consent, *, refreshable: bool) -> dict[str, object]:
        idle = timedelta(seconds=client.tenant.section("sharing", SharingSettings).refresh_idle_s)
        refresh = new_refresh(self.server, consent, idle) if refreshable and "refresh_token" in client.grants else None
        issued = issue_access_token(
            self.server.context.authority,
            tenant=client.tenant.key,
            consent=consent,
            lifetime=self._lifetime,
            now=self.server.now,
            thumbprint=self._thumbprint,
        )
        self._record_issue(client, issued, {"scope": consent.scope, "authorization": consent.id})
        return access_answer(self.server.context.resource_url, consent, issued, refresh, self.server.now)

    def _client_token(self, client: Client, scope: str) -> dict[str, object]:
        party = third_parties.find(self.server.db, client.client_id)
        try:
            offered = is_offered(parse_scope(scope), party.offered_scopes)
        except Invalid as error:
            raise InvalidScopeError(error.message) from error
        if not offered:
            raise InvalidScopeError("the client may not have this scope")
        issued = issue_client_token(
            self.server.context.authority,
            party,
            scope=scope,
            lifetime=self._lifetime,
            now=self.server.now,
            thumbprint=self._thumbprint,
        )
        self._record_issue(client, issued, {"scope": scope})
        return client_answer(self.server.context.resource_url, party, scope, issued, self.server.now)

    @property
    def _lifetime(self) -> timedelta:
        return timedelta(seconds=self.server.context.rules.token_lifetime_s)

    @property
    def _thumbprint(self) -> str | None:
        certificate = self.server.certificate
        return thumbprint(certificate) if certificate else None

    def _record_issue(self, client: Client, issued: IssuedToken, facts: Mapping[str, object]) -> None:
        who = Actor(client.client_id, self.server.request_id)
        self.server.record(client, "token.issued", f"token/{issued.jti}", who, facts)
