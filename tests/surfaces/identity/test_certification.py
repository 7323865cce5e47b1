"""The OAuth tests of Green Button certification by their ids (contracts/greenbutton.md section 4), on all surfaces.

They run at both addresses of the endpoints; resources are those of the Green Button surface.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from energygrid.access.audit import SYSTEM
from energygrid.access.caller import Tenant
from energygrid.access.consents import consents
from energygrid.access.oauth.espi_tokens import issue_access_token
from energygrid.access.tenants import create_tenant, set_section
from energygrid.access.token_check import TokenChecker
from energygrid.access.vault import Vault
from energygrid.app import create_app_for
from energygrid.database.engine import Database
from energygrid.services import Services
from energygrid.settings import Settings

from .dance import SCOPE, Dance, answered, register


@pytest.fixture(params=["/oauth", "/DataCustodian/Testville/oauth"])
def espi(
    request: pytest.FixtureRequest, database: Database, committed_tenant: Tenant, settings: Settings, vault: Vault
) -> Dance:
    services = Services(database, settings, vault, TokenChecker(database, settings, vault))
    http = TestClient(create_app_for(services), raise_server_exceptions=False)
    return Dance(http, services, committed_tenant, register(services, committed_tenant), at=request.param)


def get(espi: Dance, url: str, token: str | None) -> int:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return espi.http.get(urlsplit(url).path, headers=headers).status_code


def client_token(espi: Dance, **form: str) -> Any:
    return espi.http.post(f"{espi.at}/token", data={"grant_type": "client_credentials", **form}, auth=espi.auth)


@pytest.mark.parametrize("response_type", [None, "", "token", "something"])
def test_oad001_a_missing_or_wrong_response_type_goes_back_as_an_error(espi: Dance, response_type: str | None):
    answer = espi.authorize(response_type=response_type)
    assert answer.status_code == 302
    told = answered(answer.headers["location"])
    assert "error" in told
    assert "code" not in told


def test_oad001_a_scope_that_is_none_goes_back_as_an_error(espi: Dance):
    told = answered(espi.authorize(scope="FB=999;garbage").headers["location"])
    assert told["error"] == "invalid_scope"
    assert "code" not in told


@pytest.mark.parametrize("client_id", [None, "", "nobody", "\x00"])
def test_oad001_a_missing_or_unknown_client_is_no_redirect(espi: Dance, client_id: str | None):
    answer = espi.authorize(client_id=client_id)
    assert answer.status_code == 401
    assert "location" not in answer.headers


def test_oad001_an_address_that_is_not_registered_is_no_redirect(espi: Dance):
    answer = espi.authorize(redirect_uri="https://evil.example/callback")
    assert answer.status_code in {400, 401, 403}
    assert "location" not in answer.headers


def test_oad002_a_no_goes_back_as_access_denied(espi: Dance):
    told = answered(espi.deny(espi.request_id(state="xyz")).redirect)
    assert told["error"] == "access_denied"
    assert told["state"] == "xyz"
    assert told["iss"] == espi.services.settings.public_url
    assert "code" not in told


@pytest.mark.parametrize("authorization", [None, "", "Basic", "Basic Og==", "Bearer x", "Basic bm9ib2R5OnNlY3JldA=="])
def test_oad003_no_or_a_wrong_authorization_header_is_401(espi: Dance, authorization: str | None):
    form = {"grant_type": "authorization_code", "code": espi.code(), "redirect_uri": "https://app.example/callback"}
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = espi.http.post(f"{espi.at}/token", data=form, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert "www-authenticate" in answer.headers


@pytest.mark.parametrize("missing", ["grant_type", "code", "redirect_uri"])
def test_oad003_each_parameter_is_needed(espi: Dance, missing: str):
    assert espi.redeem(**{"code": espi.code(), missing: None}).status_code == 400


def test_oad003_a_client_id_beside_basic_is_refused_where_certification_is_wanted(espi: Dance):
    assert espi.redeem(espi.code(), client_id=espi.client_id).status_code == 200
    assert espi.redeem(espi.code(), client_id="another").status_code == 400
    values = {"strict_client_auth": True}
    espi.services.database.write(set_section, espi.tenant, "sharing", values, who=SYSTEM, now=datetime.now(UTC))
    assert espi.redeem(espi.code(), client_id=espi.client_id).status_code == 400


def test_oad003_another_address_an_unknown_code_and_an_old_code_are_refused(espi: Dance):
    assert espi.redeem(espi.code(), redirect_uri="https://app.example/other").status_code == 400
    assert espi.redeem("garbage").status_code == 400
    code = espi.code()
    old = text("UPDATE authorization_code SET expires_at = expires_at - interval '5 minutes'")
    espi.services.database.write(lambda db: db.execute(old))
    assert espi.redeem(code).status_code == 400


def test_oad004_a_code_works_once_and_a_second_use_ends_what_it_gave(espi: Dance):
    code = espi.code()
    body = espi.redeem(code).json()
    batch = body["resourceURI"]
    assert get(espi, batch, body["access_token"]) == 200
    assert espi.redeem(code).status_code == 400
    assert get(espi, batch, body["access_token"]) == 401
    assert espi.refresh(body["refresh_token"]).status_code == 400


@pytest.mark.parametrize("refreshed", [False, True])
def test_oad005_oad012_the_answer_has_all_of_its_members(espi: Dance, refreshed: bool):
    body = espi.tokens()
    if refreshed:
        body = espi.refresh(body["refresh_token"]).json()
    wanted = {"access_token", "token_type", "refresh_token", "expires_in", "scope", "resourceURI", "authorizationURI"}
    assert wanted <= body.keys()
    assert (body["token_type"], body["scope"]) == ("Bearer", SCOPE)


def test_oad006_to_oad010_each_resource_takes_its_kind_of_token_alone(espi: Dance):
    body, own = espi.tokens(), client_token(espi).json()
    tokens = {
        "A": body["access_token"],
        "C": own["access_token"],
        "R": espi.made.registration_token.get_secret_value(),
        None: None,
    }
    resource = espi.services.settings.resource_url
    application = f"{resource}/ApplicationInformation/{espi.made.third_party.application_id}"
    wanted = {
        application: "R",
        body["authorizationURI"]: "C",
        f"{resource}/Authorization": "C",
        own["authorizationURI"]: "C",
        body["resourceURI"]: "A",
        body["customerResourceURI"]: "A",
        f"{resource}/ReadServiceStatus": "C",
    }
    for url, kind in wanted.items():
        for name, token in tokens.items():
            expected = {200} if name == kind else {401} if name is None else {403}
            assert get(espi, url, token) in expected, (url, name)


def test_oad011_a_refresh_without_its_parameters_or_with_another_scope_is_400(espi: Dance):
    token = espi.tokens()["refresh_token"]
    for form in (
        {"refresh_token": token},
        {"grant_type": "refresh_token"},
        {"grant_type": "refresh_token", "refresh_token": ""},
    ):
        assert espi.http.post(f"{espi.at}/token", data=form, auth=espi.auth).status_code == 400
    assert espi.refresh(token, scope="FB=4").json()["error"] == "invalid_scope"


def test_oad014_client_credentials_need_a_grant_type_and_a_good_scope(espi: Dance):
    assert espi.http.post(f"{espi.at}/token", data={"x": "1"}, auth=espi.auth).status_code == 400
    for scope in ("FB=999", "garbage", "customer.sync", "FB=34_17"):
        answer = client_token(espi, scope=scope)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


def test_oad015_a_third_partys_own_token_has_no_refresh_token(espi: Dance):
    scope = "FB=4_16_35;BlockDuration=daily;BR=1"
    body = client_token(espi, scope=scope).json()
    resource, application = espi.services.settings.resource_url, espi.made.third_party.application_id
    assert "refresh_token" not in body
    assert body["scope"] == scope
    assert body["resourceURI"] == f"{resource}/Batch/Bulk/{application}"
    assert body["authorizationURI"] == f"{resource}/Authorization/{application}"
    assert client_token(espi).json()["scope"] == "FB=34_35"


def test_oad016_an_expired_access_token_is_401(espi: Dance):
    body = espi.tokens()
    consent = espi.services.database.read(consents.find, espi.tenant.id, body["authorizationURI"].rpartition("/")[2])
    old = issue_access_token(
        espi.services.tokens.authority,
        tenant=espi.tenant.key,
        consent=consent,
        lifetime=timedelta(hours=1),
        now=datetime.now(UTC) - timedelta(hours=2),
    )
    assert get(espi, body["resourceURI"], old.token) == 401


def test_a_revoked_authorization_is_refused_at_once(espi: Dance):
    body = espi.tokens()
    assert get(espi, body["resourceURI"], body["access_token"]) == 200
    consent = body["authorizationURI"].rpartition("/")[2]
    espi.services.database.write(consents.revoke, espi.tenant.id, consent, who=SYSTEM, now=datetime.now(UTC))
    assert get(espi, body["resourceURI"], body["access_token"]) == 401
    assert espi.refresh(body["refresh_token"]).status_code == 400


def test_a_third_party_of_another_utility_is_unknown_below_this_one(espi: Dance):
    """And mix-up between utilities gets nowhere: neither the request nor the code is taken."""
    if espi.at == "/oauth":
        return
    other = espi.services.database.write(create_tenant, "otherton", environment="sandbox", now=datetime.now(UTC))
    stranger = replace(espi, tenant=other, made=register(espi.services, other))
    assert stranger.authorize().status_code == 401
    assert client_token(stranger).status_code == 401
    at_home = replace(stranger, at="/DataCustodian/otherton/oauth")
    code = at_home.code()
    assert stranger.redeem(code).status_code == 401
    assert at_home.redeem(code).status_code == 200
    assert replace(espi, at="/DataCustodian/nowhere/oauth").authorize().status_code == 401
