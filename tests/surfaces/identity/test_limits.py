"""Limits of the token endpoint: published figures of contracts/powerbox.md 5.6, kept in the database."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from fastapi.testclient import TestClient

from energygrid.access import tenants
from energygrid.access.settings import AccessSettings
from energygrid.access.token_check import TokenChecker
from energygrid.access.trusted_hops import TrustedHops
from energygrid.database.engine import Database
from energygrid.surfaces.common.deps import Services
from energygrid.surfaces.identity.app import create_app

from .conftest import SECRET, Identity, make_client

GRANT = {"grant_type": "client_credentials"}


@pytest.fixture
def production(identity: Identity) -> Identity:
    """The same installation with a client `prod` of a production tenant."""
    tenant = identity.database.write(tenants.create_tenant, "real", environment="production", now=datetime.now(UTC))
    make_client(identity.database, identity.services.vault, tenant, "prod")
    return identity


def ask(http: TestClient, client_id: str, secret: str = SECRET, **headers: str):
    return http.post("/oauth/token", data=GRANT, auth=(client_id, secret), headers=headers)


def restarted(identity: Identity) -> TestClient:
    """Another process on the same database."""
    was = identity.services
    services = Services(was.database, was.settings, was.vault, TokenChecker(was.database, was.settings, was.vault))
    return TestClient(create_app(services))


def test_a_client_gets_ten_tokens_a_minute(production: Identity):
    answers = [ask(production.http, "prod") for _ in range(11)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    refused = answers[-1]
    assert refused.json()["error"] == "temporarily_unavailable"
    assert 1 <= int(refused.headers["retry-after"]) <= 6
    assert refused.headers["cache-control"] == "no-store"
    assert ask(restarted(production), "prod").status_code == 429


def test_a_sandbox_client_may_ask_as_often_as_a_test_suite_does(identity: Identity):
    assert {ask(identity.http, "cis").status_code for _ in range(60)} == {200}


def test_the_fifth_wrong_secret_locks_for_fifteen_minutes_and_a_restart_does_not_unlock(production: Identity):
    answers = [ask(production.http, "prod", "wrong") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert 890 <= int(answers[-1].headers["retry-after"]) <= 900
    assert ask(restarted(production), "prod").status_code == 429


def test_wrong_secrets_from_elsewhere_do_not_lock_a_client_out(production: Identity, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(TrustedHops, "hold", lambda _, address: address == "testclient")
    for _ in range(6):
        ask(production.http, "prod", "wrong", **{"X-Forwarded-For": "198.51.100.7"})
    assert ask(production.http, "prod", **{"X-Forwarded-For": "198.51.100.7"}).status_code == 429
    assert ask(production.http, "prod", **{"X-Forwarded-For": "203.0.113.9"}).status_code == 200


def test_an_address_that_tries_one_client_after_the_other_is_locked(production: Identity):
    rules = AccessSettings(address_failures=20)
    app = TestClient(create_app(production.services, rules))
    statuses = [ask(app, f"guess-{number}", "wrong").status_code for number in range(21)]
    assert statuses == [401] * 20 + [429]


def test_failures_at_revocation_and_introspection_count_too(production: Identity):
    for path in ("/oauth/revoke", "/oauth/introspect", "/oauth/revoke", "/oauth/introspect", "/oauth/revoke"):
        answer = production.http.post(path, data={"token": "x"}, auth=("prod", "wrong"))
        assert answer.status_code == 401
    assert ask(production.http, "prod").status_code == 429


def test_a_start_under_load_does_not_wait_for_itself(new_database, settings, vault):
    """Making the first keys takes a connection while every request of the start wants one too."""
    migrated = new_database()
    database = Database(migrated.url, pool_size=2)
    tenant = database.write(tenants.create_tenant, "busy", environment="sandbox", now=datetime.now(UTC))
    make_client(database, vault, tenant)
    services = Services(database, settings, vault, TokenChecker(database, settings, vault))
    http = TestClient(create_app(services))
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: ask(http, "cis").status_code, range(16)))
    database.close()
    assert statuses == [200] * 16
