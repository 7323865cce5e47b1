"""What the writers write: every write can be told from every other, so the database can be held against the ledger."""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

TENANT = "crash"
CLIENT_ID = "crash-test"
CUSTOMERS = 8
METERS = 40
FIRST_DAY = datetime(2025, 3, 1, tzinfo=UTC)
SETTINGS: dict[str, Any] = {
    "customers": {"sync_per_second": 10_000},
    "metering": {"zone": "UTC", "date_order": "MDY", "commodity": "electricity"},
    "vee": {"oldest_months": None},
}
_BINDS_A_CUSTOMER = 1_000


def customer(name: str, meter_ids: list[str], rate_code: str) -> dict[str, Any]:
    """A customer payload; a site takes 100 meters."""
    return {
        "clientId": name,
        "AcctStatus": "A",
        "customerSites": [
            {
                "externalSiteId": f"{name}-{at}",
                "isPrimary": at == 0,
                "postalCode": "48067",
                "meters": [
                    {
                        "meterId": meter_id,
                        "meterType": "Electric",
                        "unitOfMeasure": "kWh",
                        "isAMI": True,
                        "rateCode": rate_code,
                        "billingCycleId": 1,
                    }
                    for meter_id in meter_ids[at : at + 100]
                ],
            }
            for at in range(0, len(meter_ids), 100)
        ],
    }


def customer_version(number: int, version: int) -> bytes:
    """Both meters of customer `number` carry the version as their rate code."""
    name = f"K{number}"
    return json.dumps(customer(name, [f"{name}-A", f"{name}-B"], f"V{version}")).encode()


def fixed_customers(binds: int) -> list[dict[str, Any]]:
    """Whom the other writers need: one with the metered meters, and enough for `binds` binds."""
    found = [customer("INGEST", [meter_of(number) for number in range(METERS)], "RES1")]
    for first in range(0, binds, _BINDS_A_CUSTOMER):
        numbers = range(first, min(first + _BINDS_A_CUSTOMER, binds))
        found.append(customer(f"BIND{first // _BINDS_A_CUSTOMER}", [f"B{number}" for number in numbers], "RES1"))
    return found


def bind_request(number: int, install_code: str) -> bytes:
    """Every other device pairs at once, the rest five seconds after they were asked for (the simulator's rule)."""
    tail = "eeff" if number % 2 else "aaaa"
    return json.dumps(
        {
            "hemProfileId": f"BIND{number // _BINDS_A_CUSTOMER}",
            "meterId": f"B{number}",
            "macAddress": f"0200{number:08x}{tail}",
            "installCode": install_code,
            "actionCode": 1,
        }
    ).encode()


def meter_of(number: int) -> str:
    """The meter of file `number`."""
    return f"I{number % METERS}"


def day_of(number: int) -> datetime:
    """The day of file `number`: no two files share meter and day."""
    return FIRST_DAY + timedelta(days=number // METERS)


def values_of(number: int) -> list[float]:
    """The 96 quarter hours [kWh] that only file `number` has."""
    chance = random.Random(number)
    return [round(0.05 + chance.random(), 3) for _ in range(96)]


def usage_file(number: int) -> bytes:
    meter, day = meter_of(number), day_of(number)
    rows = [
        f"1,2,{meter},{day + timedelta(minutes=15 * at):%m/%d/%Y %H:%M},{value}"
        for at, value in enumerate(values_of(number))
    ]
    return "\n".join(["AccountNumber,ExternalSiteID,MeterID,TimeStamp,TotalUnit", *rows, ""]).encode()
