"""Assets and users over HTTP. contracts/flexibility.md 1.3, rows 1 to 7; what the known client sends and reads."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from .conftest import Flex

MPANS = ("1234567890126", "2000000000015", "1000000000040", "1012345678903", "1900000123452")
READ_BY_CLIENT = {"uuid", "assetId", "name", "assetType", "archived", "installationDate", "createdAt", "updatedAt"}


def body(asset_id: str, **more: Any) -> dict[str, Any]:
    """As the known client sends it: what is not given is null."""
    return {
        "userId": "anna",
        "assetId": asset_id,
        "eventSchemeUUID": None,
        "name": "Anna's home",
        "assetType": "SMARTMETER",
        "installationDate": None,
        "locationPostcode": "NE8 1AA",
        "locationBuildingNoOrName": "1",
        "locationAddress": "High Street",
        "locationLatitude": None,
        "locationLongitude": None,
    } | more


def create(flex: Flex, asset_id: str, **more: Any) -> dict[str, Any]:
    answer = flex.post("/api/v1/assets", json=body(asset_id, **more))
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def listed(flex: Flex, **query: Any) -> list[str]:
    """assetIds of all pages, read as the known client does."""
    found: list[str] = []
    page = 1
    while True:
        answer = flex.get("/api/v1/assets", params={"page": page, "pageSize": 2} | query).json()
        found += [each["assetId"] for each in answer["items"]]
        if answer["pagination"]["currentPage"] >= answer["pagination"]["totalPages"]:
            return found
        page += 1


def test_a_user_is_made_and_made_again(flex: Flex) -> None:
    first = flex.post("/api/v1/users", json={"userId": "anna"})
    again = flex.post("/api/users", json={"userId": "anna"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert first.json()["userId"] == "anna"
    assert [each["userId"] for each in flex.get("/api/v1/users").json()["items"]] == ["anna"]


def test_an_asset_as_the_known_client_makes_it_reads_back(flex: Flex) -> None:
    made = create(flex, MPANS[0], locationLatitude="54.9", installationDate="2024-05-01T00:00:00")
    assert set(made) >= READ_BY_CLIENT
    assert made["installationDate"] == "2024-05-01T00:00:00.000Z"
    assert (made["archived"], made["mpan"], made["mpanStatus"]) == (False, MPANS[0], "PENDING")
    assert made["location"] == {
        "postcode": "NE8 1AA",
        "buildingNoOrName": "1",
        "address": "High Street",
        "latitude": "54.9",
        "longitude": None,
    }
    for prefix in ("/api/v1", "/api"):
        assert flex.get(f"{prefix}/assets/{made['uuid']}").json() == made


def test_the_pages_of_assets_hold_each_once(flex: Flex) -> None:
    names = [f"meter-{number}" for number in range(5)]
    for name in names:
        create(flex, name)
    assert listed(flex) == names
    assert listed(flex, pageSize=1000) == names
    envelope = flex.get("/api/v1/assets", params={"page": 2, "pageSize": 2}).json()["pagination"]
    assert envelope == {
        "totalItems": 5,
        "itemCount": 2,
        "itemsPerPage": 2,
        "totalPages": 3,
        "currentPage": 2,
        "hasMore": True,
    }
    assert flex.get("/api/v1/assets", params={"pageSize": 1001}).status_code == 400


def test_lists_are_narrowed_by_what_is_asked(flex: Flex) -> None:
    create(flex, "a", userId="bob")
    gone = create(flex, "b")
    inside = create(flex, "c")
    portfolio = flex.post("/api/v1/portfolios", json={"name": "North"}).json()["uuid"]
    flex.post(f"/api/v1/portfolios/{portfolio}/assets", json=[inside["uuid"]])
    assert flex.call("DELETE", f"/api/v1/assets/{gone['uuid']}").status_code == 200
    assert listed(flex, userId="bob") == ["a"]
    assert listed(flex, assetId="c") == ["c"]
    assert listed(flex, archived=True) == ["b"]
    assert listed(flex, archived=False) == ["a", "c"]
    assert listed(flex, portfolioUUID=portfolio) == ["c"]
    assert listed(flex, mpanStatus="VALID") == []
    assert listed(flex, userId="bob", archived=True) == []


def test_a_duplicate_is_409_until_the_first_is_archived(flex: Flex) -> None:
    first = create(flex, "meter-1", mpan=MPANS[0])
    for twin in (body("meter-1"), body("meter-2", mpan=MPANS[0])):
        answer = flex.post("/api/v1/assets", json=twin)
        assert (answer.status_code, answer.json()["error"]) == (409, "Conflict")
    assert flex.call("DELETE", f"/api/assets/{first['uuid']}").status_code == 200
    assert flex.get(f"/api/v1/assets/{first['uuid']}").json()["archived"] is True
    create(flex, "meter-1", mpan=MPANS[0])
    assert flex.call("DELETE", f"/api/v1/assets/{first['uuid']}").status_code == 200


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"assetType": "EV"}, "assetType"),
        ({"userId": " "}, "userId"),
        ({"name": None}, "name"),
        ({"locationPostcode": 12}, "locationPostcode"),
        ({"eventSchemeUUID": "winter"}, "eventSchemeUUID"),
        ({"installationDate": "soon"}, "installationDate"),
    ],
)
def test_what_is_wrong_with_an_asset_is_named(flex: Flex, wrong: dict[str, Any], word: str) -> None:
    answer = flex.post("/api/v1/assets", json=body("meter-1", **wrong))
    assert answer.status_code == 400
    assert any(word in each for each in answer.json()["message"])


def test_members_that_nobody_reads_are_named_in_a_header(flex: Flex) -> None:
    answer = flex.post("/api/v1/assets", json=body("meter-1", colour="red"))
    assert (answer.status_code, answer.headers["x-ignored-fields"]) == (201, "colour")


def test_of_a_bulk_all_that_can_be_are_made(flex: Flex) -> None:
    create(flex, "there")
    sent = [body("a"), body("there"), body("b", assetType="EV"), body("c", eventSchemeUUID=str(uuid4())), body("d")]
    answer = flex.post("/api/v1/assets/bulk", json={"assets": sent})
    assert answer.status_code == 201
    assert [each["assetId"] for each in answer.json()["created"]] == ["a", "d"]
    failed = [(each["index"], each["assetId"], each["code"]) for each in answer.json()["failed"]]
    assert failed == [(1, "there", "ASSET_EXISTS"), (2, "b", "INVALID_PAYLOAD"), (3, "c", "UNKNOWN_SCHEME")]
    assert "assetType" in answer.json()["failed"][1]["message"]


@pytest.mark.parametrize("bad", [{"assetId": "there"}, {"assetId": "x", "assetType": "EV"}])
def test_a_bulk_that_must_be_whole_makes_nothing_if_one_cannot_be(flex: Flex, bad: dict[str, Any]) -> None:
    create(flex, "there")
    sent = {"assets": [body("a"), body(asset_id=bad["assetId"]) | bad]}
    answer = flex.post("/api/v1/assets/bulk", params={"allOrNothing": True}, json=sent)
    assert (answer.status_code, answer.json()["code"]) == (409, "NOTHING_CREATED")
    assert answer.json()["message"][0].startswith("assets.1:")
    assert listed(flex) == ["there"]


def test_a_bulk_of_more_than_ten_thousand_is_refused(flex: Flex) -> None:
    answer = flex.post("/api/v1/assets/bulk", json={"assets": [{}] * 10_001})
    assert answer.status_code == 400


def test_a_change_keeps_what_is_left_out_and_null_takes_away(flex: Flex) -> None:
    made = create(flex, "meter-1", locationLatitude="54.9", bmuId="BMU-1")
    path = f"/api/v1/assets/{made['uuid']}"
    sent = {"name": "Flat", "locationPostcode": "ts1 1aa", "locationLatitude": None, "hhSettled": True, "bmuId": None}
    changed = flex.call("PATCH", path, json=sent)
    assert changed.status_code == 200
    assert changed.json()["location"] == made["location"] | {"postcode": "ts1 1aa", "latitude": None}
    assert [changed.json()[name] for name in ("name", "hhSettled", "bmuId", "assetId")] == [
        "Flat",
        True,
        None,
        "meter-1",
    ]
    assert flex.get(path).json() == changed.json()
    assert flex.call("PATCH", path, json={"name": None}).status_code == 400
    flex.call("DELETE", path)
    assert flex.call("PATCH", path, json={"name": "x"}).json()["code"] == "ASSET_ARCHIVED"


def test_an_asset_says_when_its_readings_begin_and_end(flex: Flex) -> None:
    made = create(flex, "meter-1")
    assert (made["firstReadingAt"], made["lastReadingAt"]) == (None, None)
    starts = {"import": [1768496400, 1768606200], "export": [1768494600]}
    records = [
        {"assetUUID": made["uuid"], "timestamp": at, "value": 0.5, "type": channel}
        for channel, instants in starts.items()
        for at in instants
    ]
    flex.post("/api/v1/energy-consumption", json=records)
    (shown,) = flex.get("/api/v1/assets").json()["items"]
    assert shown["firstReadingAt"] == "2026-01-15T16:30:00.000Z"
    assert shown["lastReadingAt"] == "2026-01-16T23:30:00.000Z"


def test_a_job_validates_mpans_and_tells(flex: Flex, run_jobs: Callable[[], None]) -> None:
    right, wrong, none = create(flex, MPANS[0]), create(flex, "1234567890127"), create(flex, "meter-1")
    gas = create(flex, "meter-2", mpan="1234567")
    run_jobs()
    shown = {each["uuid"]: each for each in flex.get("/api/v1/assets").json()["items"]}
    assert (shown[right["uuid"]]["mpanStatus"], shown[right["uuid"]]["mpanReason"]) == ("VALID", None)
    for asset, reason in ((wrong, "CHECK_DIGIT"), (none, "MISSING"), (gas, "LENGTH")):
        assert shown[asset["uuid"]]["mpanStatus"] == "INVALID"
        assert shown[asset["uuid"]]["mpanReason"].startswith(reason)
    assert "gas" in shown[gas["uuid"]]["mpanReason"]
    assert set(listed(flex, mpanStatus="VALID")) == {MPANS[0]}


def test_another_export_mpan_is_validated_anew(flex: Flex, run_jobs: Callable[[], None]) -> None:
    made = create(flex, MPANS[0])
    run_jobs()
    path = f"/api/v1/assets/{made['uuid']}"
    assert flex.call("PATCH", path, json={"exportMpan": "1234567890127"}).json()["mpanStatus"] == "PENDING"
    run_jobs()
    assert flex.get(path).json()["mpanReason"].startswith("EXPORT_CHECK_DIGIT")


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_another_tenants_asset_is_404(flex: Flex, method: str) -> None:
    made = create(flex, "meter-1")
    other = flex.of_tenant("other")
    for uuid in (made["uuid"], str(uuid4())):
        answer = other.call(method, f"/api/v1/assets/{uuid}", json={"name": "x"})
        assert (answer.status_code, answer.json()["code"]) == (404, "UNKNOWN_ASSET")
    assert flex.get(f"/api/v1/assets/{made['uuid']}").json()["archived"] is False


def test_bulks_that_overlap_at_once_make_each_asset_once(flex: Flex) -> None:
    names = [f"meter-{number}" for number in range(40)]

    def send(names: list[str]) -> tuple[set[str], set[str]]:
        answer = flex.post("/api/v1/assets/bulk", json={"assets": [body(name) for name in names]})
        assert answer.status_code == 201, answer.text
        made = {each["assetId"] for each in answer.json()["created"]}
        assert {each["code"] for each in answer.json()["failed"]} <= {"ASSET_EXISTS"}
        return made, {each["assetId"] for each in answer.json()["failed"]}

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(send, [names, names[::-1], names[20:] + names[:20], names]))
    for name in names:
        assert sum(name in made for made, _ in results) == 1
        assert sum(name in failed for _, failed in results) == 3
    assert sorted(listed(flex, pageSize=1000)) == sorted(names)
