"""The flexibility API on a database of its own, and a caller with a key."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert

from energygrid.access import tenants
from energygrid.access.api_keys import keys
from energygrid.access.audit import SYSTEM
from energygrid.access.caller import Environment, Tenant
from energygrid.access.token_check import TokenChecker
from energygrid.access.vault import Vault
from energygrid.database.engine import Database
from energygrid.flexibility.registry.tables import flex_asset, flex_user
from energygrid.services import Services
from energygrid.settings import Settings
from energygrid.surfaces.flex.app import create_app

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Flex:
    """The surface, and one tenant's key to it."""

    http: TestClient
    services: Services
    tenant: Tenant
    tenant_uuid: UUID
    key: str

    @property
    def database(self) -> Database:
        return self.services.database

    @property
    def headers(self) -> dict[str, str]:
        return {"x-api-key": self.key, "tenant": str(self.tenant_uuid), "x-api-version": "1.0"}

    def call(self, method: str, path: str, *, headers: dict[str, str] | None = None, **request: Any) -> Any:
        """`path` as the outside sees it, from /api on."""
        return self.http.request(method, path, headers=self.headers | (headers or {}), **request)

    def get(self, path: str, **request: Any) -> Any:
        return self.call("GET", path, **request)

    def post(self, path: str, **request: Any) -> Any:
        return self.call("POST", path, **request)

    def of_tenant(self, key: str, environment: Environment = "sandbox") -> "Flex":
        """The same surface as another tenant, made now."""
        return make_caller(self.http, self.services, key, environment)


ROOMY = {
    "requests_per_second": 1e6,
    "concurrent_requests": 1000,
    "consumption_per_second": 1e6,
    "concurrent_consumption": 100,
}
"""Limits that no test meets by accident."""


def make_caller(
    http: TestClient, services: Services, key: str, environment: Environment = "sandbox", **settings: object
) -> Flex:
    now = datetime.now(UTC)
    database = services.database
    tenant = database.write(
        tenants.create_tenant,
        key,
        environment=environment,
        now=now,
        settings={"flexibility": ROOMY | settings},
    )
    _, shown = database.write(keys.create_key, services.vault, tenant, name="test", who=SYSTEM, now=now)
    return Flex(http, services, tenant, database.read(keys.tenant_uuid, tenant), shown.get_secret_value())


@pytest.fixture
def services(database: Database, settings: Settings, vault: Vault) -> Services:
    return Services(database, settings, vault, TokenChecker(database, settings, vault))


@pytest.fixture
def http(services: Services) -> Iterator[TestClient]:
    with TestClient(create_app(services), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def flex(http: TestClient, services: Services) -> Flex:
    return make_caller(http, services, "supplier")


@pytest.fixture
def make_assets(flex: Flex) -> Callable[..., list[str]]:
    """UUIDs of new assets of a tenant, written past the API: tests of readings need thousands at once."""

    def make(count: int, caller: Flex = flex) -> list[str]:
        uuids = [uuid4() for _ in range(count)]
        with caller.database.transaction() as db:
            db.execute(
                insert(flex_user).values(
                    tenant_id=caller.tenant.id, uuid=uuid4(), user_id=f"u{uuids[0]}", created_at=NOW
                )
            )
            db.execute(
                insert(flex_asset),
                [
                    {
                        "tenant_id": caller.tenant.id,
                        "uuid": uuid,
                        "asset_id": f"asset-{uuid}",
                        "user_id": f"u{uuids[0]}",
                        "name": "home",
                        "asset_type": "SMARTMETER",
                        "zone": "Europe/London",
                        "postcode": "NE81AA",
                        "location": b"",
                        "hh_settled": False,
                        "mpan_status": "PENDING",
                        "owner_kind": "asset",
                        "owner_id": str(uuid),
                        "created_at": NOW,
                        "updated_at": NOW,
                    }
                    for uuid in uuids
                ],
            )
        return [str(uuid) for uuid in uuids]

    return make
