"""Baselines of an asset apart from events, and their accuracy, over HTTP with jobs done by a real worker."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from tests.flexibility.runs.conftest import EVENT_DAY, FIRST_DAY, STARTS

from .conftest import Flex
from .test_assets import body
from .test_stats import send

FIVE = int(STARTS.timestamp())


@pytest.fixture
def asset(flex: Flex, make_assets: Callable[..., list[str]]) -> str:
    (made,) = make_assets(1)
    send(flex, made, [FIRST_DAY + timedelta(days=number) for number in range((EVENT_DAY - FIRST_DAY).days)])
    return made


def get(flex: Flex, asset: str, what: str, **params: Any) -> Any:
    return flex.get(f"/api/v1/assets/{asset}/{what}", params=params)


def waiting(flex: Flex) -> int:
    query = text("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'flexibility.measure' AND status = 'todo'")
    return flex.database.read(lambda db: int(db.execute(query).scalar_one()))


def test_accuracy_is_pending_until_a_job_has_measured_it(flex: Flex, asset: str, run_jobs: Callable[[], None]) -> None:
    first = get(flex, asset, "baseline-accuracy").json()
    assert (first["state"], first["computedAt"], first["methods"]) == ("PENDING", None, [])
    assert first["window"] == {"from": "17:00", "to": "19:00", "zone": "Europe/London"}
    get(flex, asset, "baseline-accuracy")
    assert waiting(flex) == 1
    run_jobs()
    found = get(flex, asset, "baseline-accuracy").json()
    assert found["state"] == "READY"
    assert found["asset"]["uuid"] == asset
    assert {each["method"] for each in found["methods"]} == {
        "BL01",
        "BL01_NO_IDA",
        "GB_MID_8_OF_10",
        "CAISO_10_OF_10",
    }
    best = found["methods"][0]
    assert (best["rank"], best["verdict"], best["n"]) == (1, "PASS", best["days"] * 4)
    assert best["days"] >= 20
    assert isinstance(best["bias"], str)
    assert isinstance(best["rrmse"], float)
    assert waiting(flex) == 0


def test_new_readings_have_it_measured_again(flex: Flex, asset: str, run_jobs: Callable[[], None]) -> None:
    get(flex, asset, "baseline-accuracy")
    run_jobs()
    before = get(flex, asset, "baseline-accuracy").json()
    send(flex, asset, [EVENT_DAY])
    stale = get(flex, asset, "baseline-accuracy").json()
    assert (stale["state"], stale["methods"]) == ("PENDING", before["methods"])
    run_jobs()
    after = get(flex, asset, "baseline-accuracy").json()
    assert (after["state"], after["methods"][0]["lastDay"]) == ("READY", str(date(2026, 1, 15)))


def test_baselines_are_what_the_first_design_gives(flex: Flex, asset: str) -> None:
    found = get(flex, asset, "baselines", start_ts=FIVE, end_ts=FIVE + 3600).json()
    assert [set(each) for each in found] == [{"asset_id", "timestamp", "value"}] * 2
    assert [each["timestamp"] for each in found] == [FIVE, FIVE + 1800]
    assert found[0]["asset_id"] == asset
    assert get(flex, asset, f"baseline-at/{FIVE + 1000}").json() == found[0]
    assert flex.get(f"/api/assets/{asset}/baseline-at/{FIVE}").json() == found[0]


def test_where_there_is_no_baseline_it_is_left_out_and_says_why(flex: Flex, asset: str) -> None:
    start = FIVE - 60 * 86_400
    assert get(flex, asset, "baselines", start_ts=start, end_ts=start + 3600).json() == []
    answer = get(flex, asset, f"baseline-at/{start}")
    assert (answer.status_code, answer.json()["code"]) == (404, "NO_BASELINE")
    assert "BL01 needs" in answer.json()["message"]


@pytest.mark.parametrize("timestamp", [0, 4_102_444_800])
def test_the_first_and_the_last_instant_have_no_baseline(
    flex: Flex, make_assets: Callable[..., list[str]], timestamp: int
) -> None:
    (asset,) = make_assets(1)
    assert get(flex, asset, f"baseline-at/{timestamp}").json()["code"] == "NO_BASELINE"


@pytest.mark.parametrize(
    ("span", "code"),
    [
        ({"start_ts": FIVE, "end_ts": FIVE}, "EMPTY_SPAN"),
        ({"start_ts": FIVE, "end_ts": FIVE + 7 * 86_400 + 1}, "SPAN_TOO_LONG"),
        ({"start_ts": FIVE}, "INVALID_PAYLOAD"),
        ({"start_ts": -1, "end_ts": FIVE}, "INVALID_PAYLOAD"),
    ],
)
def test_a_span_is_given_not_empty_and_at_most_a_week(
    flex: Flex, make_assets: Callable[..., list[str]], span: dict[str, int], code: str
) -> None:
    (asset,) = make_assets(1)
    answer = get(flex, asset, "baselines", **span)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_an_asset_shows_how_well_its_baselines_fit_once_they_are_measured(
    flex: Flex, run_jobs: Callable[[], None]
) -> None:
    asset = flex.post("/api/v1/assets", json=body("meter-1")).json()["uuid"]
    send(flex, asset, [FIRST_DAY + timedelta(days=number) for number in range((EVENT_DAY - FIRST_DAY).days)])
    portfolio = flex.post("/api/v1/portfolios", json={"name": "N"}).json()["uuid"]
    flex.post(f"/api/v1/portfolios/{portfolio}/assets", json=[asset])
    assert flex.get(f"/api/v1/assets/{asset}").json()["baselineQuality"] is None
    get(flex, asset, "baseline-accuracy")
    run_jobs()
    (paid_by,) = [each for each in get(flex, asset, "baseline-accuracy").json()["methods"] if each["method"] == "BL01"]
    assert 0.8 <= paid_by["coverage"] <= 1
    quality = {name: paid_by[name] for name in ("method", "cvrmse", "nmbe", "mape", "n")}
    assert flex.get(f"/api/v1/assets/{asset}").json()["baselineQuality"] == quality
    for path in ("assets", f"portfolios/{portfolio}/assets"):
        (listed,) = flex.get(f"/api/v1/{path}").json()["items"]
        assert listed["baselineQuality"] == quality
    withdrawn = {"userId": listed["userId"], "assetUUID": asset, "scope": "METER_DATA", "status": "WITHDRAWN"}
    assert flex.post("/api/v1/consents", json=withdrawn).status_code == 201
    assert flex.get(f"/api/v1/assets/{asset}").json()["baselineQuality"] is None
