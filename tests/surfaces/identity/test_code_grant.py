"""Redeeming a code: once, by whom it was made for, with the verifier of the challenge (RFC 6749 4.1.3, RFC 7636)."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from energygrid.access import audit, clients
from energygrid.access.audit import SYSTEM
from energygrid.access.consents import consents
from energygrid.access.tenants import set_section
from energygrid.errors import Unauthenticated

from .dance import CALLBACK, CUSTOMER, PKCE, SCOPE, VERIFIER, Dance, register


def claims(token: str) -> dict[str, Any]:
    return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))


def age(dance: Dance, seconds: int) -> None:
    """Let every code be older than it is."""
    statement = text("UPDATE authorization_code SET expires_at = expires_at - :by * interval '1 second'")
    dance.services.database.write(lambda db: db.execute(statement, {"by": seconds}))


def test_the_answer_has_what_contract_3_5_4_lists(dance: Dance):
    given = dance.approve(dance.request_id())
    code = given.redirect.partition("code=")[2].partition("&")[0]
    answer = dance.redeem(code)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    base, consent = dance.services.settings.resource_url, given.consent.id
    assert body.pop("access_token").count(".") == 2
    assert len(body.pop("refresh_token")) > 43
    assert body == {
        "token_type": "Bearer",
        "expires_in": 3600,
        "scope": SCOPE,
        "resourceURI": f"{base}/Batch/Subscription/{consent}",
        "customerResourceURI": f"{base}/Batch/RetailCustomer/{consent}",
        "authorizationURI": f"{base}/Authorization/{consent}",
    }
    assert isinstance(body["expires_in"], int)


def test_without_account_data_there_is_no_address_for_them(dance: Dance):
    assert "customerResourceURI" not in dance.tokens(scope="FB=4;IntervalDuration=900")


def test_the_access_token_names_the_authorization_and_no_customer(dance: Dance):
    body = dance.tokens()
    consent = body["authorizationURI"].rpartition("/")[2]
    said = claims(body["access_token"])
    told = {name: said[name] for name in ("espi", "authorization", "scope", "sub", "client_id", "tenant")}
    assert told == {
        "espi": "access",
        "authorization": consent,
        "scope": SCOPE,
        "sub": consent,
        "client_id": dance.client_id,
        "tenant": "testville",
    }
    assert CUSTOMER not in json.dumps(said)


def test_a_green_button_token_opens_no_scope_of_other_surfaces(dance: Dance):
    caller = dance.services.tokens.check(dance.tokens()["access_token"], datetime.now(UTC))
    assert caller.scopes == frozenset()


def test_a_token_never_outlives_the_consent(dance: Dance):
    request_id, ends = dance.request_id(), datetime.now(UTC) + timedelta(minutes=10)
    redirect = dance.approve(request_id, expires_at=ends).redirect
    body = dance.redeem(redirect.partition("code=")[2].partition("&")[0]).json()
    assert 0 < body["expires_in"] <= 600
    assert claims(body["access_token"])["exp"] <= ends.timestamp() + 1


@pytest.mark.parametrize("changed", [{"redirect_uri": "https://app.example/other"}, {"code": "1-" + "a" * 43}])
def test_a_wrong_redirect_uri_or_code_is_refused_and_does_not_use_the_code_up(dance: Dance, changed: dict):
    code = dance.code()
    answer = dance.redeem(**{"code": code, **changed})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert dance.redeem(code).status_code == 200


def test_a_code_of_another_third_party_is_worth_nothing_and_is_not_used_up(dance: Dance):
    """Code injection with a client of one's own (RFC 9700 section 4.5)."""
    thief = replace(dance, made=register(dance.services, dance.tenant, name="Thief"))
    code = dance.code()
    answer = thief.redeem(code)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert dance.redeem(code).status_code == 200


def test_a_code_with_a_challenge_needs_its_verifier(dance: Dance):
    code = dance.code(**PKCE)
    for wrong in ({}, {"code_verifier": "w" * 64}, {"code_verifier": PKCE["code_challenge"]}):
        answer = dance.redeem(code, **wrong)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert dance.redeem(code, code_verifier=VERIFIER).status_code == 200


