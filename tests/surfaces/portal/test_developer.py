"""Applications of developers, and what the utility's staff decides about them."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.surfaces.portal.conftest import Browser, hidden_of
from tests.surfaces.portal.world import SCOPE, World, ask, register, run_due_jobs

from energygrid.access import clients
from energygrid.access.consents import consents
from energygrid.access.third_parties import credentials, third_parties
from energygrid.access.third_parties.facts import Status
from energygrid.access.third_parties.third_parties import ThirdParty
from energygrid.greenbutton import notices
from energygrid.services import Services
from energygrid.settings import Settings

NEW = "/developer/new"
FIELDS = {
    "name": "Solar Saver",
    "description": "Saves",
    "client_uri": "https://saver.example/",
    "redirect_uris": "https://saver.example/callback\nhttps://saver.example/second",
    "scopes": SCOPE,
    "contacts": "dev@saver.example",
    "use": "1",
    "kind": "server",
}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Notices may go to this machine."""
    return settings.model_copy(update={"outgoing_allow": ["127.0.0.1"], "outgoing_http": True})


@pytest.fixture
def dev(browser: Browser) -> Browser:
    browser.sign_in("dev")
    return browser


def made(dev: Browser, **changes: str) -> tuple[str, Any]:
    """Path of a new application and its page with the keys."""
    answer = dev.submit(dev.get(NEW), NEW, FIELDS | changes)
    assert answer.status_code == 303, answer.text
    page = dev.get(answer.headers["location"])
    return answer.headers["location"].split("?")[0], page


def key(page: Any, name: str) -> str | None:
    found = re.search(rf'id="new-{name}">([^<]+)<', page.text)
    return found[1] if found else None


def found(services: Services, path: str) -> ThirdParty:
    return services.database.read(third_parties.find, path.rsplit("/", 1)[1])


def test_a_new_application_is_under_review_and_its_keys_work(world: World, dev: Browser):
    path, page = made(dev)
    party = found(world.services, path)
    assert (party.status, party.name, party.facts.contacts) == (Status.REVIEW, "Solar Saver", ("dev@saver.example",))
    assert party.redirect_uris == ("https://saver.example/callback", "https://saver.example/second")
    database, vault = world.services.database, world.services.vault
    client = database.read(clients.find_client, party.client_id)
    assert client.knows(vault, key(page, "secret"))
    token = key(page, "token")
    assert database.read(credentials.of_registration_token, vault, token).client_id == party.client_id
    assert party.client_id in page.text


def test_keys_are_shown_once(dev: Browser):
    path, page = made(dev)
    assert key(page, "secret")
    for again in (dev.get(f"{path}?keys=new"), dev.get(path), dev.get("/developer")):
        assert key(again, "secret") is None
        assert key(page, "secret") not in again.text


@pytest.mark.parametrize("name", ["secret", "token"])
def test_each_key_can_be_made_anew(world: World, dev: Browser, name: str):
    path, first = made(dev)
    field = {"secret": "secret", "token": "registration_token"}[name]
    form = {"form_token": hidden_of(dev.get(path), f"{path}/rotate")["form_token"], "key": field}
    answer = dev.http.post(f"{path}/rotate", data=form, follow_redirects=False)
    second = dev.get(answer.headers["location"])
    assert key(second, name) not in {None, key(first, name)}
    vault, database = world.services.vault, world.services.database
    if name == "secret":
        client = database.read(clients.find_client, path.rsplit("/", 1)[1])
        assert client.knows(vault, key(first, "secret"))
        assert client.knows(vault, key(second, "secret"))
    else:
        assert database.read(credentials.of_registration_token, vault, key(second, "token"))
        with pytest.raises(Exception, match="not known"):
            database.read(credentials.of_registration_token, vault, key(first, "token"))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"redirect_uris": "http://saver.example/callback"}, "redirect_uris"),
        ({"redirect_uris": "https://saver.example/#x"}, "redirect_uris"),
        ({"scopes": "everything"}, "scopes"),
        ({"scopes": ""}, "scopes"),
        ({"client_uri": "javascript:alert(1)"}, "client_uri"),
        ({"notify_uri": "http://10.0.0.1/hook"}, "notify_uri"),
        ({"notify_uri": "https://169.254.169.254/"}, "notify_uri"),
        ({"notify_uri": "no address"}, "notify_uri"),
        ({"use": "99"}, "use"),
    ],
)
def test_a_mistake_is_told_at_its_field_and_nothing_is_lost(dev: Browser, change: dict[str, str], field: str):
    answer = dev.submit(dev.get(NEW), NEW, FIELDS | change)
    assert answer.status_code == 400
    assert f'href="#{field}"' in answer.text
    assert f'id="{field}"' in answer.text
    assert "Saves" in answer.text
    assert "not registered an application" in dev.get("/developer").text


