"""A household of the sandbox with everything that Green Button can show of one.

Electricity both ways with solar panels, gas and water, a year and more of readings with a gap, estimates and a
corrected day, bills of the full months with documents, an agreement with a demand response programme, and power
quality. All of it comes in through the use cases that utilities' data come through.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import Connection

from energygrid.access import audit
from energygrid.access.caller import Tenant
from energygrid.access.vault import Vault
from energygrid.customers.payload import check_payload
from energygrid.customers.settings import CustomerSettings
from energygrid.customers.sync import push_customer
from energygrid.greenbutton.sandbox import readings, records
from energygrid.greenbutton.sandbox.home import Household
from energygrid.metering.calendar import day_span, local_days
from energygrid.metering.settings import MeteringSettings

CUSTOMER = "400000001"
PREMISE = "5113300040"
ACCOUNT = "40-0001-7"
ELECTRIC, GAS, WATER = "400000001", "400000002", "400000003"
_MONTHS = 13
"""One more than a year, so that twelve are billed on the first of a month too."""


@dataclass(frozen=True, slots=True)
class SandboxCustomer:
    customer_id: str
    account_number: str
    electric: str
    gas: str
    water: str
    first_day: date

    @property
    def meters(self) -> tuple[str, str, str]:
        return self.electric, self.gas, self.water


def load(db: Connection, vault: Vault, tenant: Tenant, now: datetime) -> SandboxCustomer:
    """Load what is missing of the household up to last midnight; loading again the same day changes nothing."""
    zone = tenant.section("metering", MeteringSettings).zone
    today = date(1970, 1, 1) + timedelta(days=int(local_days(np.array([int(now.timestamp())]), zone)[0]))
    first = _months_before(today, _MONTHS)
    home = Household(tenant, zone, ACCOUNT, ELECTRIC, GAS, WATER)
    _push_customer(db, vault, tenant, since=day_span(first, zone).start)
    readings.load(db, home, first, today, now)
    records.load(db, vault, home, first, now)
    return SandboxCustomer(CUSTOMER, ACCOUNT, ELECTRIC, GAS, WATER, first)


def _months_before(day: date, months: int) -> date:
    """The first day of the month so many before the day's."""
    month = day.year * 12 + day.month - 1 - months
    return date(month // 12, month % 12 + 1, 1)


def _push_customer(db: Connection, vault: Vault, tenant: Tenant, since: datetime) -> None:
    """As if the utility had sent it long ago, so that the customer has held its meters since then."""
    meter = {"isAMI": True, "billingCycleId": 1, "accountNumber": ACCOUNT}
    payload = {
        "clientId": CUSTOMER,
        "firstName": "Grace",
        "lastName": "Greenfield",
        "AcctStatus": "A",
        "customerSites": [
            {
                "externalSiteId": PREMISE,
                "isPrimary": True,
                "address1": "40 Sunny Side Ave.",
                "city": "Royal Oak",
                "state": "MI",
                "postalCode": "48067",
                "meters": [
                    _meter(meter, ELECTRIC, "Electric", "kWh", "RES1", is_primary=True),
                    _meter(meter, GAS, "Gas", "ccf", "GAS1", is_primary=False),
                    _meter(meter, WATER, "Water", "gal", "WATER1", is_primary=False),
                ],
            }
        ],
    }
    checked = check_payload(payload, tenant.section("customers", CustomerSettings))
    push_customer(db, tenant, checked, vault=vault, who=audit.SYSTEM, now=since)


def _meter(
    common: Mapping[str, Any], meter_id: str, kind: str, unit: str, rate: str, *, is_primary: bool
) -> dict[str, Any]:
    fields = {"meterId": meter_id, "meterType": kind, "unitOfMeasure": unit, "rateCode": rate, "isPrimary": is_primary}
    return {**common, **fields}
