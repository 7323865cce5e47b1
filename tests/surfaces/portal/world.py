"""A utility with customers, a year of readings and people who sign in, for tests of the portal."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import numpy as np
from argon2 import PasswordHasher
from pydantic import SecretStr

from energygrid.access import tenants, users
from energygrid.access.audit import SYSTEM
from energygrid.access.caller import Tenant
from energygrid.access.oauth import asking
from energygrid.access.passwords import Passwords
from energygrid.access.settings import AccessSettings
from energygrid.access.third_parties import third_parties
from energygrid.access.third_parties.facts import Status
from energygrid.access.third_parties.third_parties import Registered, ThirdParty
from energygrid.customers.payload import check_payload
from energygrid.customers.settings import CustomerSettings
from energygrid.customers.sync import push_customer
from energygrid.jobs.app import JobContext, run_worker
from energygrid.metering.quality import Quality
from energygrid.metering.readings import Commodity, Flow, Kind, ReadingBatch, SeriesKey
from energygrid.metering.series import ensure_series
from energygrid.metering.store import write_readings
from energygrid.services import Services

ZONE = "America/Detroit"
PASSWORD = "correct horse battery"
MOVED_IN = datetime(2024, 1, 1, 5, tzinfo=UTC)
FIRST, END = datetime(2025, 1, 1, 5, tzinfo=UTC), datetime(2026, 1, 1, 5, tzinfo=UTC)
GAP = (datetime(2025, 6, 10, 14, tzinfo=UTC), datetime(2025, 6, 10, 17, tzinfo=UTC))
"""10:00 to 13:00 local."""
LOST_DAYS = (datetime(2025, 7, 3, 4, tzinfo=UTC), datetime(2025, 7, 6, 4, tzinfo=UTC))
"""Three whole local days."""
ESTIMATED = (datetime(2025, 8, 1, 4, tzinfo=UTC), datetime(2025, 8, 2, 4, tzinfo=UTC))
RULES = AccessSettings(sandbox_failures=5, address_failures=20)
PASSWORDS = Passwords(RULES, PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
"""Hashes that cost nothing; the real ones are under test in tests/access."""


@dataclass(frozen=True)
class World:
    """ann (customer 4711: solar electricity and gas), bob (4712), dev (developer), sue (staff), op (nobody's)."""

    services: Services
    tenant: Tenant


def make_world(services: Services, key: str = "testville", name: str = "Testville Light & Power") -> World:
    db = services.database
    settings = {"metering": {"zone": ZONE}}
    tenant = db.write(tenants.create_tenant, key, environment="sandbox", name=name, settings=settings, now=MOVED_IN)
    world = World(services, tenant)
    push(world, "4711", "Ann", [_meter("E-1"), _meter("G-1", meterType="Gas", unitOfMeasure="ccf")])
    push(world, "4712", "Bob", [_meter("E-2")], street="9 Other Rd.")
    _readings(world)
    for username, customer, roles in (
        ("ann", "4711", []),
        ("bob", "4712", []),
        ("dev", None, ["developer"]),
        ("sue", None, ["staff"]),
        ("op", None, []),
    ):
        db.write(
            users.create_user,
            PASSWORDS,
            tenant,
            username,
            name=username.capitalize(),
            roles=roles,
            customer_id=customer,
            password=SecretStr(PASSWORD),
            who=SYSTEM,
            now=MOVED_IN,
        )
    return world


REDIRECT = "https://saver.example/callback"
SCOPE = "FB=4_12_16_51;IntervalDuration=900_3600;HistoryLength=63072000"


def register(world: World, **changes: Any) -> Registered:
    """A live third party."""
    facts: dict[str, Any] = {
        "name": "Solar Saver",
        "redirect_uris": [REDIRECT],
        "offered_scopes": [SCOPE],
        "status": Status.LIVE,
        "who": SYSTEM,
        "now": MOVED_IN,
    }
    database = world.services.database
    return database.write(third_parties.register, world.services.vault, world.tenant, **(facts | changes))


def ask(world: World, party: ThirdParty, **changes: str | None) -> str:
    """Path of the consent page for a request of a third party."""
    asked = {
        "response_type": "code",
        "client_id": party.client_id,
        "redirect_uri": party.redirect_uris[0],
        "scope": SCOPE,
        "state": "s1",
    } | changes
    answer = world.services.database.write(
        asking.ask,
        world.services.vault,
        issuer="http://testserver",
        query=urlencode({name: value for name, value in asked.items() if value is not None}).encode(),
        utility=world.tenant.key,
        address="127.0.0.1",
        now=datetime.now(UTC),
    )
    assert isinstance(answer, asking.Asked), answer
    return f"/consent/{answer.request_id}"


def run_due_jobs(services: Services) -> None:
    """In a thread, since a browser's test has an event loop of its own."""

    def run() -> None:
        context = JobContext(services.database, services.settings, services.vault)
        asyncio.run(run_worker(context, wait=False, install_signal_handlers=False))

    with ThreadPoolExecutor(1) as pool:
        pool.submit(run).result()


def push(world: World, client_id: str, name: str, meters: list[dict[str, Any]], *, street: str = "1 Main St.") -> None:
    document = {
        "clientId": client_id,
        "firstName": name,
        "lastName": "Tester",
        "AcctStatus": "A",
        "customerSites": [
            {
                "externalSiteId": f"P-{client_id}",
                "isPrimary": True,
                "address1": street,
                "city": "Testville",
                "state": "MI",
                "postalCode": "48067",
                "meters": meters,
            }
        ],
    }
    checked = check_payload(document, world.tenant.section("customers", CustomerSettings))
    world.services.database.write(
        push_customer, world.tenant, checked, vault=world.services.vault, who=SYSTEM, now=MOVED_IN
    )


def _meter(meter_id: str, **fields: Any) -> dict[str, Any]:
    meter = {"meterId": meter_id, "meterType": "Electric", "unitOfMeasure": "kWh", "isAMI": True}
    return meter | {"rateCode": "RES1", "billingCycleId": 1} | fields


def _readings(world: World) -> None:
    quarter = np.arange(int(FIRST.timestamp()), int(END.timestamp()), 900, dtype=np.int64)
    noon = np.maximum(0, np.cos((quarter - 5 * 3600 - 43_200) % 86_400 / 86_400 * 2 * np.pi))
    delivered = np.round(0.2 + 0.1 * np.sin(quarter / 86_400 * 2 * np.pi / 365.25), 3)
    _write(world, SeriesKey("E-1", Commodity.ELECTRICITY, Flow.DELIVERED, Kind.ENERGY, "kWh", 900), quarter, delivered)
    received = np.round(0.15 * noon, 3)
    _write(world, SeriesKey("E-1", Commodity.ELECTRICITY, Flow.RECEIVED, Kind.ENERGY, "kWh", 900), quarter, received)
    hour = quarter[::4]
    _write(
        world, SeriesKey("G-1", Commodity.GAS, Flow.DELIVERED, Kind.VOLUME, "ccf", 3600), hour, np.full(len(hour), 0.1)
    )
    _write(
        world, SeriesKey("E-2", Commodity.ELECTRICITY, Flow.DELIVERED, Kind.ENERGY, "kWh", 900), quarter, delivered * 2
    )


def _write(world: World, key: SeriesKey, start: np.ndarray, value: np.ndarray) -> None:
    def inside(span: tuple[datetime, datetime]) -> np.ndarray:
        return (start >= span[0].timestamp()) & (start < span[1].timestamp())

    kept = ~(inside(GAP) | inside(LOST_DAYS)) if key.meter_id == "E-1" else np.ones(len(start), bool)
    quality = np.where(inside(ESTIMATED), Quality.ESTIMATED, Quality.ACTUAL).astype(np.uint8)

    def write(db: Any) -> None:
        series = ensure_series(db, world.tenant.id, [key], zones={key.meter_id: ZONE}, offsets=[0], now=END)
        batch = ReadingBatch(
            series=[key],
            index=np.zeros(int(kept.sum()), np.int32),
            start=start[kept],
            value=value[kept],
            quality=quality[kept],
            row=np.arange(int(kept.sum())),
        )
        write_readings(db, series, batch, known_at=END)

    world.services.database.write(write)
