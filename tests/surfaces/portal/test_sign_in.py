"""Sessions, forms and headers."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from starlette.testclient import TestClient
from tests.surfaces.portal.conftest import Browser, hidden_of
from tests.surfaces.portal.world import PASSWORD, PASSWORDS, RULES, World, make_world

from energygrid.access import audit, users
from energygrid.access.audit import SYSTEM
from energygrid.services import Services
from energygrid.surfaces.portal.app import create_app
from energygrid.surfaces.portal.sign_in import REFUSED

FORM = "/testville/sign-in"


def test_whoever_is_not_signed_in_is_sent_there_and_back(browser: Browser):
    answer = browser.get("/usage?day=2025-05-05")
    assert answer.status_code == 303
    page = browser.get(answer.headers["location"])
    assert hidden_of(page, FORM)["next"] == "/usage?day=2025-05-05"
    signed = browser.submit(page, FORM, {"username": "ann", "password": PASSWORD})
    assert (signed.status_code, signed.headers["location"]) == (303, "/usage?day=2025-05-05")
    assert browser.get(signed.headers["location"]).status_code == 200


@pytest.mark.parametrize(
    "evil",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/\nhttps://evil.example",
        "/../x",
        "javascript:alert(1)",
        "\thttps://evil.example",
        "/" + "a" * 3000,
    ],
)
def test_nobody_is_led_away_after_signing_in(browser: Browser, evil: str):
    page = browser.http.get(FORM, params={"next": evil})
    assert hidden_of(page, FORM)["next"] == "/"
    token = hidden_of(page, FORM)["form_token"]
    fields = {"form_token": token, "next": evil, "username": "ann", "password": PASSWORD}
    assert browser.http.post(FORM, data=fields, follow_redirects=False).headers["location"] == "/"


def test_a_form_without_the_token_of_its_page_is_refused(browser: Browser, new_browser: Callable[..., Browser]):
    fields = {"username": "ann", "password": PASSWORD}
    assert browser.http.post(FORM, data=fields).status_code == 403
    foreign = hidden_of(new_browser().get(FORM), FORM)
    assert browser.http.post(FORM, data=fields | foreign).status_code == 403
    page = browser.get(FORM)
    assert browser.submit(page, FORM, fields, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert browser.submit(page, FORM, fields).status_code == 303


def test_the_token_of_one_session_is_worth_nothing_in_another(ann: Browser, new_browser: Callable[..., Browser]):
    bob = new_browser()
    bob.sign_in("bob")
    theirs = hidden_of(bob.get("/"), "/sign-out")
    assert ann.http.post("/sign-out", data=theirs).status_code == 403
    assert ann.http.post("/sign-out").status_code == 403
    assert ann.get("/usage").status_code == 200


def test_signing_in_takes_a_new_session_and_ends_the_old_one(ann: Browser):
    """Session fixation: what the browser brought is worth nothing afterwards."""
    before = ann.http.cookies["energygrid"]
    assert ann.sign_in("ann").status_code == 303
    after = ann.http.cookies["energygrid"]
    assert before != after
    ann.http.cookies.clear()
    ann.http.cookies.set("energygrid", before)
    assert ann.get("/usage").status_code == 303
    planted = {"Cookie": "energygrid=1." + "A" * 43}
    page = ann.get(FORM, headers=planted)
    answer = ann.submit(page, FORM, {"username": "ann", "password": PASSWORD})
    assert "A" * 43 not in str(answer.headers.get_list("set-cookie"))


def test_signing_out_ends_the_session_wherever_a_copy_of_the_cookie_is(ann: Browser):
    copy = ann.http.cookies["energygrid"]
    answer = ann.submit(ann.get("/"), "/sign-out")
    assert answer.status_code == 303
    assert "energygrid" not in ann.http.cookies
    assert "You have signed out." in ann.get(answer.headers["location"]).text
    ann.http.cookies.set("energygrid", copy)
    assert ann.get("/usage").status_code == 303


def test_every_refusal_reads_the_same(world: World, browser: Browser, new_browser: Callable[..., Browser]):
    """Wrong password, no such user, disabled user, locked user."""
    users_of = world.services.database.write
    users_of(users.disable_user, world.tenant, "bob", who=SYSTEM, now=datetime.now(UTC))
    for _ in range(5):
        new_browser().sign_in("dev", "wrong")
    pages = [
        browser.sign_in("ann", "wrong"),
        browser.sign_in("nobody", "wrong"),
        browser.sign_in("bob"),
        browser.sign_in("dev"),
        browser.sign_in("with space"),
    ]
    for page in pages:
        assert page.status_code == 401
        assert REFUSED in page.text
        assert PASSWORD not in page.text
    bare = {re.sub(r'value="[^"]*"', "", page.text) for page in pages}
    assert len(bare) == 1


def test_a_name_is_locked_after_failures_even_for_the_right_password(browser: Browser):
    for _ in range(5):
        assert browser.sign_in("ann", "wrong").status_code == 401
    assert browser.sign_in("ann").status_code == 401
    assert browser.sign_in("bob").status_code == 303


def test_one_address_cannot_try_name_after_name(browser: Browser):
    for number in range(20):
        browser.sign_in(f"name{number}", "wrong")
    assert browser.sign_in("ann").status_code == 401


def test_signing_in_and_out_is_in_the_audit_log(world: World, ann: Browser):
    ann.submit(ann.get("/"), "/sign-out")
    entries = world.services.database.read(audit.entries, tenant_id=world.tenant.id, subject="user/ann")
    assert [entry.action for entry in entries][-2:] == ["user.signed_in", "user.signed_out"]


def test_a_session_is_of_one_utility(world: World, services: Services, new_browser: Callable[..., Browser]):
    make_world(services, "othertown", "Othertown Energy")
    ann, other = new_browser(), new_browser()
    choice = ann.get("/sign-in?next=/usage")
    assert re.findall(r'href="(/\w+/sign-in\?next=/usage)">([^<]+)', choice.text) == [
        ("/othertown/sign-in?next=/usage", "Othertown Energy"),
        ("/testville/sign-in?next=/usage", "Testville Light &amp; Power"),
    ]
    ann.sign_in("ann")
    other.sign_in("ann", utility="othertown")
    theirs = re.search(r'action="(/usage/\d+)', other.get("/usage").text)
    assert theirs is not None
    assert ann.get(theirs[1]).status_code == 404
    assert ann.get("/nowhere/sign-in").status_code == 404


@pytest.mark.parametrize(
    ("who", "path", "status"),
    [("dev", "/usage", 403), ("sue", "/usage", 403), ("op", "/usage", 403), ("op", "/", 200), ("dev", "/", 200)],
)
def test_a_page_is_for_the_role_it_names(browser: Browser, who: str, path: str, status: int):
    browser.sign_in(who)
    assert browser.get(path).status_code == status


@pytest.mark.parametrize("path", ["/", FORM, "/usage", "/nothing", "/static/0/portal.css"])
def test_every_answer_carries_the_headers_that_protect_it(browser: Browser, path: str):
    headers = browser.get(path).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["form-action"] == "'self'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"


def test_the_cookie_is_bound_to_the_host_where_the_address_is_https(world: World, services: Services):
    secure = services.settings.model_copy(update={"public_url": "https://energy.example"})
    app = create_app(Services(services.database, secure, services.vault, services.tokens), RULES, PASSWORDS)
    browser = Browser(TestClient(app, base_url="https://energy.example"))
    answer = browser.sign_in("ann")
    cookie = next(each for each in answer.headers.get_list("set-cookie") if each.startswith("__Host-energygrid="))
    parts = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"httponly", "secure", "path=/", "samesite=lax"} <= parts
    assert "domain" not in cookie.lower()
    assert "max-age" in browser.get("/").headers["strict-transport-security"]


def test_without_https_the_cookie_is_still_out_of_reach_of_scripts(browser: Browser):
    cookies = browser.sign_in("ann").headers.get_list("set-cookie")
    cookie = next(each for each in cookies if each.startswith("energygrid="))
    assert "httponly" in cookie.lower()
    assert "samesite=lax" in cookie.lower()


def test_files_have_addresses_that_name_their_content(browser: Browser):
    page = browser.get(FORM)
    links = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
    assert links
    for link in links:
        answer = browser.get(link)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]


def test_what_a_person_typed_is_shown_as_text(browser: Browser):
    page = browser.sign_in('"><script>alert(1)</script>', "wrong")
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;" in page.text