def test_a_verifier_for_a_code_without_a_challenge_is_refused(dance: Dance):
    """PKCE downgrade (RFC 9700 section 4.8.2): the attacker strips the challenge on the way here."""
    answer = dance.redeem(dance.code(), code_verifier=VERIFIER)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_a_public_client_redeems_with_its_id_and_the_verifier(dance: Dance):
    app = replace(dance, made=register(dance.services, dance.tenant, auth_method="none", redirect_uris=["com.app:/cb"]))
    asked = {"redirect_uri": "com.app:/cb", **PKCE}
    form = {"grant_type": "authorization_code", "redirect_uri": "com.app:/cb", "client_id": app.client_id}
    code = app.code(**asked)
    assert app.http.post("/oauth/token", data={**form, "code": code}).status_code == 400
    answer = app.http.post("/oauth/token", data={**form, "code": code, "code_verifier": VERIFIER})
    assert answer.status_code == 200
    token = answer.json()["refresh_token"]
    again = {"grant_type": "refresh_token", "refresh_token": token, "client_id": app.client_id}
    assert app.http.post("/oauth/token", data=again).status_code == 200
    credentials = {"grant_type": "client_credentials", "client_id": app.client_id}
    assert app.http.post("/oauth/token", data=credentials).json()["error"] in {"unauthorized_client", "invalid_client"}
    assert app.http.post("/oauth/introspect", data={"token": token, "client_id": app.client_id}).status_code == 401


def test_a_client_with_a_secret_cannot_pass_for_a_public_one(dance: Dance):
    form = {"grant_type": "authorization_code", "code": dance.code(), "redirect_uri": CALLBACK}
    assert dance.http.post("/oauth/token", data={**form, "client_id": dance.client_id}).status_code == 401


def test_a_second_use_takes_back_everything_the_first_one_gave(dance: Dance):
    code = dance.code()
    first = dance.redeem(code).json()
    refreshed = dance.refresh(first["refresh_token"]).json()
    again = dance.redeem(code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert dance.refresh(refreshed["refresh_token"]).status_code == 400
    for token in (first, refreshed):
        assert dance.introspect(token["access_token"]) == {"active": False}
        said = claims(token["access_token"])
        with pytest.raises(Unauthenticated):
            dance.services.database.read(
                consents.of_access_token, dance.tenant.id, dance.client_id, said, datetime.now(UTC)
            )
    actions = [each.action for each in dance.services.database.read(audit.entries, tenant_id=dance.tenant.id)]
    assert "code.used_again" in actions


def test_a_second_use_with_a_wrong_verifier_takes_nothing_back(dance: Dance):
    """Else whoever sees a used code in a log could end an authorisation."""
    code = dance.code(**PKCE)
    first = dance.redeem(code, code_verifier=VERIFIER).json()
    assert dance.redeem(code, code_verifier="w" * 64).status_code == 400
    assert dance.introspect(first["access_token"])["active"]


def test_a_code_expires_as_the_utility_says(dance: Dance):
    code = dance.code()
    age(dance, 119)
    assert dance.redeem(code).status_code == 200
    code = dance.code()
    age(dance, 121)
    answer = dance.redeem(code)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    shorter = {"code_lifetime_s": 30}
    dance.services.database.write(set_section, dance.tenant, "sharing", shorter, who=SYSTEM, now=datetime.now(UTC))
    code = dance.code()
    age(dance, 31)
    assert dance.redeem(code).status_code == 400


def test_a_consent_revoked_before_the_code_is_used_gives_no_token(dance: Dance):
    given = dance.approve(dance.request_id())
    dance.services.database.write(consents.revoke, dance.tenant.id, given.consent.id, who=SYSTEM, now=datetime.now(UTC))
    answer = dance.redeem(given.redirect.partition("code=")[2].partition("&")[0])
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_neither_code_nor_tokens_are_stored_or_logged(dance: Dance, caplog: pytest.LogCaptureFixture):
    caplog.set_level("DEBUG")
    code = dance.code()
    body = dance.redeem(code).json()
    stored = []
    for table in ("authorization_request", "authorization_code", "refresh_token", "audit_log", "third_party"):
        rows = dance.services.database.read(lambda db, t=table: db.execute(text(f"SELECT {t}::text FROM {t}")).all())
        stored += [str(row) for row in rows]
    everything = " ".join(stored) + caplog.text
    secrets = (code, body["access_token"], body["refresh_token"], dance.secret)
    assert len(stored) > 4
    assert not any(secret in everything for secret in secrets)


def test_a_disabled_third_party_gets_nothing(dance: Dance):
    code = dance.code()
    dance.services.database.write(clients.disable_client, dance.client_id, who=SYSTEM, now=datetime.now(UTC))
    assert dance.redeem(code).status_code == 401


@pytest.mark.parametrize("name", ["grant_type", "code", "redirect_uri"])
def test_a_parameter_that_is_missing_is_named(dance: Dance, name: str):
    answer = dance.redeem(**{"code": dance.code(), name: None})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert name in answer.json()["error_description"]