def test_an_app_on_devices_has_no_secret(world: World, dev: Browser):
    path, page = made(dev, kind="app", redirect_uris="com.example.saver:/callback")
    assert found(world.services, path).public
    assert key(page, "secret") is None
    assert key(page, "token")


def test_addresses_can_be_changed_and_scopes_cannot(world: World, dev: Browser):
    path, _ = made(dev)
    edit = f"{path}/edit"
    fields = FIELDS | {
        "redirect_uris": "https://new.example/cb",
        "scopes": "FB=4",
        "notify_uri": "http://127.0.0.1:9/n",
    }
    answer = dev.submit(dev.get(edit), edit, fields)
    assert answer.headers["location"] == f"{path}?keys=new&done=saved"
    page = dev.get(answer.headers["location"])
    assert key(page, "signing")
    party = found(world.services, path)
    assert party.redirect_uris == ("https://new.example/cb",)
    assert party.offered_scopes == (SCOPE,)
    assert party.notify_uri == "http://127.0.0.1:9/n"


def test_a_test_notice_stands_in_the_delivery_log_and_can_be_sent_again(world: World, dev: Browser):
    path, page = made(dev, notify_uri="http://127.0.0.1:9/notices")
    assert key(page, "signing")
    answer = dev.submit(page, f"{path}/test")
    assert answer.headers["location"] == f"{path}?done=sent#notices"
    party = found(world.services, path)
    run_due_jobs(world.services)
    (notice,) = world.services.database.read(notices.notices_to, party)
    log = dev.get(path)
    assert f"/ApplicationInformation/{party.application_id}" in log.text
    one = dev.get(f"{path}/notices/{notice.id}")
    assert notice.id in one.text
    assert "Next attempt" in one.text
    again = dev.submit(log, f"{path}/notices/{notice.id}/resend")
    assert again.headers["location"] == f"{path}?done=resent#notices"
    assert dev.get(f"{path}/notices/nothing").status_code == 404


def test_nobody_sees_the_application_of_another_developer(world: World, dev: Browser):
    party = register(world).third_party
    token = hidden_of(dev.get("/"), "/sign-out")
    path = f"/developer/{party.client_id}"
    assert dev.get(path).status_code == 404
    assert dev.get(f"{path}/edit").status_code == 404
    for action in ("edit", "rotate", "test"):
        assert dev.http.post(f"{path}/{action}", data=token | {"key": "secret"}).status_code == 404
    assert "Solar Saver" not in dev.get("/developer").text


@pytest.mark.parametrize("path", ["/developer", NEW, "/staff/third-parties"])
def test_customers_have_no_business_here(ann: Browser, path: str):
    assert ann.get(path).status_code == 403


@pytest.fixture
def sue(world: World, new_browser: Callable[..., Browser]) -> Browser:
    browser = new_browser()
    browser.sign_in("sue")
    return browser


def decide(sue: Browser, party: ThirdParty, action: str, **more: str) -> Any:
    path = f"/staff/third-parties/{party.client_id}"
    return sue.submit(sue.get("/staff/third-parties"), path, {"action": action} | more)


def test_the_utility_lets_a_third_party_in_holds_it_and_lets_it_in_again(world: World, sue: Browser):
    party = register(world, status=Status.REVIEW).third_party
    for action, status in (("live", Status.LIVE), ("hold", Status.ON_HOLD), ("live", Status.LIVE)):
        assert decide(sue, party, action).status_code == 303
        assert world.services.database.read(third_parties.find, party.client_id).status is status


def test_revoking_wants_a_tick_and_ends_every_consent(world: World, sue: Browser, ann: Browser):
    party = register(world).third_party
    path = ask(world, party)
    page = ann.get(path)
    ann.submit(
        page,
        path,
        {
            "answer": "approve",
            "meter": re.findall(r'name="meter" value="(\d+)"', page.text),
            "part": ["intervals"],
            "data_from": re.search(r'name="data_from" type="date" value="([^"]+)', page.text)[1],
            "expires_at": re.search(r'name="expires_at" type="date" value="([^"]+)', page.text)[1],
        },
    )
    assert decide(sue, party, "revoke").status_code == 400
    assert decide(sue, party, "revoke", sure="yes").status_code == 303
    database = world.services.database
    (consent,) = database.read(consents.of_customer, world.tenant.id, "4711")
    assert not consent.holds(datetime.now(UTC))
    assert database.read(third_parties.find, party.client_id).status is Status.REVOKED
    assert decide_without_form(sue, party) == 409


def decide_without_form(sue: Browser, party: ThirdParty) -> int:
    token = hidden_of(sue.get("/"), "/sign-out")
    path = f"/staff/third-parties/{party.client_id}"
    return sue.http.post(path, data=token | {"action": "live"}, follow_redirects=False).status_code
