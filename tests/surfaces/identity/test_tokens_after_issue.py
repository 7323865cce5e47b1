"""Revocation (RFC 7009), introspection (RFC 7662), discovery (RFC 8414) and the error format."""

from datetime import UTC, datetime

import pytest
from fastapi.testclient import TestClient
from joserfc import jwt
from joserfc.jwk import KeySet

from energygrid.access import audit
from energygrid.errors import Unauthenticated, Unavailable
from energygrid.surfaces.common.deps import Services
from energygrid.surfaces.identity.app import create_app

from .conftest import SECRET, Identity, make_client

CIS = ("cis", SECRET)


def introspected(identity: Identity, token: str, auth: tuple[str, str] = CIS) -> dict[str, object]:
    answer = identity.http.post("/oauth/introspect", data={"token": token}, auth=auth)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    return answer.json()


@pytest.fixture
def other(identity: Identity) -> tuple[str, str]:
    make_client(identity.database, identity.services.vault, identity.tenant, "other")
    return ("other", SECRET)


def test_a_client_sees_what_its_own_token_says(identity: Identity):
    told = introspected(identity, identity.token())
    assert told["active"] is True
    assert (told["client_id"], told["scope"], told["tenant"]) == ("cis", "customer.sync", "testville")
    assert told["exp"] - told["iat"] == 3600


def test_every_other_token_is_inactive_and_nothing_more(identity: Identity, other: tuple[str, str]):
    token = identity.token()
    for foreign in ("", "x", "a.b.c", token[:-2], token + "A", "ä" * 10, "\0"):
        answer = identity.http.post("/oauth/introspect", data={"token": foreign or " "}, auth=CIS)
        assert answer.json() == {"active": False}
    assert introspected(identity, token, other) == {"active": False}


def test_a_revoked_token_is_inactive_and_opens_nothing(identity: Identity):
    token = identity.token()
    answer = identity.http.post("/oauth/revoke", data={"token": token, "token_type_hint": "whatever"}, auth=CIS)
    assert (answer.status_code, answer.json()) == (200, {})
    assert introspected(identity, token) == {"active": False}
    with pytest.raises(Unauthenticated):
        identity.services.tokens.check(token, datetime.now(UTC))
    again = identity.http.post("/oauth/revoke", data={"token": token}, auth=CIS)
    assert again.status_code == 200
    entry = identity.database.read(audit.entries, tenant_id=identity.tenant.id)[-1]
    assert (entry.action, entry.actor) == ("token.revoked", "cis")


def test_nobody_revokes_the_token_of_another(identity: Identity, other: tuple[str, str]):
    token = identity.token()
    for foreign in (token, "x", "a.b.c"):
        answer = identity.http.post("/oauth/revoke", data={"token": foreign}, auth=other)
        assert (answer.status_code, answer.json()) == (200, {})
    assert introspected(identity, token)["active"] is True


@pytest.mark.parametrize("path", ["/oauth/revoke", "/oauth/introspect"])
def test_both_need_a_client_and_a_token(identity: Identity, path: str):
    assert identity.http.post(path, data={"token": "x"}).status_code == 401
    assert identity.http.post(path, data={"token": "x"}, auth=("cis", "wrong")).status_code == 401
    missing = identity.http.post(path, data={"grant_type": "x"}, auth=CIS)
    assert (missing.status_code, missing.json()["error"]) == (400, "invalid_request")


def test_an_outside_library_verifies_a_token_by_discovery_alone(identity: Identity):
    metadata = identity.http.get("/.well-known/openid-configuration").json()
    assert metadata["issuer"] == identity.services.settings.public_url
    path = metadata["jwks_uri"].removeprefix(metadata["issuer"])
    keys = KeySet.import_key_set(identity.http.get(path).json())
    assert len(keys.keys) >= 2
    token = jwt.decode(identity.token(), keys, algorithms=["ES256"])
    registry = jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": metadata["issuer"]}, exp={"essential": True}, aud={"essential": True}
    )
    registry.validate(token.claims)


def test_both_discovery_documents_agree(identity: Identity):
    openid = identity.http.get("/.well-known/openid-configuration")
    oauth = identity.http.get("/.well-known/oauth-authorization-server")
    assert oauth.json().items() <= openid.json().items()
    assert openid.headers["cache-control"] == "public, max-age=300"
    assert oauth.json()["grant_types_supported"] == ["client_credentials", "authorization_code", "refresh_token"]


def test_what_is_not_there_is_404_and_a_wrong_method_405_in_the_same_format(identity: Identity):
    missing = identity.http.get("/oauth/nothing")
    assert (missing.status_code, missing.json()["error"]) == (404, "not_found")
    wrong = identity.http.get("/oauth/token")
    assert (wrong.status_code, wrong.json()["error"], wrong.headers["allow"]) == (405, "method_not_allowed", "POST")
    assert missing.headers["cache-control"] == "no-store"


def test_a_database_that_is_down_is_503_with_a_time_to_come_back(identity: Identity, monkeypatch: pytest.MonkeyPatch):
    def down(*_: object, **__: object) -> None:
        raise Unavailable("DATABASE_UNAVAILABLE", "the database does not answer", retry_after=5)

    monkeypatch.setattr(identity.database, "write", down)
    answer = identity.http.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=CIS)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["error"] == "temporarily_unavailable"


def test_an_unexpected_error_says_nothing_but_a_reference(identity: Identity, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr(identity.database, "write", broken)
    answer = identity.http.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=CIS)
    assert (answer.status_code, answer.json()["error"]) == (500, "server_error")
    assert "a secret" not in answer.text


def test_an_installation_that_issues_no_tokens_has_no_token_endpoint(identity: Identity):
    was = identity.services
    settings = was.settings.model_copy(update={"embedded_idp": False})
    http = TestClient(create_app(Services(was.database, settings, was.vault, was.tokens)))
    assert http.post("/oauth/token", data={}).status_code == 404
    assert http.get("/.well-known/openid-configuration").status_code == 404


def test_neither_secret_nor_token_reaches_the_log(identity: Identity, caplog: pytest.LogCaptureFixture):
    caplog.set_level("DEBUG")
    token = identity.token()
    identity.http.post("/oauth/introspect", data={"token": token}, auth=CIS)
    identity.http.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=("cis", SECRET + "x"))
    assert SECRET not in caplog.text
    assert token not in caplog.text
    assert token.split(".")[2] not in caplog.text
