"""The sandbox's supplier: homes with synthetic half-hours, a portfolio, a scheme that they are in, and an API key.

Loading again changes nothing but adds the days since. Every home says that it is synthetic, and what it is made of; its
half-hours are a function of its number and the instant alone.
"""

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import SecretStr
from sqlalchemy import Connection

from energygrid.access import audit
from energygrid.access.api_keys import keys
from energygrid.access.caller import Tenant
from energygrid.access.tenants import tenant_now
from energygrid.access.vault import Vault
from energygrid.flexibility import mpan
from energygrid.flexibility.consumption import consumption
from energygrid.flexibility.consumption.records import INTERVAL_S, Records
from energygrid.flexibility.registry import assets, consents, creation, portfolios, readings, schemes, verification
from energygrid.flexibility.registry.assets import Filters
from energygrid.flexibility.registry.creation import NewAsset
from energygrid.flexibility.registry.location import Location
from energygrid.metering.calendar import to_local
from energygrid.metering.readings import DAY_S, Float64s, Int64s

USER = "sandbox-user"
KEY_NAME = "sandbox"
SCHEME = "Sandbox evenings"
PORTFOLIO = "Sandbox homes"
ZONE = "Europe/London"
DAYS = 60
_MARK = "synthetic: "


@dataclass(frozen=True, slots=True)
class Home:
    """What a home's half-hours are made of [kWh of each].

    base, morning, evening, night  always; around 07:30; around 18:30; from 00:30 to 04:30
    weekend  added between 09:00 and 17:00 on Saturdays and Sundays
    solar    most of what its panels give
    """

    title: str
    base: float
    morning: float = 0.0
    evening: float = 0.0
    night: float = 0.0
    weekend: float = 0.0
    solar: float = 0.0


HOMES = (
    Home("family, cooks in the evening", 0.10, 0.25, 0.60, weekend=0.15),
    Home("works from home", 0.22, 0.15, 0.35),
    Home("car charged at night", 0.12, 0.10, 0.40, night=3.40),
    Home("solar panels", 0.12, 0.20, 0.45, solar=0.90),
    Home("heat pump", 0.55, 0.35, 0.45),
    Home("small flat", 0.05, 0.08, 0.18, weekend=0.05),
)

_TITLES = tuple(_MARK + home.title for home in HOMES)


def load(db: Connection, vault: Vault, tenant: Tenant, now: datetime) -> None:
    """Load what is missing."""
    if not any(each["name"] == KEY_NAME for each in keys.list_keys(db, tenant.id)):
        keys.create_key(db, vault, tenant, name=KEY_NAME, who=audit.SYSTEM, now=now, key=key(vault, tenant))
    if not any(each.name == SCHEME for each in schemes.listed(db, tenant)):
        _register(db, vault, tenant, now)
    extend(db, tenant, now)


def key(vault: Vault, tenant: Tenant) -> SecretStr:
    """Derived from the installation's secret, so that it can be shown at any time."""
    derived = vault.fingerprint("sandbox api key", tenant.key.encode())
    return SecretStr(keys.PREFIX + base64.urlsafe_b64encode(derived).rstrip(b"=").decode())


def extend(db: Connection, tenant: Tenant, now: datetime) -> None:
    """Give synthetic homes the half-hours up to the tenant's last midnight: of the days since, 60 at most."""
    found, _ = assets.listed(db, tenant, Filters(user_id=USER, archived=False), 0, 100)
    homes = [(each, _TITLES.index(each.sandbox)) for each in found if each.sandbox in _TITLES]
    today = tenant_now(tenant, now).astimezone(ZoneInfo(ZONE)).replace(hour=0, minute=0, second=0, microsecond=0)
    end, first = int(today.timestamp()), int((today - timedelta(days=DAYS)).timestamp())
    known = readings.ends(db, tenant, [each.uuid for each, _ in homes])
    parts: list[_Part] = []
    for at, (each, number) in enumerate(homes):
        ends = known.get(each.uuid)
        since = first if ends is None else max(first, int(ends[1].timestamp()) + INTERVAL_S)
        start = np.arange(since, end, INTERVAL_S, dtype=np.int64)
        imported, exported = half_hours(number, start)
        parts.append(_Part(at, start, imported, False))
        if HOMES[number].solar:
            parts.append(_Part(at, start, exported, True))
    if sum(len(part.start) for part in parts):
        uuids = [str(each.uuid) for each, _ in homes]
        consumption.take(db, tenant, _records(uuids, parts), who=audit.SYSTEM, now=now)


