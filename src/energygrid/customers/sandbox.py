"""The customers of a sandbox: the tutorial's own, and one for each case an integrator wants to meet."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from energygrid.access import audit
from energygrid.access.caller import Tenant
from energygrid.access.vault import Vault
from energygrid.customers.payload import check_payload
from energygrid.customers.sandbox_ids import TUTORIAL_CLIENT, TUTORIAL_METER, TUTORIAL_PREMISE
from energygrid.customers.settings import CustomerSettings
from energygrid.customers.sync import push_customer


def load_fixtures(db: Connection, tenant: Tenant, vault: Vault, now: datetime) -> list[str]:
    """Push every fixture into the mirror and return the client ids; doing it again changes nothing."""
    for fixture in FIXTURES:
        checked = check_payload(fixture, tenant.section("customers", CustomerSettings))
        push_customer(db, tenant, checked, vault=vault, who=audit.SYSTEM, now=now)
    return [fixture["clientId"] for fixture in FIXTURES]


def _meter(meter_id: str, **fields: Any) -> dict[str, Any]:
    return {
        "meterId": meter_id,
        "meterType": "Electric",
        "unitOfMeasure": "kWh",
        "isAMI": True,
        "rateCode": "RES1",
        "billingCycleId": 1,
    } | fields


def _gas(meter_id: str) -> dict[str, Any]:
    return _meter(meter_id, meterType="Gas", unitOfMeasure="ccf", isAMI=False, rateCode="GAS1")


def _site(premise_id: str, address1: str, meters: Sequence[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    place = {"city": "Detroit", "state": "MI", "postalCode": "48067"} | fields
    return {"externalSiteId": premise_id, "isPrimary": True, "address1": address1, **place, "meters": list(meters)}


FIXTURES: Sequence[dict[str, Any]] = (
    {
        "clientId": TUTORIAL_CLIENT,
        "firstName": "John",
        "lastName": "Doe",
        "AcctStatus": "A",
        "customerSites": [_site(TUTORIAL_PREMISE, "123 Main St.", [_meter(TUTORIAL_METER)])],
    },
    {
        "clientId": "200000001",
        "firstName": "Carla",
        "lastName": "Closed",
        "AcctStatus": "C",
        "customerSites": [_site("5113300001", "1 Farewell Ave.", [_meter("200000001")])],
    },
    {
        "clientId": "200000002",
        "firstName": "Sam",
        "lastName": "Suspended",
        "AcctStatus": "S",
        "customerSites": [_site("5113300002", "2 Pending Rd.", [_meter("200000002")])],
    },
    {
        "clientId": "200000003",
        "firstName": "Gwen",
        "lastName": "Gas",
        "AcctStatus": "A",
        "customerSites": [_site("5113300003", "3 Burner Ct.", [_meter("200000003"), _gas("300000003")])],
    },
    {
        "clientId": "200000004",
        "businessName": "Many Sites Ltd.",
        "AcctStatus": "A",
        "customerSites": [
            _site("5113300004", "4 First St.", [_meter("200000004", accountNumber="A-4")]),
            _site(
                "5113300005",
                "5 Second St.",
                [
                    _meter("200000005", accountNumber="A-5", isPrimary=True),
                    _meter("200000006", accountNumber="A-5", isPrimary=False, rateCode="HVAC-I", isAMI=False),
                ],
                isPrimary=False,
                city="Royal Oak",
            ),
        ],
    },
)
"""Active; closed; suspended; with a gas meter that is not AMI; a business with two sites and an interruptible meter."""
