"""GET /powerbox/healthz: the tutorial's token check (TA-4, C23)."""

import base64
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from joserfc import jws
from joserfc.jwk import ECKey
from tests.surfaces.powerbox.conftest import PowerBox


def test_ta4_and_c23_a_valid_token_is_enough(powerbox: PowerBox, new_caller: Callable[..., PowerBox]) -> None:
    answer = powerbox.call("GET", "/powerbox/healthz", "rates.write")
    assert (answer.status_code, answer.json()["status"], answer.json()["env"]) == (200, "ok", "sandbox")
    assert datetime.fromisoformat(answer.json()["time"]).tzinfo is not None
    assert new_caller("prod", "production").call("GET", "/powerbox/healthz").json()["env"] == "production"


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer nonsense", "Basic Y2lzOnNlY3JldA==", "Bearer a.b.c"])
def test_ta4_without_a_valid_token_it_is_401_without_a_body(powerbox: PowerBox, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = powerbox.http.get("/powerbox/healthz", headers=headers)
    assert (answer.status_code, answer.content) == (401, b"")
    assert answer.headers["PowerBox-Error-Code"] == "INVALID_TOKEN"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


def test_an_expired_token_says_so(powerbox: PowerBox) -> None:
    token = powerbox.token(lifetime=timedelta(minutes=1), at=datetime.now(UTC) - timedelta(hours=1))
    answer = powerbox.http.get("/powerbox/healthz", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.headers["PowerBox-Error-Code"]) == (401, "EXPIRED_TOKEN")
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def test_c20_a_token_of_an_issuer_that_is_not_trusted_here_is_refused(powerbox: PowerBox) -> None:
    """A session token of another surface is one: its issuer and audience are its own."""
    key = ECKey.generate_key("P-256", {"kid": "k1"})
    claims = {"iss": "https://energygrid.example/session", "aud": "usage", "sub": "1", "exp": 4102444800}
    token = jws.serialize_compact({"alg": "ES256", "kid": "k1"}, json.dumps(claims), key, algorithms=["ES256"])
    answer = powerbox.http.get("/powerbox/healthz", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.headers["PowerBox-Error-Code"]) == (401, "INVALID_TOKEN")


def test_c21_a_saml_assertion_is_no_token(powerbox: PowerBox) -> None:
    """OpenID Connect alone is spoken here; a broker turns SAML into it."""
    assertion = base64.b64encode(b"<saml:Assertion/>").decode()
    answer = powerbox.http.get("/powerbox/healthz", headers={"Authorization": f"Bearer {assertion}"})
    assert answer.status_code == 401


def test_c29_a_token_under_a_shared_secret_is_refused(powerbox: PowerBox) -> None:
    issuer = powerbox.services.tokens.authority.issuer
    header, claims = {"alg": "HS256"}, {"iss": issuer, "aud": issuer, "exp": 4102444800}
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)]
    signature = base64.urlsafe_b64encode(hmac.digest(b"secret", ".".join(parts).encode(), "sha256")).rstrip(b"=")
    token = ".".join([*parts, signature.decode()])
    assert powerbox.http.get("/powerbox/healthz", headers={"Authorization": f"Bearer {token}"}).status_code == 401
