"""The sandbox: one utility with fixtures, so that every call of the tutorials has something real to work on.

Loading is idempotent. Its client's secret is derived from the installation's secret key, so it can be shown again at
any time although only its hash is stored.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import SecretStr
from sqlalchemy import Connection

from energygrid.access import audit, clients, tenants
from energygrid.access.api_keys import keys as api_keys
from energygrid.access.caller import Tenant
from energygrid.access.passwords import Passwords
from energygrid.access.scopes import SCOPES
from energygrid.access.settings import AccessSettings
from energygrid.access.third_parties.credentials import derived_secret
from energygrid.access.vault import Vault
from energygrid.billing import sandbox as billing_fixtures
from energygrid.customers import sandbox as customer_fixtures
from energygrid.customers.sandbox_ids import TUTORIAL_METER
from energygrid.devices import sandbox as device_fixtures
from energygrid.errors import NotFound
from energygrid.flexibility import sandbox as flexibility_fixtures
from energygrid.greenbutton import sandbox as greenbutton_fixtures
from energygrid.metering.quality import Quality
from energygrid.metering.readings import DAY_S, Commodity, Flow, Kind, ReadingBatch, SeriesKey
from energygrid.metering.series import ensure_series
from energygrid.metering.store import write_readings
from energygrid.services import Services

TENANT = "sandbox"
CLIENT_ID = "energygrid-sandbox"
ZONE = "America/Detroit"
_SETTINGS: Mapping[str, object] = {
    "metering": {"zone": ZONE, "date_order": "MDY", "commodity": "electricity", "gas_unit": "ccf"},
    "vee": {"oldest_months": None},
}
"""Files of any age may be tried out here, so rule V13 has no oldest month."""
_DAYS_OF_READINGS = 400
_ELECTRIC_METER = TUTORIAL_METER


def load(services: Services) -> dict[str, str]:
    """Load what is missing of the sandbox and return its credentials."""
    now = datetime.now(UTC)
    services.database.write(_load, services.vault, Passwords(AccessSettings()), now)
    return credentials(services)


def is_loaded(services: Services) -> bool:
    try:
        services.database.read(tenants.find_tenant, TENANT)
    except NotFound:
        return False
    return True


def credentials(services: Services) -> dict[str, str]:
    """Names and values that the tutorials export."""
    now, database = datetime.now(UTC), services.database
    base = services.settings.public_url.rstrip("/")
    tenant = database.read(tenants.find_tenant, TENANT)
    keys = database.read(greenbutton_fixtures.keys, services.vault, services.tokens.authority, tenant, now)
    return {
        "ENERGY_CLIENT_ID": CLIENT_ID,
        "ENERGY_CLIENT_SECRET": _secret(services.vault).get_secret_value(),
        "ENERGY_BASE_URL": f"{base}/v1",
        "ENERGY_IDP_URL": base,
        "ENERGY_ESPI_URL": services.settings.resource_url,
        "ENERGY_ESPI_CLIENT_ID": keys.client_id,
        "ENERGY_ESPI_CLIENT_SECRET": keys.client_secret.get_secret_value(),
        "ENERGY_ESPI_REGISTRATION_TOKEN": keys.registration_token.get_secret_value(),
        "ENERGY_ESPI_ACCESS_TOKEN": keys.access_token.get_secret_value(),
        "ENERGY_ESPI_SUBSCRIPTION": keys.subscription,
        "ENERGY_PORTAL_URL": services.settings.portal_base,
        "ENERGY_PORTAL_USER": keys.user,
        "ENERGY_PORTAL_PASSWORD": keys.password.get_secret_value(),
        "ENERGY_FLEX_URL": f"{base}/flex",
        "ENERGY_FLEX_API_KEY": flexibility_fixtures.key(services.vault, tenant).get_secret_value(),
        "ENERGY_FLEX_TENANT": str(database.read(api_keys.tenant_uuid, tenant)),
    }


def _secret(vault: Vault) -> SecretStr:
    return derived_secret(vault, "sandbox client", CLIENT_ID)


def _load(db: Connection, vault: Vault, passwords: Passwords, now: datetime) -> None:
    try:
        tenant = tenants.find_tenant(db, TENANT)
    except NotFound:
        tenant = tenants.create_tenant(
            db, TENANT, environment="sandbox", name="Sandbox Utility", settings=_SETTINGS, now=now
        )
    if clients.find_client(db, CLIENT_ID) is None:
        clients.create_client(
            db,
            vault,
            tenant,
            name="Sandbox",
            scopes=list(SCOPES),
            sandbox=True,
            client_id=CLIENT_ID,
            secret=_secret(vault),
            who=audit.SYSTEM,
            now=now,
        )
    billing_fixtures.load_fixtures(db, tenant, now)
    customer_fixtures.load_fixtures(db, tenant, vault, now)
    device_fixtures.load_fixtures(db, vault, tenant, now)
    _load_readings(db, tenant, now)
    greenbutton_fixtures.load(db, vault, passwords, tenant, now)
    flexibility_fixtures.load(db, vault, tenant, now)


def _load_readings(db: Connection, tenant: Tenant, now: datetime) -> None:
    """Synthetic quarter hours of the tutorial's meter up to last midnight: a household with seasons and evenings."""
    key = SeriesKey(_ELECTRIC_METER, Commodity.ELECTRICITY, Flow.DELIVERED, Kind.ENERGY, "kWh", 900)
    series = ensure_series(db, tenant.id, [key], zones={_ELECTRIC_METER: ZONE}, offsets=[0], now=now)
    midnight = now.astimezone(ZoneInfo(ZONE)).replace(hour=0, minute=0, second=0, microsecond=0)
    end = int(midnight.timestamp())
    first = int((midnight - timedelta(days=_DAYS_OF_READINGS)).timestamp()) // DAY_S * DAY_S
    start = np.arange(first, end, 900, dtype=np.int64)
    batch = ReadingBatch(
        series=[key],
        index=np.zeros(len(start), np.int32),
        start=start,
        value=_household_kwh(start),
        quality=np.full(len(start), Quality.ACTUAL, np.uint8),
        row=np.arange(1, len(start) + 1),
    )
    write_readings(db, series, batch, known_at=now)


def _household_kwh(start: np.ndarray) -> np.ndarray:
    """Energy of each quarter hour [kWh], the same for the same instant whenever the sandbox is loaded."""
    hour = (start - 5 * 3600) % DAY_S / 3600
    season = np.cos((start / DAY_S - 200) * 2 * np.pi / 365.25)
    evening = np.exp(-((hour - 19) ** 2) / 6) + 0.5 * np.exp(-((hour - 7.5) ** 2) / 3)
    wobble = (start // 900 * 2_654_435_761 % 1000) / 1000
    return np.round(0.06 + 0.05 * (1 + season) + 0.22 * evening * (0.7 + 0.6 * wobble) + 0.03 * wobble, 3)
