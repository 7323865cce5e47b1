from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection

from energygrid.access import tenants
from energygrid.access.audit import SYSTEM
from energygrid.access.caller import Tenant
from energygrid.access.vault import Vault
from energygrid.customers.payload import check_payload
from energygrid.customers.settings import CustomerSettings
from energygrid.customers.sync import push_customer

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def utility(db: Connection) -> Tenant:
    """A utility in Detroit that sends US dates and electricity."""
    settings = {"metering": {"zone": "America/Detroit", "date_order": "MDY", "commodity": "electricity"}}
    return tenants.create_tenant(db, "detroit", environment="sandbox", settings=settings, now=NOW)


@pytest.fixture
def add_meter(db: Connection, utility: Tenant, vault: Vault) -> Callable[..., None]:
    """Put a meter into the mirror."""

    def add(meter_id: str, **facts: object) -> None:
        meter = {
            "meterId": meter_id,
            "meterType": "Electric",
            "unitOfMeasure": "kWh",
            "isAMI": True,
            "rateCode": "RES1",
            "billingCycleId": 1,
        } | facts
        site = {"externalSiteId": f"P{meter_id}", "postalCode": "48067", "meters": [meter]}
        payload = {"clientId": f"C{meter_id}", "AcctStatus": "A", "customerSites": [site]}
        checked = check_payload(payload, utility.section("customers", CustomerSettings))
        push_customer(db, utility, checked, vault=vault, who=SYSTEM, now=NOW)

    return add
