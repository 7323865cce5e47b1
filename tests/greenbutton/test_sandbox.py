"""The sandbox's third party has a standing authorisation over a household with everything there is to show."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from energygrid import sandbox
from energygrid.access.consents import consents
from energygrid.access.tenants import find_tenant
from energygrid.access.token_check import TokenChecker
from energygrid.database.engine import Database
from energygrid.greenbutton import sandbox as fixtures
from energygrid.greenbutton.atom import Entry
from energygrid.greenbutton.entitlement import entitlement_of
from energygrid.greenbutton.feed import subscription_feed
from energygrid.greenbutton.usage.context import Context
from energygrid.greenbutton.usage.runs import IntervalRun
from energygrid.services import Services
from energygrid.settings import Settings

_TROUBLED = 21
"""Days before the load of which not every reading is there."""
_CENT, _LINES = 1000, 5
"""In hundred-thousandths; and how many lines of energy a bill has at most, each rounded by itself."""
ESPI_NAMES = [
    "ENERGY_ESPI_URL",
    "ENERGY_ESPI_CLIENT_ID",
    "ENERGY_ESPI_CLIENT_SECRET",
    "ENERGY_ESPI_REGISTRATION_TOKEN",
    "ENERGY_ESPI_ACCESS_TOKEN",
    "ENERGY_ESPI_SUBSCRIPTION",
    "ENERGY_PORTAL_URL",
    "ENERGY_PORTAL_USER",
    "ENERGY_PORTAL_PASSWORD",
]


@pytest.fixture
def services(database: Database, settings: Settings, vault) -> Services:
    return Services(database, settings, vault, TokenChecker(database, settings, vault))


def test_loading_twice_gives_the_same_keys_and_one_authorisation(services: Services) -> None:
    first, second = sandbox.load(services), sandbox.load(services)
    assert [name for name in first if name.startswith(("ENERGY_ESPI", "ENERGY_PORTAL"))] == ESPI_NAMES
    changing = {"ENERGY_ESPI_ACCESS_TOKEN"}
    assert {name: first[name] for name in first if name not in changing} == {
        name: second[name] for name in second if name not in changing
    }
    tenant = services.database.read(find_tenant, sandbox.TENANT)
    given = services.database.read(consents.of_client, tenant.id, fixtures.THIRD_PARTY)
    assert [each.id for each in given] == [first["ENERGY_ESPI_SUBSCRIPTION"]]


def test_the_printed_access_token_is_good_for_the_printed_subscription(services: Services) -> None:
    told = sandbox.load(services)
    caller = services.tokens.check(told["ENERGY_ESPI_ACCESS_TOKEN"], datetime.now(UTC))
    assert caller.claims["authorization"] == told["ENERGY_ESPI_SUBSCRIPTION"]
    tenant = services.database.read(find_tenant, sandbox.TENANT)
    consent = services.database.read(consents.find, tenant.id, told["ENERGY_ESPI_SUBSCRIPTION"])
    entitled = services.database.read(entitlement_of, services.vault, tenant, consent)
    assert len(entitled.meters) == 3
    year = datetime.now(UTC) - timedelta(days=365)
    assert all(meter.spans[0].start is not None and meter.spans[0].start < year for meter in entitled.meters)


def test_the_energy_of_a_bill_costs_what_its_intervals_cost(services: Services) -> None:
    told = sandbox.load(services)
    tenant = services.database.read(find_tenant, sandbox.TENANT)
    consent = services.database.read(consents.find, tenant.id, told["ENERGY_ESPI_SUBSCRIPTION"])
    now = datetime.now(UTC)
    entitled = services.database.read(entitlement_of, services.vault, tenant, consent)
    feed = subscription_feed(services.database, Context(services.vault, "https://dc.example", entitled, now), href="/")
    items = list(feed.entries())
    runs = [item for item in items if isinstance(item, IntervalRun) and item.cost is not None]
    bills = [item for item in items if isinstance(item, Entry) and item.resource == "UsageSummary"]
    compared = {0: 0, 1: 0}
    for bill in bills:
        mine = [run for run in runs if bill.href.startswith(run.reading.rpartition("/MeterReading")[0])]
        period: Any = dict(bill.content)["billingPeriod"]
        start, end = period[1][1], period[1][1] + period[0][1]
        if not mine or end > (now - timedelta(days=_TROUBLED)).timestamp():
            continue
        within = [run.cost[(run.start >= start) & (run.start < end)] for run in mine]
        said: dict[str, Any] = dict(bill.content)
        energy = said["billLastPeriod"] - said["costAdditionalLastPeriod"]
        readings = sum(map(len, within))
        assert readings > 27 * 24
        assert abs(sum(int(each.sum()) for each in within) - energy) <= readings / 2 + _LINES * _CENT / 2
        compared[int(any(run.tou is not None for run in mine))] += 1
    assert min(compared.values()) >= 11
