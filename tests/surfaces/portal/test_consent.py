"""The consent page and what a customer shares."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.surfaces.portal.conftest import Browser
from tests.surfaces.portal.world import PASSWORD, REDIRECT, SCOPE, World, ask, register

from energygrid.access import audit
from energygrid.access.consents import consents
from energygrid.access.consents.consents import Consent
from energygrid.access.third_parties.facts import Facts, Status
from energygrid.access.third_parties.third_parties import ThirdParty


@pytest.fixture
def party(world: World) -> ThirdParty:
    return register(world).third_party


def form_of(page: Any) -> dict[str, Any]:
    """What a browser sends when nothing is touched: checked boxes and dates."""
    text = page.text
    checked = re.findall(r'<input type="checkbox"[^>]*name="(\w+)" value="([^"]+)" checked>', text)
    dates = re.findall(r'name="(data_from|data_until|expires_at)" type="date" value="([^"]*)"', text)
    fields: dict[str, Any] = {"answer": "approve"} | dict(dates)
    for name in {name for name, _ in checked}:
        fields[name] = [value for each, value in checked if each == name]
    return fields


def given(world: World) -> Consent:
    """The one consent there is."""
    (only,) = world.services.database.read(consents.of_customer, world.tenant.id, "4711")
    return only


def answered(answer: Any) -> dict[str, str]:
    """What the third party gets to know."""
    assert answer.status_code == 303
    address = urlsplit(answer.headers["location"])
    assert f"{address.scheme}://{address.netloc}{address.path}" == REDIRECT
    return {name: value[0] for name, value in parse_qs(address.query).items()}


def test_the_page_says_who_asks_for_which_meters_and_what_in_plain_words(world, ann: Browser, party):
    page = ann.get(ask(world, party))
    assert page.status_code == 200
    assert "Solar Saver asks for your data" in page.text
    for words in ("Meter readings", "a value every 15 minutes or hour", "Cost of each reading", "Bills", "Account"):
        assert words in page.text
    assert re.findall(r"meter ([EG]-\d)", page.text) == ["E-1", "G-1"]
    assert "saver.example" in page.text
    assert "E-2" not in page.text


def test_a_yes_to_everything_grants_the_scope_letter_by_letter(world, ann: Browser, party):
    path = ask(world, party)
    page = ann.get(path)
    facts = answered(ann.submit(page, path, form_of(page)))
    assert set(facts) == {"code", "state", "iss"}
    consent = given(world)
    assert (consent.scope, consent.requested_scope) == (SCOPE, SCOPE)
    assert consent.meters == ("E-1", "G-1")
    two_years = datetime.now(UTC) - timedelta(seconds=63072000)
    assert abs(consent.data_from - two_years) < timedelta(minutes=1)
    assert consent.data_until is None


def test_whoever_is_not_signed_in_comes_back_to_the_request(world, browser: Browser, party):
    path = ask(world, party)
    first = browser.get(path)
    assert first.headers["location"] == f"/testville/sign-in?next={path}"
    signed = browser.submit(
        browser.get(first.headers["location"]), "/testville/sign-in", {"username": "ann", "password": PASSWORD}
    )
    assert signed.headers["location"] == path
    assert browser.get(path).status_code == 200


def test_meters_and_kinds_of_data_can_be_left_out_and_times_shortened(world, ann: Browser, party):
    path = ask(world, party)
    page = ann.get(path)
    fields = form_of(page)
    fields["meter"] = fields["meter"][:1]
    fields["part"] = ["intervals", "bills"]
    fields |= {"data_from": "2026-01-01", "data_until": "2026-12-31", "expires_at": "2027-06-30"}
    answered(ann.submit(page, path, fields))
    consent = given(world)
    assert consent.meters == ("E-1",)
    assert consent.scope == "FB=4_16;IntervalDuration=900_3600;HistoryLength=63072000"
    assert consent.data_from == datetime(2026, 1, 1, 5, tzinfo=UTC)
    assert consent.data_until == datetime(2027, 1, 1, 5, tzinfo=UTC)
    assert consent.expires_at == datetime(2027, 7, 1, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"meter": []}, "meters", "at least one meter"),
        ({"part": []}, "parts", "at least one kind"),
        ({"part": ["everything"]}, "parts", "at least one kind"),
        ({"data_from": "1999-01-01"}, "data_from", "earlier than what was asked"),
        ({"data_from": ""}, "data_from", "enter a date"),
        ({"data_from": "yesterday"}, "data_from", "is not a date"),
        ({"expires_at": "2999-01-01"}, "expires_at", "later than what was asked"),
        ({"data_until": "2020-01-01"}, "data_until", "before the first day"),
        ({"expires_at": "2025-01-01"}, "expires_at", "is over already"),
    ],
)
def test_nothing_more_than_was_asked_and_not_nothing(world, ann: Browser, party, change, field, sentence):
    path = ask(world, party)
    page = ann.get(path)
    answer = ann.submit(page, path, form_of(page) | change)
    assert answer.status_code == 400
    assert f'href="#{field}"' in answer.text
    assert f'id="{field}"' in answer.text
    assert sentence in answer.text
    assert world.services.database.read(consents.of_customer, world.tenant.id, "4711") == []


def test_the_meter_of_somebody_else_cannot_be_shared(world, ann: Browser, new_browser: Callable[..., Browser], party):
    bob = new_browser()
    bob.sign_in("bob")
    theirs = re.search(r'action="/usage/(\d+)', bob.get("/usage").text)
    path = ask(world, party)
    page = ann.get(path)
    answer = ann.submit(page, path, form_of(page) | {"meter": [theirs[1], "E-2"]})
    assert answer.status_code == 400
    answered(ann.submit(page, path, form_of(page) | {"meter": [*form_of(page)["meter"], theirs[1], "E-2"]}))
    assert given(world).meters == ("E-1", "G-1")


def test_a_no_goes_back_as_access_denied(world, ann: Browser, party):
    path = ask(world, party)
    facts = answered(ann.submit(ann.get(path), path, {"answer": "deny"}))
    assert (facts["error"], facts["state"]) == ("access_denied", "s1")
    assert world.services.database.read(consents.of_customer, world.tenant.id, "4711") == []


def test_a_request_is_answered_once(world, ann: Browser, party):
    path = ask(world, party)
    page = ann.get(path)
    answered(ann.submit(page, path, form_of(page)))
    for again in (ann.get(path), ann.submit(page, path, form_of(page))):
        assert again.status_code == 409
        assert "answered already" in again.text
    assert given(world)


def test_a_request_that_is_not_known_or_too_old_is_said_so(ann: Browser):
    for path in ("/consent/nothing", "/consent/1." + "A" * 43):
        answer = ann.get(path)
        assert answer.status_code == 404
        assert "start again there" in answer.text


def test_a_form_without_its_token_shares_nothing(world, ann: Browser, party):
    path = ask(world, party)
    fields = form_of(ann.get(path))
    assert ann.http.post(path, data=fields).status_code == 403
    assert ann.get(path).status_code == 200


def test_the_browser_may_go_on_to_the_third_party_and_nowhere_else(world, ann: Browser, party):
    policy = ann.get(ask(world, party)).headers["content-security-policy"]
    assert policy.endswith("form-action 'self' https://saver.example")
    assert ann.get("/usage").headers["content-security-policy"].endswith("form-action 'self'")


def test_a_redirect_address_cannot_smuggle_a_policy(world, ann: Browser):
    evil = "https://saver.example;script-src/x"
    party = register(world, redirect_uris=[evil]).third_party
    policy = ann.get(ask(world, party)).headers["content-security-policy"]
    assert policy.count("script-src") == 1


def test_without_a_redirect_address_a_receipt_ends_it(world, ann: Browser, party):
    path = ask(world, party, redirect_uri=None)
    page = ann.get(path)
    answer = ann.submit(page, path, form_of(page))
    assert answer.headers["location"] == f"/sharing/{given(world).id}?done=approved"
    receipt = ann.get(answer.headers["location"])
    assert "Keep this page as a receipt" in receipt.text
    assert given(world).id in receipt.text
    no = ask(world, party, redirect_uri=None)
    assert ann.submit(ann.get(no), no, {"answer": "deny"}).headers["location"] == "/sharing?done=declined"


def test_noedit_leaves_the_meters_to_choose_and_the_data_as_asked(world, ann: Browser):
    scope = "FB=4_16;AdditionalScope=historical-2025-01-01_ongoing-2030-01-01_noedit"
    party = register(world, offered_scopes=[scope]).third_party
    path = ask(world, party, scope=scope)
    page = ann.get(path)
    fields = form_of(page)
    assert set(fields) == {"answer", "meter"}
    fields["meter"] = fields["meter"][:1]
    answered(ann.submit(page, path, fields | {"part": ["bills"], "data_from": "2026-01-01"}))
    consent = given(world)
    assert (consent.scope, consent.meters) == (scope, ("E-1",))
    assert consent.data_from == datetime(2025, 1, 1, 5, tzinfo=UTC)
    assert consent.data_until == datetime(2030, 1, 2, 5, tzinfo=UTC)


def test_prompt_asks_for_a_new_sign_in(world, ann: Browser, party):
    path = ask(world, party, prompt="on")
    answer = ann.get(path)
    assert answer.headers["location"].startswith("/testville/sign-in")
    page = ann.get(answer.headers["location"])
    assert page.status_code == 200
    ann.submit(page, "/testville/sign-in", {"username": "ann", "password": PASSWORD})
    assert ann.get(path).status_code == 200


def test_an_account_without_a_customer_has_nothing_to_share(world, browser: Browser, party):
    browser.sign_in("dev")
    assert browser.get(ask(world, party)).status_code == 403


def test_what_a_third_party_writes_about_itself_is_text(world, ann: Browser):
    facts = Facts(
        description="<img src=x onerror=alert(1)>", client_uri="https://saver.example/a?b=%22onclick=", phone="'\"><b>"
    )
    party = register(world, name='"><script>alert(1)</script>', facts=facts).third_party
    path = ask(world, party)
    page = ann.get(path)
    answered(ann.submit(page, path, form_of(page)))
    for shown in (page, ann.get("/sharing"), ann.get(f"/sharing/{given(world).id}"), ann.get("/connect")):
        assert "<script>alert" not in shown.text
        assert "<img src=x" not in shown.text
        assert "'\"><b>" not in shown.text


def share(world: World, ann: Browser, party: ThirdParty) -> Consent:
    path = ask(world, party)
    page = ann.get(path)
    answered(ann.submit(page, path, form_of(page)))
    return given(world)


def test_who_can_see_my_data_says_what_since_when_and_when_last(world, ann: Browser, party):
    consent = share(world, ann, party)
    page = ann.get("/sharing")
    assert "Solar Saver" in page.text
    assert "<dd>never</dd>" in page.text
    facts = {"path": "/Batch/Subscription/1"}
    world.services.database.write(
        audit.record,
        world.tenant.id,
        actor=party.client_id,
        action="shared_data.read",
        subject=f"consent/{consent.id}",
        request_id="r",
        now=datetime(2026, 5, 5, 16, 30, tzinfo=UTC),
        facts=facts,
    )
    assert "5 May 2026, 12:30" in ann.get("/sharing").text
    assert "All readings, bills and power quality" in ann.get(f"/sharing/{consent.id}").text


def test_sharing_ends_after_a_confirmation(world, ann: Browser, party):
    consent = share(world, ann, party)
    path = f"/sharing/{consent.id}/revoke"
    page = ann.get(path)
    assert given(world).revoked_at is None
    assert ann.http.post(path).status_code == 403
    answer = ann.submit(page, path)
    assert answer.headers["location"] == "/sharing?done=revoked"
    assert given(world).revoked_by == "user/ann"
    after = ann.get(answer.headers["location"]).text
    assert "withdrawn" in after
    assert "Nobody but you and your utility" in after
    assert "has ended already" in ann.get(path).text


def test_nobody_sees_or_ends_the_sharing_of_another_customer(world, ann, new_browser: Callable[..., Browser], party):
    consent = share(world, ann, party)
    bob = new_browser()
    bob.sign_in("bob")
    for path in (f"/sharing/{consent.id}", f"/sharing/{consent.id}/revoke"):
        assert bob.get(path).status_code == 404
    answer = bob.submit(bob.get("/"), "/sign-out", {})
    assert answer.status_code == 303
    bob.sign_in("bob")
    token = re.search(r'name="form_token" value="([^"]+)"', bob.get("/").text)
    assert bob.http.post(f"/sharing/{consent.id}/revoke", data={"form_token": token[1]}).status_code == 404
    assert given(world).revoked_at is None


def test_connect_lists_live_third_parties_that_name_a_page(world, ann: Browser):
    register(world, name="Live", facts=Facts(client_uri="https://live.example/"))
    register(world, name="Waiting", facts=Facts(client_uri="https://wait.example/"), status=Status.REVIEW)
    register(world, name="Silent")
    text = ann.get("/connect").text
    assert "https://live.example/" in text
    assert "wait.example" not in text
    assert "Silent" not in text
