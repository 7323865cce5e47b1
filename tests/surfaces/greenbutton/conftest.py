"""The surface as it is mounted, over a utility with two customers and a third party."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.engine import URL
from starlette.routing import Router
from tests.conftest import copied
from tests.surfaces.greenbutton.world import GreenButton, bill, detroit

from energygrid.access.settings import AccessSettings
from energygrid.access.token_check import TokenChecker
from energygrid.access.vault import Vault
from energygrid.database.engine import Database
from energygrid.services import Services
from energygrid.settings import Settings
from energygrid.surfaces.greenbutton.app import create_app
from energygrid.surfaces.root.mounts import Mounted


@contextmanager
def mounted(
    services: Services, rules: AccessSettings | None = None, *, peer: str = "testclient"
) -> Iterator[TestClient]:
    """As it stands on a server; what it raises is told as a server tells it."""
    surface = Mounted("greenbutton", "Green Button", create_app(services, rules), ["/DataCustodian"], None, None)
    app, base = Router(routes=surface.routes()), services.settings.public_url
    with TestClient(app, base, raise_server_exceptions=False, client=(peer, 1)) as client:
        yield client


@pytest.fixture
def services(database: Database, settings: Settings, vault: Vault) -> Services:
    return Services(database, settings, vault, TokenChecker(database, settings, vault))


@pytest.fixture
def http(services: Services) -> Iterator[TestClient]:
    with mounted(services) as client:
        yield client


@pytest.fixture
def greenbutton(http: TestClient, services: Services) -> GreenButton:
    """One that a test may change."""
    return detroit(http, services)


@pytest.fixture(scope="module")
def shared(server: URL, template: URL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GreenButton]:
    """One that a module's tests only read, with bills and all that belongs to them."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("greenbutton"), environment="sandbox")
    vault = Vault(bytes(range(32)))
    with copied(server, str(template.database)) as url:
        database = Database(url, pool_size=8)
        services = Services(database, settings, vault, TokenChecker(database, settings, vault))
        with mounted(services, AccessSettings(address_failures=100_000)) as client:
            made = detroit(client, services)
            bill(made.utility, "E1", "A-1")
            bill(made.utility, "E2", "A-2")
            yield made
        database.close()