def half_hours(home: int, start: Int64s) -> tuple[Float64s, Float64s]:
    """Import and export [kWh] of the home of that number in half-hours that start at these instants."""
    of = HOMES[home]
    local = to_local(start, ZONE)
    hour = local % DAY_S / 3600
    wobble = ((start // INTERVAL_S + 977 * home) * 2_654_435_761 % 1009) / 1009
    season = 1 + 0.25 * np.cos((start / DAY_S - 15) * 2 * np.pi / 365.25)
    weekend = (local // DAY_S + 3) % 7 >= 5  # 1 January 1970 was a Thursday
    load = of.base + of.morning * np.exp(-((hour - 7.5) ** 2) / 2) + of.evening * np.exp(-((hour - 18.5) ** 2) / 4)
    load = load + of.weekend * (weekend & (hour >= 9) & (hour < 17))
    load = load * season * (0.8 + 0.4 * wobble) + of.night * ((hour >= 0.5) & (hour < 4.5))
    sun = of.solar * np.clip(np.cos((hour - 12.5) * np.pi / 11), 0, None) * (2 - season) * (0.3 + 0.7 * wobble)
    net: Float64s = np.round(load - sun, 3)
    return np.maximum(net, 0.0), np.maximum(-net, 0.0)


def _register(db: Connection, vault: Vault, tenant: Tenant, now: datetime) -> None:
    scheme = schemes.create(
        db,
        tenant,
        SCHEME,
        description="Synthetic homes turn down on winter evenings.",
        facts={"ruleSets": ["BL01"]},
        who=audit.SYSTEM,
        now=now,
    )
    wanted = {
        number: NewAsset(
            user_id=USER,
            asset_id=_mpan(number),
            name=f"Synthetic home {number + 1}: {home.title}",
            location=Location(f"NE8 {number + 1}AA", str(number + 1), "Synthetic Street, Gateshead"),
            scheme_uuid=scheme.uuid,
            zone=ZONE,
            sandbox=_TITLES[number],
        )
        for number, home in enumerate(HOMES)
    }
    made = creation.create_many(db, tenant, vault, wanted, who=audit.SYSTEM, now=now)
    homes = list(made.created.values())
    uuids = [each.uuid for each in homes]
    users = {each.uuid: each.user_id for each in homes}
    evidence = {"synthetic": "nobody lives there"}
    consents.grant(db, tenant, users, "METER_DATA", None, now, source="IMPORT", evidence=evidence)
    portfolio = portfolios.create(db, tenant, PORTFOLIO, "Synthetic homes", who=audit.SYSTEM, now=now)
    portfolios.assign(db, tenant, portfolio.uuid, uuids, who=audit.SYSTEM, now=now)
    verification.check(db, tenant, uuids, now)


def _mpan(number: int) -> str:
    """A number with a right check digit in a range of no distributor."""
    first = f"9900000000{number:02d}"
    return first + str(mpan.check_digit(first))


class _Part(NamedTuple):
    """Half-hours of one channel of the home at a position."""

    at: int
    start: Int64s
    value: Float64s
    export: bool


def _records(uuids: list[str], parts: list[_Part]) -> Records:
    start = np.concatenate([part.start for part in parts])
    return Records(
        assets=uuids,
        index=np.concatenate([np.full(len(part.start), part.at, np.int64) for part in parts]),
        start=start,
        value=np.concatenate([part.value for part in parts]),
        export=np.concatenate([np.full(len(part.start), part.export) for part in parts]),
        row=np.arange(len(start)),
        rejected=[],
    )
