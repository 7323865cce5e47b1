"""A customer connects a third party: from its link through sign-in and consent to its data, and out again."""

import base64
import hashlib
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest
from playwright.sync_api import Page, expect
from tests.journeys.portal.conftest import Site, sign_in
from tests.surfaces.portal.world import SCOPE, register

VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@dataclass
class ThirdPartySite:
    """A third party that listens on this machine for the browser's return."""

    url: str
    client_id: str = ""
    secret: str = ""
    heard: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture
def saver(site: Site) -> Iterator[ThirdPartySite]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/callback":
                known.heard.append({name: values[0] for name, values in parse_qs(parts.query).items()})
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><html lang=en><title>Back</title><h1>Back at Solar Saver</h1></html>")

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    known = ThirdPartySite(f"http://127.0.0.1:{server.server_port}/callback")
    made = register(site.world, redirect_uris=[known.url])
    known.client_id, known.secret = made.third_party.client_id, made.secret.get_secret_value()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield known
    server.shutdown()
    thread.join()
    server.server_close()


def authorize_url(site: Site, saver: ThirdPartySite, **more: str) -> str:
    asked = {
        "response_type": "code",
        "client_id": saver.client_id,
        "redirect_uri": saver.url,
        "scope": SCOPE,
        "state": "xyz",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    return f"{site.url}/DataCustodian/testville/oauth/authorize?{urlencode(asked | more)}"


def redeem(site: Site, saver: ThirdPartySite) -> dict[str, Any]:
    facts = {
        "grant_type": "authorization_code",
        "code": saver.heard[-1]["code"],
        "redirect_uri": saver.url,
        "code_verifier": VERIFIER,
    }
    answer = httpx2.post(
        f"{site.url}/DataCustodian/testville/oauth/token", data=facts, auth=(saver.client_id, saver.secret)
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def batch(tokens: dict[str, Any]) -> httpx2.Response:
    return httpx2.get(
        tokens["resourceURI"] + "?published-min=2025-06-09T04:00:00Z&published-max=2025-06-12T04:00:00Z",
        headers={"Authorization": f"Bearer {tokens['access_token']}"},
    )


def test_the_whole_dance_and_back_out_of_it(page: Page, site: Site, saver: ThirdPartySite):
    page.goto(authorize_url(site, saver))
    sign_in(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Solar Saver asks for your data")
    page.get_by_label(re.compile("Gas")).uncheck()
    page.get_by_label(re.compile("Account details")).uncheck()
    page.get_by_role("button", name="Share my data").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Back at Solar Saver")
    assert saver.heard[-1]["state"] == "xyz"

    tokens = redeem(site, saver)
    assert tokens["scope"] == "FB=4_12_16;IntervalDuration=900_3600;HistoryLength=63072000"
    feed = batch(tokens)
    assert feed.status_code == 200
    assert feed.text.count("<UsagePoint xmlns") == 1
    assert len(re.findall("<IntervalReading>", feed.text)) == (3 * 96 - 12) * 2

    page.goto("/portal/sharing")
    card = page.locator("section.panel", has_text="Solar Saver").first
    expect(card).to_contain_text("active")
    expect(card).not_to_contain_text("never")
    card.get_by_role("link", name="Stop sharing").click()
    page.get_by_role("button", name="Stop sharing").click()
    expect(page.get_by_role("status")).to_contain_text("Access has been withdrawn")
    assert batch(tokens).status_code == 401


def test_declining_goes_back_without_a_code(page: Page, site: Site, saver: ThirdPartySite):
    page.goto(authorize_url(site, saver))
    sign_in(page)
    page.get_by_role("button", name="Decline").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Back at Solar Saver")
    assert saver.heard[-1]["error"] == "access_denied"
    assert "code" not in saver.heard[-1]


def test_a_mistake_is_told_first_and_the_focus_is_on_it(page: Page, site: Site, saver: ThirdPartySite):
    page.goto(authorize_url(site, saver))
    sign_in(page)
    for box in page.get_by_role("group", name="Which meters").get_by_role("checkbox").all():
        box.uncheck()
    page.get_by_role("button", name="Share my data").click()
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page).to_have_title(re.compile("^Error: "))
    page.get_by_role("link", name="Choose at least one meter.").press("Enter")
    expect(page.get_by_role("group", name="Which meters")).to_be_focused()


def test_consent_by_keyboard_alone(page: Page, site: Site, saver: ThirdPartySite):
    page.goto(authorize_url(site, saver))
    walk_to(page, "username")
    page.keyboard.type("ann")
    page.keyboard.press("Tab")
    page.keyboard.type("correct horse battery")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Solar Saver asks for your data")
    walk_to(page, "part-bills")
    page.keyboard.press("Space")
    walk_to(page, "Share my data")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Back at Solar Saver")
    assert redeem(site, saver)["scope"].startswith("FB=4_12_51;")


def walk_to(page: Page, target: str) -> None:
    """Press Tab until the focus is on an element of this id or text; each stop must be seen."""
    for _ in range(60):
        page.keyboard.press("Tab")
        here = page.evaluate(
            """() => { const at = document.activeElement, style = getComputedStyle(at);
                return [at.id, at.textContent.trim(), style.outlineStyle !== "none" || at.type === "date"]; }"""
        )
        assert here[2], f"the focus cannot be seen on {here[:2]}"
        if target in here[:2]:
            return
    pytest.fail(f"Tab never reaches {target}")


def test_consent_without_scripts(new_page: Callable[..., Page], site: Site, saver: ThirdPartySite):
    page = new_page(java_script_enabled=False)
    page.goto(authorize_url(site, saver))
    sign_in(page)
    page.get_by_role("button", name="Share my data").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Back at Solar Saver")
    assert redeem(site, saver)["scope"] == SCOPE
