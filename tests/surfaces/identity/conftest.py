from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import Connection

from energygrid.access import clients
from energygrid.access.audit import SYSTEM
from energygrid.access.caller import Tenant
from energygrid.access.settings import AccessSettings
from energygrid.access.token_check import TokenChecker
from energygrid.access.vault import Vault
from energygrid.settings import Settings
from energygrid.surfaces.common.deps import Services
from energygrid.surfaces.identity.app import create_app

from .dance import Dance, register

SECRET = "correct-horse_battery-staple-0123456789"


class OneTransaction:
    """Stands for a `Database`: reads and writes run on the connection of the test, which is rolled back."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def read(self, use_case: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return use_case(self._db, *args, **kwargs)

    def write(self, use_case: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        with self._db.begin_nested():
            return use_case(self._db, *args, **kwargs)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        with self._db.begin_nested():
            yield self._db


@dataclass(frozen=True)
class Identity:
    """The surface with one client `cis` of a sandbox tenant."""

    http: TestClient
    services: Services
    database: OneTransaction
    tenant: Tenant

    def token(self, scope: str = "customer.sync") -> str:
        answer = self.http.post(
            "/oauth/token", data={"grant_type": "client_credentials", "scope": scope}, auth=("cis", SECRET)
        )
        assert answer.status_code == 200, answer.text
        return answer.json()["access_token"]


@pytest.fixture
def rules() -> AccessSettings:
    return AccessSettings()


@pytest.fixture
def identity(db: Connection, tenant: Tenant, settings: Settings, vault: Vault, rules: AccessSettings) -> Identity:
    database = OneTransaction(db)
    services = Services(database, settings, vault, TokenChecker(database, settings, vault, rules=rules))
    make_client(database, vault, tenant)
    app = create_app(services, rules)
    return Identity(TestClient(app, raise_server_exceptions=False), services, database, tenant)


def make_client(database: Any, vault: Vault, tenant: Tenant, client_id: str = "cis", **more: object) -> None:
    database.write(
        clients.create_client,
        vault,
        tenant,
        name="customer information system",
        scopes=["customer.sync", "hardware.bind"],
        client_id=client_id,
        secret=SecretStr(SECRET),
        who=SYSTEM,
        now=datetime.now(UTC),
        **more,
    )


@pytest.fixture
def dance(identity: Identity) -> Dance:
    """A live third party with a secret at the identity surface."""
    return Dance(identity.http, identity.services, identity.tenant, register(identity.services, identity.tenant))
