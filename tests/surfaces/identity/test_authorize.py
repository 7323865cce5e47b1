"""The authorisation endpoint: who is asked what, and where the browser goes (RFC 6749 section 4.1.1, RFC 9207)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from energygrid.access.audit import SYSTEM
from energygrid.access.consents.espi_scope import narrow
from energygrid.access.oauth import authorization_requests
from energygrid.access.oauth.redirects import answer_url
from energygrid.access.tenants import create_tenant, set_section
from energygrid.access.third_parties import changing
from energygrid.access.third_parties.facts import Status
from energygrid.errors import Conflict, Denied, Invalid, NotFound

from .dance import CALLBACK, CHALLENGE, CUSTOMER, PKCE, SCOPE, Dance, answered, register


def test_a_good_request_goes_on_to_the_consent_page_and_is_told_there(dance: Dance):
    request_id = dance.request_id(prompt="on")
    now = datetime.now(UTC)
    opened = dance.services.database.read(authorization_requests.open_request, dance.services.vault, request_id, now)
    assert opened.third_party.client_id == dance.client_id
    assert opened.scope.text == SCOPE
    assert opened.redirect_to == "app.example"
    assert opened.fresh_login
    assert timedelta(minutes=9) < opened.expires_at - now <= timedelta(minutes=10)


def test_without_a_scope_the_first_registered_one_is_asked_for(dance: Dance):
    assert dance.approve(dance.request_id(scope=None)).consent.scope == SCOPE


def test_without_a_redirect_uri_the_customer_ends_on_a_receipt_and_no_code_is_delivered(dance: Dance):
    given = dance.approve(dance.request_id(redirect_uri=None))
    assert given.redirect is None
    assert given.consent is not None
    assert dance.deny(dance.request_id(redirect_uri=None)).redirect is None


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example/callback/",
        "https://app.example/callback?x=1",
        "https://app.example/callback#x",
        "https://app.example/callback/../callback",
        "https://APP.example/callback",
        "http://app.example/callback",
        "https://app.example:443/callback",
        "https://app.example%2Fcallback",
        "https://app.example/callback%00",
        "https://user@app.example/callback",
        "https://app.example.evil.example/callback",
        "//app.example/callback",
        "javascript:alert(1)",
        "https://app.example/callback\r\nSet-Cookie: a=b",
    ],
)
def test_only_the_registered_address_itself_is_ever_redirected_to(dance: Dance, uri: str):
    for more in ({}, {"response_type": "token"}, {"scope": "nonsense"}):
        answer = dance.authorize(redirect_uri=uri, **more)
        assert answer.status_code == 400
        assert "location" not in answer.headers
        assert "set-cookie" not in answer.headers


def test_the_page_that_refuses_shows_what_came_as_text_and_is_no_frame(dance: Dance):
    answer = dance.authorize(client_id="<script>alert(1)</script>")
    assert answer.status_code == 401
    assert "<script" not in answer.text
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"code_challenge": CHALLENGE}, "invalid_request"),
        ({"code_challenge": CHALLENGE, "code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short", "code_challenge_method": "S256"}, "invalid_request"),
        ({"code_challenge_method": "S256"}, "invalid_request"),
        ({"state": "x" * 5000}, "invalid_request"),
        ({"scope": "FB=4_17"}, "invalid_scope"),
        ({"scope": "FB=4_22"}, "invalid_scope"),
        ({"scope": "openid"}, "invalid_scope"),
        ({"scope": "FB=4;AdditionalScope=historical-2024-13-01"}, "invalid_scope"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
    ],
)
def test_what_is_wrong_is_told_to_the_third_party_with_state_and_issuer(dance: Dance, changed: dict, error: str):
    answer = dance.authorize(**changed)
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(f"{CALLBACK}?")
    told = answered(answer.headers["location"])
    assert told["error"] == error
    assert told["state"] == changed.get("state", "s1")
    assert told["iss"] == dance.services.settings.public_url
    assert "code" not in told


def test_a_parameter_given_twice_is_refused_without_a_redirect(dance: Dance):
    query = f"response_type=code&client_id={dance.client_id}&redirect_uri={quote(CALLBACK)}&redirect_uri=x"
    answer = dance.http.get(f"/oauth/authorize?{query}", follow_redirects=False)
    assert answer.status_code == 400


def test_unknown_parameters_and_unknown_terms_of_a_scope_do_no_harm(dance: Dance):
    scope = f"{SCOPE};dataCustodianId=PGE;AdditionalScope=Usage_Billing"
    given = dance.approve(dance.request_id(scope=scope, nonce="x", display="page"))
    assert given.consent.scope == scope


def test_a_public_client_must_use_pkce_and_one_with_a_secret_must_when_the_utility_says_so(dance: Dance):
    public = register(dance.services, dance.tenant, auth_method="none")
    answer = replace(dance, made=public).authorize()
    assert answered(answer.headers["location"])["error"] == "invalid_request"
    assert replace(dance, made=public).authorize(**PKCE).status_code == 303

    now = datetime.now(UTC)
    dance.services.database.write(set_section, dance.tenant, "sharing", {"require_pkce": True}, who=SYSTEM, now=now)
    assert answered(dance.authorize().headers["location"])["error"] == "invalid_request"
    assert dance.authorize(**PKCE).status_code == 303


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(state=st.binary(min_size=1, max_size=60))
def test_the_state_comes_back_byte_for_byte(state: bytes):
    """CSRF protection of the client hangs on it. The address is read as a client would read it."""
    url = answer_url("https://app.example/cb?tenant=1", "https://us.example", state, {"code": "c"})
    read = url.partition("state=")[2].partition("&")[0]
    from urllib.parse import unquote_to_bytes  # noqa: PLC0415

    assert unquote_to_bytes(read) == state
    assert url.startswith("https://app.example/cb?tenant=1&code=c&")
    assert url.isascii()


@pytest.mark.parametrize("raw", ["%00", "%FF%FE", "a%20b+c", "%C3%A9", "x%3D1%26code%3Dstolen", "%0D%0ASet-Cookie:x"])
def test_an_odd_state_survives_the_whole_way(dance: Dance, raw: str):
    query = f"response_type=code&client_id={dance.client_id}&redirect_uri={quote(CALLBACK, safe='')}&state={raw}"
    answer = dance.http.get(f"/oauth/authorize?{query}", follow_redirects=False)
    assert answer.status_code == 303
    redirect = dance.approve(answer.headers["location"].rpartition("/")[2]).redirect
    from urllib.parse import unquote_to_bytes  # noqa: PLC0415

    came_back = redirect.partition("&state=")[2].partition("&")[0]
    assert unquote_to_bytes(came_back) == unquote_to_bytes(raw.replace("+", " "))
    assert redirect.count("code=") == 1
    assert "\n" not in redirect


def test_a_request_is_answered_once_and_forgotten_after_ten_minutes(dance: Dance):
    vault, database = dance.services.vault, dance.services.database
    request_id = dance.request_id()
    dance.approve(request_id)
    for again in (dance.approve, dance.deny):
        with pytest.raises(Conflict, match="answered already"):
            again(request_id)
    later = datetime.now(UTC) + timedelta(minutes=11)
    with pytest.raises(NotFound):
        database.read(authorization_requests.open_request, vault, dance.request_id(), later)
    for wrong in ("", "x", f"{dance.tenant.id}-{'a' * 43}", request_id[:-1], f"9{request_id}"):
        with pytest.raises(NotFound):
            database.read(authorization_requests.open_request, vault, wrong, datetime.now(UTC))


def test_the_customer_may_only_take_away(dance: Dance):
    for more in (SCOPE.replace("4_16_51", "4_15_16_51"), SCOPE + ";BR=1", SCOPE.replace("63072000", "99999999")):
        with pytest.raises(Invalid):
            dance.approve(dance.request_id(), scope=more)
    with pytest.raises(Invalid):
        dance.approve(dance.request_id(), meters=[])
    less = narrow(SCOPE, ["account"])
    assert less == "FB=4_16;IntervalDuration=900_3600;HistoryLength=63072000"
    assert dance.approve(dance.request_id(), scope=less).consent.scope == less


def test_under_review_only_test_customers_may_say_yes_outside_a_sandbox(dance: Dance):
    services, now = dance.services, datetime.now(UTC)
    real = services.database.write(create_tenant, "realville", environment="production", now=now)
    reviewed = replace(dance, tenant=real, made=register(services, real, status=Status.REVIEW))
    with pytest.raises(Denied, match="under review"):
        reviewed.approve(reviewed.request_id())
    services.database.write(set_section, real, "sharing", {"test_customers": [CUSTOMER]}, who=SYSTEM, now=now)
    assert reviewed.approve(reviewed.request_id()).consent is not None


def test_a_third_party_on_hold_may_not_ask(dance: Dance):
    waiting = dance.request_id()
    dance.services.database.write(
        changing.set_status, dance.client_id, Status.ON_HOLD, who=SYSTEM, now=datetime.now(UTC)
    )
    assert answered(dance.authorize().headers["location"])["error"] == "unauthorized_client"
    with pytest.raises(Denied, match="on hold"):
        dance.approve(waiting)


def test_requests_from_one_address_have_a_limit(dance: Dance):
    answers = [dance.authorize(client_id="nobody").status_code for _ in range(70)]
    assert answers[:60] == [401] * 60
    assert answers[-1] == 429


def test_post_is_not_how_to_ask(dance: Dance):
    assert dance.http.post("/oauth/authorize").status_code == 405
