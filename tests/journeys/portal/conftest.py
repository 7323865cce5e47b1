"""The portal in a real browser, in front of a real server on this machine.

One world, one server and one Chromium serve all tests of a worker; each test has a browser profile of its own. A page
that breaks its Content-Security-Policy, throws or cannot load something fails the test.
"""

import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright
from sqlalchemy.engine import URL
from tests.conftest import copied
from tests.surfaces.portal.world import PASSWORD, World, make_world

from energygrid.access.token_check import TokenChecker
from energygrid.access.vault import Vault
from energygrid.app import create_app_for
from energygrid.database.engine import Database
from energygrid.services import Services
from energygrid.settings import Settings

_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
_HOW = "these tests need Chromium; on Debian: apt-get install chromium"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All on one worker: one server and one browser are enough."""
    for item in items:
        if "journeys/portal" in item.nodeid:
            item.add_marker(pytest.mark.xdist_group("portal"))


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(_HOW)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_FLAGS))
        yield browser
        browser.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class Site:
    url: str
    world: World

    @property
    def portal(self) -> str:
        return f"{self.url}/portal"


@pytest.fixture(scope="package")
def site(server: URL, template: URL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The whole root application with the world of the portal's tests, listening on this machine."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("site"),
        environment="sandbox",
        public_url=url,
        outgoing_allow=["127.0.0.1"],
        outgoing_http=True,
    )
    vault = Vault(bytes(range(32)))
    with copied(server, str(template.database)) as address:
        database = Database(address, pool_size=8)
        services = Services(database, settings, vault, TokenChecker(database, settings, vault))
        world = make_world(services)
        with _listening(services, port):
            yield Site(url, world)
        database.close()


class _listening:  # noqa: N801 - reads as what it does
    def __init__(self, services: Services, port: int) -> None:
        config = uvicorn.Config(
            create_app_for(services), host="127.0.0.1", port=port, log_level="error", lifespan="off"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()
        until = time.monotonic() + 20
        while not self._server.started:
            assert time.monotonic() < until, "the server did not start"
            assert self._thread.is_alive(), "the server ended at once"
            time.sleep(0.02)

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(20)


@pytest.fixture
def new_page(chromium: Browser, site: Site) -> Iterator[Callable[..., Page]]:
    """Opens pages in profiles of their own; what goes wrong on any of them fails the test at its end."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and "status of 4" not in message.text:
            faults.append(f"{message.type}: {message.text}")

    def lost(request: Request) -> None:
        # So ends what was under way when the page was left, and a navigation that turns into a download.
        if request.failure != "net::ERR_ABORTED":
            faults.append(f"not loaded: {request.url} {request.failure}")

    def make(**options: Any) -> Page:
        context = chromium.new_context(
            base_url=site.url, viewport={"width": 1200, "height": 900}, locale="en-US", **options
        )
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", heard)
        page.on("pageerror", lambda error: faults.append(f"exception: {error}"))
        page.on("requestfailed", lost)
        return page

    yield make
    for context in contexts:
        context.close()
    assert not faults, "\n".join(faults)


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    return new_page()


def sign_in(page: Page, username: str = "ann") -> None:
    """By the form that the browser was led to, or the sign-in page."""
    if page.locator("#password").count() == 0:
        page.goto("/portal/testville/sign-in")
    page.get_by_label("User name").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
