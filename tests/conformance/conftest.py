"""The sandbox's household behind the surface as it is mounted: what third parties really get.

Thirteen months with days of 23 and 25 hours, a gap, estimates, a corrected day, negative net values, gas, water, costs,
bills with documents, power quality. Loaded once; nothing here changes it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import pytest
from argon2 import PasswordHasher
from fastapi.testclient import TestClient
from lxml import etree
from sqlalchemy import Connection
from sqlalchemy.engine import URL
from starlette.routing import Router
from tests.conftest import copied

from energygrid.access import tenants
from energygrid.access.audit import SYSTEM
from energygrid.access.caller import Tenant
from energygrid.access.consents import consents
from energygrid.access.consents.consents import Consent
from energygrid.access.oauth.espi_tokens import issue_access_token, issue_client_token
from energygrid.access.passwords import Passwords
from energygrid.access.settings import AccessSettings
from energygrid.access.third_parties import credentials, third_parties
from energygrid.access.third_parties.third_parties import ThirdParty
from energygrid.access.token_check import TokenChecker
from energygrid.access.vault import Vault
from energygrid.billing import sandbox as rates
from energygrid.database.engine import Database
from energygrid.greenbutton import sandbox
from energygrid.services import Services
from energygrid.settings import Settings
from energygrid.surfaces.greenbutton.app import create_app
from energygrid.surfaces.root.mounts import Mounted

BASE = "https://dc.example.org"
R = f"{BASE}/DataCustodian/espi/1_1/resource"
LOADED_AT = datetime(2025, 11, 20, 12, tzinfo=UTC)
"""Thirteen months back from here the clocks of Detroit change on 2024-11-03, 2025-03-09 and 2025-11-02."""
ATOM, USAGE, CUSTOMER = "http://www.w3.org/2005/Atom", "http://naesb.org/espi", "http://naesb.org/espi/customer"
_SETTINGS = {
    "metering": {"zone": "America/Detroit", "date_order": "MDY", "commodity": "electricity", "gas_unit": "ccf"},
    "billing": {"currency": "USD"},
    "greenbutton": {"requests_per_second": 100_000, "burst": 100_000},
}
_HOUR = timedelta(hours=1)


@dataclass
class World:
    """A third party's view; answers are fetched once."""

    http: TestClient
    services: Services
    tenant: Tenant
    party: ThirdParty
    consent: Consent

    def __post_init__(self) -> None:
        self._answers: dict[tuple[str, str], Any] = {}

    @cached_property
    def access_token(self) -> str:
        authority = self.services.tokens.authority
        return issue_access_token(
            authority, tenant=self.tenant.key, consent=self.consent, lifetime=_HOUR, now=datetime.now(UTC)
        ).token

    @cached_property
    def client_token(self) -> str:
        authority = self.services.tokens.authority
        return issue_client_token(authority, self.party, scope="FB=34_35", lifetime=_HOUR, now=datetime.now(UTC)).token

    @cached_property
    def registration_token(self) -> str:
        found = credentials.derived_registration_token(self.services.vault, self.party.client_id)
        return found.get_secret_value()

    def answer(self, href: str, token: str | None = None, **headers: str) -> Any:
        """Of a URL, or of a path below R."""
        bearer = {"Authorization": f"Bearer {token or self.access_token}"}
        return self.http.get(href if href.startswith("http") else R + href, headers=bearer | headers)

    def get(self, href: str, token: str | None = None) -> bytes:
        key = (href, token or "")
        if key not in self._answers:
            answer = self.answer(href, token)
            assert answer.status_code == 200, (href, answer.status_code, answer.text[:500])
            self._answers[key] = answer.content
        return bytes(self._answers[key])

    @property
    def batch(self) -> bytes:
        """Everything measured."""
        return self.get(f"/Batch/Subscription/{self.consent.id}")

    @property
    def customer(self) -> bytes:
        return self.get(f"/Batch/RetailCustomer/{self.consent.id}")


@pytest.fixture(scope="session")
def world(server: URL, template: URL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with copied(server, str(template.database)) as url:
        database = Database(url, pool_size=8)
        yield from _loaded(database, tmp_path_factory)
        database.close()


def _loaded(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("conformance"), environment="sandbox", public_url=BASE)
    vault = Vault(bytes(range(32)))
    services = Services(database, settings, vault, TokenChecker(database, settings, vault))
    tenant = database.write(
        tenants.create_tenant, "detroit", environment="sandbox", settings=_SETTINGS, now=LOADED_AT - timedelta(days=500)
    )
    passwords = Passwords(AccessSettings(), PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    consent = database.write(_load, vault, passwords, tenant)
    party = database.read(third_parties.find, sandbox.THIRD_PARTY)
    surface = Mounted("greenbutton", "Green Button", create_app(services), ["/DataCustodian"], None, None)
    with TestClient(Router(routes=surface.routes()), BASE, False) as http:
        yield World(http, services, tenant, party, consent)


def _load(db: Connection, vault: Vault, passwords: Passwords, tenant: Tenant) -> Consent:
    """The sandbox with its rates, and a consent to everything that it has: also net energy and reads."""
    rates.load_fixtures(db, tenant, LOADED_AT - timedelta(days=400))
    given = sandbox.load(db, vault, passwords, tenant, LOADED_AT)
    scope = sandbox.SCOPE.replace("FB=1_3_4_5_8_10_", "FB=1_3_4_5_7_8_9_10_")
    assert scope != sandbox.SCOPE
    return consents.give(
        db,
        tenant.id,
        client_id=sandbox.THIRD_PARTY,
        customer_id=given.customer_id,
        requested_scope=scope,
        scope=scope,
        meters=given.meters,
        data_from=given.data_from,
        evidence="conformance",
        who=SYSTEM,
        now=LOADED_AT,
    )


@pytest.fixture(scope="session")
def batch(world: World) -> etree._Element:
    return etree.fromstring(world.batch)


@pytest.fixture(scope="session")
def customer(world: World) -> etree._Element:
    return etree.fromstring(world.customer)


def entries(root: etree._Element, resource: str) -> list[etree._Element]:
    found = root.findall(f"{{{ATOM}}}entry")
    return [each for each in found if etree.QName(each.find(f"{{{ATOM}}}content")[0]).localname == resource]


def links(entry: etree._Element, rel: str) -> list[str]:
    return [str(each.get("href")) for each in entry.findall(f"{{{ATOM}}}link") if each.get("rel") == rel]


def body(entry: etree._Element) -> etree._Element:
    return entry.find(f"{{{ATOM}}}content")[0]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker has the world, so that it is loaded once."""
    for item in items:
        if "conformance" in item.path.parts:
            item.add_marker(pytest.mark.xdist_group("conformance"))
