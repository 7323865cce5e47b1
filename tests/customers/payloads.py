"""Payloads that tests vary."""

from typing import Any


def meter(meter_id: str, **fields: Any) -> dict[str, Any]:
    return {
        "meterId": meter_id,
        "meterType": "Electric",
        "unitOfMeasure": "kWh",
        "isAMI": True,
        "rateCode": "RES1",
        "billingCycleId": 1,
    } | fields


def site(premise_id: str, *meters: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"externalSiteId": premise_id, "postalCode": "48067"} | fields | {"meters": list(meters)}


def customer(client_id: str, *sites: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"clientId": client_id, "AcctStatus": "A"} | fields | {"customerSites": list(sites)}
