"""A supplier's first day with the publicly known client: users, assets, schemes, readings."""

from collections.abc import Callable
from typing import Any

import pytest

from .conftest import Flex
from .known_client import KnownClient, Refused
from .test_assets import MPANS
from .test_schemes import make


@pytest.fixture
def client(flex: Flex) -> KnownClient:
    return KnownClient(flex.http, flex.key, str(flex.tenant_uuid))


def home(asset_id: str, **more: Any) -> dict[str, Any]:
    return {
        "userId": "anna",
        "assetId": asset_id,
        "name": "home",
        "assetType": "SMARTMETER",
        "locationPostcode": "NE8 1AA",
        "locationBuildingNoOrName": "1",
        "locationAddress": "High Street",
        "locationLatitude": "54.96",
        "locationLongitude": "-1.60",
    } | more


def test_from_a_user_to_readings_and_out_again(flex: Flex, client: KnownClient, run_jobs: Callable[[], None]) -> None:
    make(flex, "Winter")
    client.create_user("anna")
    (scheme,) = (each["uuid"] for each in client.get_scheme_list() if each["name"] == "Winter")

    one = client.create_asset(**home(MPANS[0], eventSchemeUUID=scheme))["uuid"]
    bulk = client.create_bulk_assets([home(mpan) for mpan in MPANS[1:]])
    assert bulk["failed"] == []
    others = [each["uuid"] for each in bulk["created"]]
    read = [each for page in client.get_assets(chunk=2) for each in page]
    assert [each["uuid"] for each in read] == [one, *sorted(others)]
    assert {each["assetId"] for each in read} == set(MPANS)
    for each in read:
        assert (each["name"], each["assetType"], each["archived"], each["installationDate"]) == (
            "home",
            "SMARTMETER",
            False,
            None,
        )
        assert each["createdAt"].endswith("Z")
        assert each["updatedAt"].endswith("Z")

    client.scheme_asset_opt_in(scheme, others, "OPT_IN")
    run_jobs()
    members = {each["asset"]["uuid"]: each["state"] for page in client.get_scheme_assets(scheme, 2) for each in page}
    assert members == dict.fromkeys([one, *others], "READY")

    reading = {"assetUUID": one, "timestamp": 1768496400, "value": 0.5, "type": "import"}
    assert client.send_energy_readings([reading])["accepted"] == 1

    client.scheme_asset_opt_in(scheme, others[:1], "OPT_OUT")
    client.scheme_asset_opt_out(others[1:2])
    assert client.archive_asset(one)
    members = {each["asset"]["uuid"]: each["state"] for page in client.get_scheme_assets(scheme) for each in page}
    assert members == dict.fromkeys([one, *others[:2]], "OPT_OUT") | dict.fromkeys(others[2:], "READY")


def test_a_refusal_tells_it_why(client: KnownClient) -> None:
    client.create_asset(**home("meter-1"))
    with pytest.raises(Refused, match="there is an asset meter-1 already"):
        client.create_asset(**home("meter-1"))
    with pytest.raises(Refused, match="assetType"):
        client.create_asset(**home("meter-2", assetType="EV"))
    with pytest.raises(Refused, match="Not Found"):
        client.archive_asset("8b0f8f3e-2f3c-4d55-9a5e-0f6f6b7c9d10")
