"""Half-hours in and out. contracts/flexibility.md 1.4, rows 8 and 9; reads as of an instant."""

import gzip
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy import update

from energygrid.flexibility.registry.tables import flex_asset
from energygrid.metering.tables import series

from .conftest import NOW, Flex

AT = int(datetime(2026, 1, 15, 17, tzinfo=UTC).timestamp())
DAY = {"from": "2026-01-15T00:00:00Z", "to": "2026-01-16T00:00:00Z", "pageSize": 1000}
PATH = "/api/v1/energy-consumption"
MakeAssets = Callable[..., list[str]]


def record(asset: str, slot: int = 0, value: float = 0.5, **more: object) -> dict[str, object]:
    return {"assetUUID": asset, "timestamp": AT + 1800 * slot, "value": value, **more}


def values(flex: Flex, asset: str, **query: object) -> list[tuple[int, float]]:
    answer = flex.get(f"/api/v1/assets/{asset}/energy-consumption", params=DAY | query)
    assert answer.status_code == 200, answer.text
    return [((each["timestamp"] - AT) // 1800, each["value"]) for each in answer.json()["items"]]


@pytest.mark.parametrize("path", [PATH, "/api/energy-consumption"])
def test_what_is_sent_can_be_read_at_once(flex: Flex, make_assets: MakeAssets, path: str) -> None:
    one, other = make_assets(2)
    answer = flex.post(path, json=[record(one, 0, 0.25), record(other, 1, 1.5), record(one, 1, 0.75)])
    assert answer.status_code == 201
    receipt = answer.json()
    assert {name: receipt[name] for name in ("accepted", "updated", "unchanged", "rejectedCount", "rejected")} == {
        "accepted": 3,
        "updated": 0,
        "unchanged": 0,
        "rejectedCount": 0,
        "rejected": [],
    }
    assert values(flex, one, waitFor=receipt["ingestId"]) == [(0, 0.25), (1, 0.75)]
    assert values(flex, other) == [(1, 1.5)]


def test_a_receipt_that_nobody_gave_is_404(flex: Flex, make_assets: MakeAssets) -> None:
    (asset,) = make_assets(1)
    answer = flex.get(f"/api/v1/assets/{asset}/energy-consumption", params={"waitFor": str(uuid4())})
    assert (answer.status_code, answer.json()["code"]) == (404, "UNKNOWN_INGEST")


def test_the_same_again_changes_nothing_and_another_value_is_a_revision(flex: Flex, make_assets: MakeAssets) -> None:
    (asset,) = make_assets(1)
    flex.post(PATH, json=[record(asset, 0, 0.25), record(asset, 1, 0.5)])
    before = datetime.now(UTC)
    again = flex.post(PATH, json=[record(asset, 0, 0.25), record(asset, 1, 0.625)]).json()
    assert (again["accepted"], again["updated"], again["unchanged"]) == (0, 1, 1)
    assert values(flex, asset) == [(0, 0.25), (1, 0.625)]
    assert values(flex, asset, asOf=before.isoformat()) == [(0, 0.25), (1, 0.5)]
    assert values(flex, asset, asOf=NOW.isoformat()) == []


def test_export_is_a_channel_of_its_own(flex: Flex, make_assets: MakeAssets) -> None:
    (asset,) = make_assets(1)
    flex.post(PATH, json=[record(asset, 0, 1.0), record(asset, 0, 2.0, type="export")])
    assert values(flex, asset) == [(0, 1.0), (0, 2.0)]
    assert values(flex, asset, type="export") == [(0, 2.0)]


def test_a_rejected_record_says_why_and_the_rest_is_kept(flex: Flex, make_assets: MakeAssets) -> None:
    one, archived = make_assets(2)
    (foreign,) = make_assets(1, flex.of_tenant("other"))
    with flex.database.transaction() as db:
        db.execute(update(flex_asset).where(flex_asset.c.uuid == archived).values(archived_at=NOW))
    sent = [record(one), record(foreign), record(str(uuid4())), record(archived), record(one, 1, -1), {"value": 3}]
    answer = flex.post(PATH, json=sent)
    assert answer.status_code == 201
    reasons = [(each["index"], each["reason"].split(":")[0]) for each in answer.json()["rejected"]]
    assert reasons == [
        (1, "UNKNOWN_ASSET"),
        (2, "UNKNOWN_ASSET"),
        (3, "ARCHIVED"),
        (4, "NEGATIVE"),
        (5, "MALFORMED"),
    ]
    assert answer.json()["rejectedCount"] == 5
    assert values(flex, one) == [(0, 0.5)]


def test_what_is_no_uuid_names_no_asset_and_stops_no_other_record(flex: Flex, make_assets: MakeAssets) -> None:
    (asset,) = make_assets(1)
    answer = flex.post(PATH, json=[record("house 7"), record(asset), record("g" + asset[1:], 1), record("", 2)])
    assert answer.status_code == 201, answer.text
    assert [each["index"] for each in answer.json()["rejected"]] == [0, 2, 3]
    assert {each["reason"].split(":")[0] for each in answer.json()["rejected"]} == {"UNKNOWN_ASSET"}
    assert values(flex, asset) == [(0, 0.5)]


def test_an_asset_is_the_same_in_capital_letters(flex: Flex, make_assets: MakeAssets) -> None:
    (asset,) = make_assets(1)
    answer = flex.post(PATH, json=[record(asset), record(asset.upper(), 1, 0.25), record(asset.upper(), 0, 0.75)])
    assert answer.status_code == 201, answer.text
    assert values(flex, asset) == [(0, 0.75), (1, 0.25)]


def test_a_thousand_rejects_are_listed_and_all_are_counted(flex: Flex) -> None:
    receipt = flex.post(PATH, json=[record(str(uuid4())) for _ in range(1200)]).json()
    assert (len(receipt["rejected"]), receipt["rejectedCount"]) == (1000, 1200)
    assert [each["index"] for each in receipt["rejected"]] == list(range(1000))


def test_a_compressed_body_is_read(flex: Flex, make_assets: MakeAssets) -> None:
    (asset,) = make_assets(1)
    body = gzip.compress(json.dumps([record(asset)]).encode())
    headers = {"content-encoding": "gzip", "content-type": "application/json"}
    assert flex.post(PATH, content=body, headers=headers).json()["accepted"] == 1
    for wrong, status in ((body[:-9], 400), (b"[]", 400), (gzip.compress(b" " * (65 << 20)), 413)):
        assert flex.post(PATH, content=wrong, headers=headers).status_code == status
    assert flex.post(PATH, content=b"[]", headers={"content-encoding": "br"}).status_code == 415


def test_more_records_than_allowed_are_413_and_nothing_is_kept(flex: Flex, make_assets: MakeAssets) -> None:
    (asset,) = make_assets(1)
    answer = flex.post(PATH, json=[record(asset)] * 50_001)
    assert (answer.status_code, answer.json()["code"]) == (413, "TOO_MANY_RECORDS")
    assert values(flex, asset) == []


def test_records_of_one_asset_below_its_path(flex: Flex, make_assets: MakeAssets) -> None:
    (asset,) = make_assets(1)
    path = f"/api/v1/assets/{asset}/energy-consumption"
    assert flex.post(path, json=[{"timestamp": AT, "value": 2}]).json()["accepted"] == 1
    assert values(flex, asset) == [(0, 2.0)]
    assert flex.post(f"/api/v1/assets/{uuid4()}/energy-consumption", json=[]).status_code == 404


def test_pages_walk_through_all_half_hours(flex: Flex, make_assets: MakeAssets) -> None:
    (asset,) = make_assets(1)
    flex.post(PATH, json=[record(asset, slot, slot / 4) for slot in range(7)])
    seen, page = [], 0
    while True:
        page += 1
        answer = flex.get(
            f"/api/v1/assets/{asset}/energy-consumption", params=DAY | {"page": page, "pageSize": 3}
        ).json()
        seen += [each["value"] for each in answer["items"]]
        if answer["pagination"]["currentPage"] >= answer["pagination"]["totalPages"]:
            break
    assert seen == [slot / 4 for slot in range(7)]
    assert answer["pagination"] == {
        "totalItems": 7,
        "itemCount": 1,
        "itemsPerPage": 3,
        "totalPages": 3,
        "currentPage": 3,
        "hasMore": False,
    }


@pytest.mark.parametrize(
    "query", [{"pageSize": 1001}, {"pageSize": 0}, {"page": 0}, {"from": "yesterday"}, {"type": "x"}]
)
def test_a_bad_query_is_400(flex: Flex, make_assets: MakeAssets, query: dict[str, object]) -> None:
    (asset,) = make_assets(1)
    answer = flex.get(f"/api/v1/assets/{asset}/energy-consumption", params=query)
    assert answer.status_code == 400
    assert answer.json()["error"] == "Bad Request"
    assert isinstance(answer.json()["message"], list)


def test_another_tenants_asset_is_404(flex: Flex, make_assets: MakeAssets) -> None:
    (asset,) = make_assets(1)
    other = flex.of_tenant("other")
    assert other.get(f"/api/v1/assets/{asset}/energy-consumption").status_code == 404
    assert other.post(f"/api/v1/assets/{asset}/energy-consumption", json=[]).status_code == 404


def test_two_uploads_of_one_day_at_once_lose_nothing(flex: Flex, make_assets: MakeAssets) -> None:
    assets = make_assets(20)
    halves = [[record(asset, slot, slot / 8) for asset in assets for slot in range(first, 10, 2)] for first in (0, 1)]
    with ThreadPoolExecutor(2) as threads:
        receipts = list(threads.map(lambda half: flex.post(PATH, json=half).json(), halves))
    assert [receipt["accepted"] for receipt in receipts] == [100, 100]
    assert values(flex, assets[-1]) == [(slot, slot / 8) for slot in range(10)]


def test_a_half_hour_off_the_grid_of_a_meters_series_is_refused(flex: Flex, make_assets: MakeAssets) -> None:
    """A meter's half-hours may start at a quarter past: what starts elsewhere would be laid over two of them."""
    odd, plain = make_assets(2)
    flex.post(PATH, json=[record(odd), record(plain)])
    moved = update(series).where(series.c.owner_id == odd).values(offset_s=900)
    flex.database.write(lambda db: db.execute(moved))
    receipt = flex.post(PATH, json=[record(odd, 1), record(plain, 1)]).json()
    assert (receipt["accepted"], receipt["rejectedCount"], receipt["rejected"][0]["index"]) == (1, 1, 0)
    assert receipt["rejected"][0]["reason"].startswith("OFF_GRID")
    assert [slot for slot, _ in values(flex, plain)] == [0, 1]
