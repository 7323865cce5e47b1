"""One third party, one customer, and the steps of an authorisation between them."""

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from fastapi.testclient import TestClient

from energygrid.access.audit import SYSTEM
from energygrid.access.caller import Tenant
from energygrid.access.consents.espi_scope import initial_terms
from energygrid.access.oauth import authorization_requests
from energygrid.access.oauth.authorization_requests import Answered
from energygrid.access.third_parties import third_parties
from energygrid.access.third_parties.facts import Status
from energygrid.access.third_parties.third_parties import Registered
from energygrid.services import Services

CALLBACK = "https://app.example/callback"
SCOPE = "FB=4_16_51;IntervalDuration=900_3600;HistoryLength=63072000"
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
CUSTOMER = "customer-1"
PKCE = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}


@dataclass
class Dance:
    """`at` is the path of the endpoints: /oauth, or that below a utility."""

    http: TestClient
    services: Services
    tenant: Tenant
    made: Registered
    at: str = "/oauth"
    defaults: dict[str, str] = field(default_factory=dict)

    @property
    def client_id(self) -> str:
        return self.made.third_party.client_id

    @property
    def secret(self) -> str:
        assert self.made.secret is not None
        return self.made.secret.get_secret_value()

    @property
    def auth(self) -> tuple[str, str]:
        return self.client_id, self.secret

    def authorize(self, **changed: str | None) -> Any:
        """Ask for an authorization; None leaves a parameter out."""
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": CALLBACK,
            "scope": SCOPE,
            "state": "s1",
            **self.defaults,
            **changed,
        }
        given = {name: value for name, value in asked.items() if value is not None}
        return self.http.get(f"{self.at}/authorize", params=given, follow_redirects=False)

    def request_id(self, **changed: str | None) -> str:
        answer = self.authorize(**changed)
        assert answer.status_code == 303, answer.text
        base = f"{self.services.settings.portal_base}/consent/"
        assert answer.headers["location"].startswith(base)
        return answer.headers["location"].removeprefix(base)

    def approve(self, request_id: str, customer_id: str = CUSTOMER, **changed: Any) -> Answered:
        now = datetime.now(UTC)
        opened = self.services.database.read(authorization_requests.open_request, self.services.vault, request_id, now)
        terms = initial_terms(opened.scope, now)
        said = {
            "customer_id": customer_id,
            "meters": ["m1"],
            "scope": opened.scope.text,
            "data_from": terms.data_from,
            "data_until": terms.data_until,
            "expires_at": terms.expires_at,
            **changed,
        }
        return self.services.database.write(
            authorization_requests.approve,
            self.services.vault,
            request_id,
            issuer=self.services.tokens.authority.issuer,
            who=SYSTEM,
            now=now,
            **said,
        )

    def deny(self, request_id: str) -> Answered:
        issuer, now = self.services.tokens.authority.issuer, datetime.now(UTC)
        return self.services.database.write(
            authorization_requests.deny, self.services.vault, request_id, issuer=issuer, who=SYSTEM, now=now
        )

    def code(self, **changed: str | None) -> str:
        redirect = self.approve(self.request_id(**changed)).redirect
        assert redirect is not None
        return answered(redirect)["code"]

    def redeem(self, code: str, *, auth: tuple[str, str] | None = None, **changed: str | None) -> Any:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, **changed}
        given = {name: value for name, value in form.items() if value is not None}
        return self.http.post(f"{self.at}/token", data=given, auth=self.auth if auth is None else auth)

    def tokens(self, **changed: str | None) -> dict[str, Any]:
        answer = self.redeem(self.code(**changed))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refresh(self, token: str, **changed: str) -> Any:
        form = {"grant_type": "refresh_token", "refresh_token": token, **changed}
        return self.http.post(f"{self.at}/token", data=form, auth=self.auth)

    def introspect(self, token: str) -> dict[str, Any]:
        answer = self.http.post(f"{self.at}/introspect", data={"token": token}, auth=self.auth)
        assert answer.status_code == 200, answer.text
        return answer.json()


def register(services: Services, tenant: Tenant, **changed: Any) -> Registered:
    said: dict[str, Any] = {
        "name": "Energy App",
        "redirect_uris": [CALLBACK],
        "offered_scopes": [SCOPE],
        "status": Status.LIVE,
        **changed,
    }
    return services.database.write(
        third_parties.register, services.vault, tenant, who=SYSTEM, now=datetime.now(UTC), **said
    )


def answered(url: str) -> dict[str, str]:
    """The parameters of an address that the browser is sent back to, each once."""
    pairs = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    assert len(dict(pairs)) == len(pairs)
    assert len(parse_qs(urlsplit(url).query)) == len(pairs)
    return dict(pairs)
