"""The token endpoint: RFC 6749, the tutorial's TA-1, TA-2, TA-3 and TA-12."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient

from energygrid.access import audit, clients, tenants
from energygrid.access.audit import SYSTEM
from energygrid.access.trusted_hops import TrustedHops, thumbprint

from .conftest import SECRET, Identity, make_client

FORM = "application/x-www-form-urlencoded"


def basic(client_id: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


def post(http: TestClient, body: str | bytes, headers: dict[str, str] | None = None, path: str = "/oauth/token") -> Any:
    return http.post(path, content=body, headers={"Content-Type": FORM, **(headers or {})})


def parts(token: str) -> tuple[bytes, dict[str, Any]]:
    """The raw header and the claims."""
    header, claims = (base64.urlsafe_b64decode(part + "==") for part in token.split(".")[:2])
    return header, json.loads(claims)


def test_ta1_a_literal_space_in_the_scope_is_taken_as_curl_sends_it(identity: Identity):
    body = "grant_type=client_credentials&scope=customer.sync hardware.bind"
    answer = post(identity.http, body, basic("cis", SECRET))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["token_type"] == "Bearer"
    assert answer.json()["scope"] == "customer.sync hardware.bind"


def test_ta2_the_header_starts_with_alg_and_has_no_spaces(identity: Identity):
    token = identity.token()
    assert token.startswith("eyJhbGciOiJ")
    header, _ = parts(token)
    assert header.startswith(b'{"alg":"ES256","typ":"at+jwt","kid":"')


def test_ta3_a_token_lives_an_hour(identity: Identity):
    answer = identity.http.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=("cis", SECRET))
    assert answer.json()["expires_in"] == 3600
    _, claims = parts(answer.json()["access_token"])
    assert claims["exp"] - claims["iat"] == 3600


def test_ta12_a_wrong_secret_is_401_with_a_challenge(identity: Identity):
    answer = post(identity.http, "grant_type=client_credentials", basic("cis", "wrong"))
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"
    assert answer.headers["www-authenticate"].startswith("Basic realm=")
    assert answer.headers["cache-control"] == "no-store"


def test_a_token_has_the_claims_of_rfc_9068(identity: Identity):
    _, claims = parts(identity.token("hardware.bind"))
    issuer = identity.services.settings.public_url
    told = {name: claims[name] for name in ("iss", "aud", "sub", "client_id", "scope", "tenant")}
    assert told == {
        "iss": issuer,
        "aud": issuer,
        "sub": "cis",
        "client_id": "cis",
        "scope": "hardware.bind",
        "tenant": "testville",
    }
    assert len(claims["jti"]) >= 16


def test_the_secret_may_come_in_the_form(identity: Identity):
    form = {"grant_type": "client_credentials", "client_id": "cis", "client_secret": SECRET}
    assert identity.http.post("/oauth/token", data=form).status_code == 200


def test_the_same_client_id_beside_basic_does_no_harm(identity: Identity):
    form = {"grant_type": "client_credentials", "client_id": "cis"}
    assert identity.http.post("/oauth/token", data=form, auth=("cis", SECRET)).status_code == 200


def test_a_request_without_scope_gets_what_the_client_may_have(identity: Identity):
    answer = identity.http.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=("cis", SECRET))
    assert answer.json()["scope"] == "customer.sync hardware.bind"


REFUSED = [
    ("", 400, "invalid_request"),
    ("grant_type=", 400, "invalid_request"),
    ("grant_type=password&username=a&password=b", 400, "unsupported_grant_type"),
    ("grant_type=authorization_code&code=x", 400, "unauthorized_client"),
    ("grant_type=client_credentials&scope=usage.ingest", 400, "invalid_scope"),
    ("grant_type=client_credentials&scope=customer.sync%20nothing", 400, "invalid_scope"),
    ("grant_type=client_credentials&scope=%00", 400, "invalid_request"),
    ("grant_type=client_credentials&scope=%22", 400, "invalid_request"),
    ("grant_type=client_credentials&scope=a%20%20b", 400, "invalid_request"),
    ("grant_type=%22%5C%00", 400, "invalid_request"),
    ("grant_type=client_credentials&grant_type=client_credentials", 400, "invalid_request"),
    ("grant_type=client_credentials&client_secret=" + SECRET, 400, "invalid_request"),
    ("grant_type=client_credentials&client_id=other", 400, "invalid_request"),
    ("grant_type=%FF", 400, "invalid_request"),
    ("&".join(f"p{n}=1" for n in range(60)), 400, "invalid_request"),
    ("a=" + "x" * 40_000, 400, "invalid_request"),
]


@pytest.mark.parametrize(("body", "status", "error"), REFUSED)
def test_a_bad_request_has_the_error_of_rfc_6749(identity: Identity, body: str, status: int, error: str):
    answer = post(identity.http, body, basic("cis", SECRET))
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "authorization",
    [
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"nocolon").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "Basic " + base64.b64encode(b"cis:\x00").decode(),
        "Basic " + base64.b64encode(b"\x00:x").decode(),
        "Basic " + base64.b64encode(b"c" * 200 + b":x").decode(),
        "Basic " + "A" * 4_000,
        "Bearer x",
        "Digest username=cis",
    ],
)
def test_whatever_stands_in_authorization_is_401_unless_it_is_a_client(identity: Identity, authorization: str):
    answer = post(identity.http, "grant_type=client_credentials", {"Authorization": authorization})
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_no_credentials_at_all_are_401(identity: Identity):
    assert post(identity.http, "grant_type=client_credentials").status_code == 401


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", "text/plain", ""])
def test_another_kind_of_body_is_refused(identity: Identity, kind: str):
    headers = {"Content-Type": kind, **basic("cis", SECRET)}
    answer = identity.http.post("/oauth/token", content="grant_type=client_credentials", headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_a_disabled_client_gets_no_token_and_no_reason(identity: Identity):
    identity.database.write(clients.disable_client, "cis", who=SYSTEM, now=datetime.now(UTC))
    answer = post(identity.http, "grant_type=client_credentials", basic("cis", SECRET))
    unknown = post(identity.http, "grant_type=client_credentials", basic("nobody", SECRET))
    assert answer.status_code == unknown.status_code == 401
    assert answer.content == unknown.content


def test_both_secrets_work_while_one_replaces_the_other(identity: Identity):
    vault, now = identity.services.vault, datetime.now(UTC)
    new = identity.database.write(clients.add_secret, vault, "cis", who=SYSTEM, now=now).get_secret_value()
    for secret in (SECRET, new):
        assert post(identity.http, "grant_type=client_credentials", basic("cis", secret)).status_code == 200
    identity.database.write(clients.drop_oldest_secret, "cis", who=SYSTEM, now=now)
    answers = [post(identity.http, "grant_type=client_credentials", basic("cis", secret)) for secret in (SECRET, new)]
    assert [answer.status_code for answer in answers] == [401, 200]


def test_a_token_is_bound_to_the_certificate_a_trusted_proxy_presents(identity: Identity, monkeypatch):
    certificate = {"Client-Cert": ":" + base64.b64encode(b"a certificate").decode() + ":"}
    answer = post(identity.http, "grant_type=client_credentials", {**basic("cis", SECRET), **certificate})
    assert "cnf" not in parts(answer.json()["access_token"])[1]

    monkeypatch.setattr(TrustedHops, "hold", lambda *_: True)
    answer = post(identity.http, "grant_type=client_credentials", {**basic("cis", SECRET), **certificate})
    assert parts(answer.json()["access_token"])[1]["cnf"] == {"x5t#S256": thumbprint(b"a certificate")}
    broken = post(identity.http, "grant_type=client_credentials", {**basic("cis", SECRET), "Client-Cert": "x"})
    assert (broken.status_code, broken.json()["error"]) == (401, "invalid_client")


def test_every_issued_token_is_in_the_audit_log_without_the_token(identity: Identity):
    token = identity.token()
    entry = identity.database.read(audit.entries, tenant_id=identity.tenant.id)[-1]
    assert (entry.action, entry.actor) == ("token.issued", "cis")
    assert token not in repr(entry)


def test_another_tenants_client_gets_its_own_tenant(identity: Identity):
    other = identity.database.write(tenants.create_tenant, "otherton", environment="sandbox", now=datetime.now(UTC))
    make_client(identity.database, identity.services.vault, other, "other-cis")
    answer = post(identity.http, "grant_type=client_credentials", basic("other-cis", SECRET))
    assert parts(answer.json()["access_token"])[1]["tenant"] == "otherton"
