from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from energygrid.access import clients, tenants, tokens
from energygrid.access.audit import SYSTEM
from energygrid.access.caller import Environment, Tenant
from energygrid.access.scopes import SCOPES
from energygrid.access.token_check import TokenChecker
from energygrid.access.vault import Vault
from energygrid.customers.sandbox import load_fixtures
from energygrid.database.engine import Database
from energygrid.services import Services
from energygrid.settings import Settings
from energygrid.surfaces.powerbox.app import create_app


@dataclass(frozen=True)
class PowerBox:
    """The surface on a database of its own, and a client of one tenant that calls it."""

    http: TestClient
    services: Services
    tenant: Tenant
    client_id: str = "cis"

    @property
    def database(self) -> Database:
        return self.services.database

    def token(self, *scopes: str, lifetime: timedelta = timedelta(hours=1), at: datetime | None = None) -> str:
        issued = tokens.issue(
            self.services.tokens.authority,
            tenant=self.tenant.key,
            client_id=self.client_id,
            subject=self.client_id,
            scopes=scopes or tuple(SCOPES),
            lifetime=lifetime,
            now=at or datetime.now(UTC),
        )
        return issued.token

    def call(self, method: str, path: str, *scopes: str, headers: dict[str, str] | None = None, **request: Any) -> Any:
        bearer = {"Authorization": f"Bearer {self.token(*scopes)}"}
        return self.http.request(method, path, headers=bearer | (headers or {}), **request)

    def pull(self, query: str = "", **more: Any) -> Any:
        return self.call("POST", f"/powerbox/customer{query}", **more)

    def push(self, payload: object, **more: Any) -> Any:
        return self.call("POST", "/powerbox/customer", json=payload, **more)

    def configure(self, section: str, **values: Any) -> None:
        """Change the tenant's settings; known tokens are checked anew."""
        self.database.write(tenants.set_section, self.tenant, section, values, who=SYSTEM, now=datetime.now(UTC))
        self.services.tokens.forget()


@pytest.fixture
def services(database: Database, settings: Settings, vault: Vault) -> Services:
    return Services(database, settings, vault, TokenChecker(database, settings, vault))


@pytest.fixture
def http(services: Services) -> Iterator[TestClient]:
    with TestClient(create_app(services), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def new_caller(http: TestClient, services: Services) -> Callable[..., PowerBox]:
    """Make a tenant with one client that calls the same surface."""

    def make(key: str, environment: Environment = "sandbox", *, sandbox: bool = False, **settings: Any) -> PowerBox:
        now = datetime.now(UTC) - timedelta(hours=2)
        relaxed = {"customers": {"sync_per_second": 1000}} | settings
        tenant = services.database.write(tenants.create_tenant, key, environment=environment, now=now, settings=relaxed)
        client_id = f"cis-{key}"
        services.database.write(
            clients.create_client,
            services.vault,
            tenant,
            name="customer information system",
            scopes=list(SCOPES),
            client_id=client_id,
            sandbox=sandbox,
            who=SYSTEM,
            now=now,
        )
        return PowerBox(http, services, tenant, client_id)

    return make


@pytest.fixture
def powerbox(new_caller: Callable[..., PowerBox]) -> PowerBox:
    """A sandbox tenant with the fixtures loaded."""
    made = new_caller("testville")
    made.database.write(load_fixtures, made.tenant, made.services.vault, datetime.now(UTC))
    return replace(made)
