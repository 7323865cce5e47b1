"""The authorisation server: Authlib's grants and endpoints behind a thin adapter.

One server object a request, on that request's transaction. A grant that comes later is one more class in
`_GRANTS`, with its own file; clients, keys, throttles and the shape of answers stay as they are. Every answer, errors
too, is a value: a refused request commits, because what it counted must stay counted.
Source: RFC 6749, RFC 7009, RFC 7662, RFC 9068; contracts/powerbox.md 5.4.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from authlib.oauth2.rfc6749 import AuthorizationServer
from authlib.oauth2.rfc6749.errors import InvalidRequestError, OAuth2Error
from sqlalchemy import Connection

from energygrid.access import audit, throttle
from energygrid.access.caller import Actor
from energygrid.access.clients import Client, find_client
from energygrid.access.consents import consents
from energygrid.access.consents.consents import Consent
from energygrid.access.oauth import queries
from energygrid.access.oauth.client_auth import OAuthClient, authenticate
from energygrid.access.oauth.grants import AuthorizationCode, ClientCredentials, RefreshToken
from energygrid.access.oauth.issuing import Issuer
from energygrid.access.oauth.messages import (
    FormRequest,
    InvalidClient,
    OAuthAnswer,
    OAuthRequest,
    TooManyRequests,
    check_form,
)
from energygrid.access.oauth.token_endpoints import Introspection, Revocation
from energygrid.access.settings import AccessSettings
from energygrid.access.third_parties.third_parties import is_third_party
from energygrid.access.throttle import Rate
from energygrid.access.tokens import Authority
from energygrid.access.vault import Vault
from energygrid.errors import Throttled

# Authlib writes whole tokens to its log at level debug.
logging.getLogger("authlib").setLevel(logging.INFO)

_GRANTS = (ClientCredentials, AuthorizationCode, RefreshToken)
GRANT_TYPES: list[str] = [grant.GRANT_TYPE for grant in _GRANTS]


@dataclass(frozen=True, slots=True)
class OAuthContext:
    """What the server works with, the same for every request of a process.

    resource_url  base of Green Button's resources, which token answers name
    """

    vault: Vault
    rules: AccessSettings
    authority: Authority
    resource_url: str = ""


def token(db: Connection, context: OAuthContext, request: OAuthRequest, now: datetime, request_id: str) -> OAuthAnswer:
    """The token endpoint. Failed attempts are counted in this transaction."""
    return _Server(db, context, now, request_id).answer_token(request)


def revoke(db: Connection, context: OAuthContext, request: OAuthRequest, now: datetime, request_id: str) -> OAuthAnswer:
    """RFC 7009: the token is refused from now on."""
    return _Server(db, context, now, request_id).answer(Revocation.ENDPOINT_NAME, request)


def introspect(
    db: Connection, context: OAuthContext, request: OAuthRequest, now: datetime, request_id: str
) -> OAuthAnswer:
    """RFC 7662: what the asking client's own token says; {"active": false} for every other."""
    return _Server(db, context, now, request_id).answer(Introspection.ENDPOINT_NAME, request)


def hand_over(
    db: Connection, context: OAuthContext, consent: Consent, now: datetime, request_id: str
) -> Mapping[str, object]:
    """Tokens of a consent that came without a code, as the token endpoint would answer them: one on paper."""
    client = find_client(db, consent.client_id)
    assert client is not None  # a client is disabled, never deleted
    return _Server(db, context, now, request_id).issuer.access_token(client, consent, refreshable=True)


class _Server(AuthorizationServer):  # type: ignore[misc]
    def __init__(self, db: Connection, context: OAuthContext, now: datetime, request_id: str) -> None:
        super().__init__()
        self.db = db
        self.context = context
        self.now = now
        self.request_id = request_id
        self._request: OAuthRequest | None = None
        self.issuer = Issuer(self)
        self.register_token_generator("default", self.issuer.new_token)
        for grant in _GRANTS:
            self.register_grant(grant)
        for endpoint in (Revocation, Introspection):
            self.register_endpoint(endpoint)

    def answer_token(self, request: OAuthRequest) -> OAuthAnswer:
        self._request = request
        try:
            check_form(request.form)
            if not dict(request.form).get("grant_type"):
                raise InvalidRequestError("the grant_type is missing")
            answer: OAuthAnswer = self.create_token_response(request)
        except OAuth2Error as error:
            return self.handle_response(*error())
        return answer

    def answer(self, endpoint: str, request: OAuthRequest) -> OAuthAnswer:
        try:
            check_form(request.form)
            answer: OAuthAnswer = self.create_endpoint_response(endpoint, request)
        except OAuth2Error as error:
            return self.handle_response(*error())
        return answer

    def authenticate_client(
        self,
        request: FormRequest,
        methods: Sequence[str],
        endpoint: str = "token",
    ) -> OAuthClient:
        context = self.context
        try:
            client = authenticate(self.db, context.vault, context.rules, request.origin, request.form, self.now)
        except Throttled as error:
            raise TooManyRequests(error.message, error.retry_after) from error
        if client.auth_method == "none" and "none" not in methods:
            raise InvalidClient
        if endpoint == "token":
            self._take_one(client)
        return OAuthClient(client)

    def create_oauth2_request(self, request: OAuthRequest) -> FormRequest:
        return FormRequest(request)

    def handle_response(self, status: int, body: Mapping[str, Any], headers: list[tuple[str, str]]) -> OAuthAnswer:
        return OAuthAnswer(status, body, {name: value for name, value in headers if name != "Content-Type"})

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Nobody listens: what follows from a token follows in its own transaction."""

    def save_token(self, token: Mapping[str, Any], request: FormRequest) -> None:
        """An access token is not stored: it is signed, short-lived, and found in the list of the revoked if need be."""

    def _take_one(self, client: Client) -> None:
        rules = self.context.rules
        if client.tenant.environment == "sandbox":
            per_minute = rules.sandbox_tokens_per_minute
        else:
            per_minute = rules.third_party_tokens_per_minute if is_third_party(client) else rules.tokens_per_minute
        rate = Rate(per_minute, timedelta(minutes=1))
        wait = throttle.take(self.db, f"tokens of {client.client_id}", rate, self.now)
        if wait:
            raise TooManyRequests("this client asks for tokens too often; keep a token until it expires", wait)

    @property
    def certificate(self) -> bytes | None:
        """What the client's connection was made with, where that is known."""
        return None if self._request is None else self._request.certificate

    def take_back(self, client: Client, consent_id: str, action: str) -> None:
        """End every token of a consent; the consent itself stands, and may be asked for anew."""
        tenant_id = client.tenant.id
        consents.find(self.db, tenant_id, consent_id, lock=True)
        ended = queries.end_family(self.db, tenant_id, consent_id, self.now)
        consents.end_tokens(self.db, tenant_id, consent_id, self.now)
        who = Actor(client.client_id, self.request_id)
        self.record(client, action, f"consent/{consent_id}", who, {"refresh_tokens_ended": ended})

    def record(self, client: Client, action: str, subject: str, who: Actor, facts: Mapping[str, object]) -> None:
        audit.record(
            self.db,
            client.tenant.id,
            actor=who.name,
            action=action,
            subject=subject,
            request_id=who.request_id,
            now=self.now,
            facts=facts,
        )
