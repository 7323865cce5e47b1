import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import unescape
from typing import Any

import pytest
from sqlalchemy.engine import URL
from starlette.testclient import TestClient
from tests.conftest import Clones, copied, keep_contents
from tests.surfaces.portal.world import PASSWORD, PASSWORDS, RULES, World, make_world

from energygrid.access.caller import Tenant
from energygrid.access.token_check import TokenChecker
from energygrid.access.vault import Vault
from energygrid.database.engine import Database
from energygrid.services import Services
from energygrid.settings import Settings
from energygrid.surfaces.portal.app import create_app


@dataclass
class Browser:
    """A client that keeps cookies and fills in forms as they stand on a page."""

    http: TestClient

    def get(self, path: str, **more: Any) -> Any:
        return self.http.get(path, follow_redirects=False, **more)

    def open(self, path: str) -> Any:
        """Follow every redirect."""
        return self.http.get(path, follow_redirects=True)

    def submit(self, page: Any, action: str, fields: dict[str, Any] | None = None, **more: Any) -> Any:
        """Send the form of `page` whose action is `action`, its hidden fields with it."""
        return self.http.post(action, data=hidden_of(page, action) | (fields or {}), follow_redirects=False, **more)

    def sign_in(self, username: str, password: str = PASSWORD, *, utility: str = "testville") -> Any:
        path = f"/{utility}/sign-in"
        return self.submit(self.get(path), path, {"username": username, "password": password})


def hidden_of(page: Any, action: str) -> dict[str, str]:
    """Hidden fields of a form."""
    found = re.search(rf'<form[^>]*action="{re.escape(action)}"[^>]*>(.*?)</form>', page.text, re.DOTALL)
    assert found is not None, f"no form leads to {action}:\n{page.text}"
    fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', found[1])
    return {name: unescape(value) for name, value in fields}


@pytest.fixture(scope="session")
def world_template(
    server: URL, template: URL, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Clones, Tenant]]:
    """A database with the world in it, made once a worker, that every test gets a copy of."""
    with copied(server, str(template.database)) as url:
        database = Database(url, pool_size=2)
        settings = Settings(data_dir=tmp_path_factory.mktemp("world"), environment="sandbox")
        world = make_world(_services(database, settings))
        database.close()
        keep_contents(url)
        yield Clones(server, url), world.tenant


def _services(database: Database, settings: Settings) -> Services:
    vault = Vault(bytes(range(32)))
    return Services(database, settings, vault, TokenChecker(database, settings, vault))


@pytest.fixture
def services(world_template: tuple[Clones, Tenant], settings: Settings) -> Iterator[Services]:
    """On a copy of the world of this test's own."""
    with world_template[0].database(pool_size=8) as database:
        yield _services(database, settings)


@pytest.fixture
def world(services: Services, world_template: tuple[Clones, Tenant]) -> World:
    return World(services, world_template[1])


@pytest.fixture
def new_browser(services: Services) -> Callable[..., Browser]:
    """Makes browsers without cookies in front of the same portal."""
    app = create_app(services, RULES, PASSWORDS)

    def make() -> Browser:
        return Browser(TestClient(app, raise_server_exceptions=False))

    return make


@pytest.fixture
def browser(world: World, new_browser: Callable[..., Browser]) -> Browser:
    return new_browser()


@pytest.fixture
def ann(browser: Browser) -> Browser:
    assert browser.sign_in("ann").status_code == 303
    return browser
