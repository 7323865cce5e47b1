"""Nominated curves over HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from .conftest import Flex
from .test_events import Make, create, portfolio, scheduled, stamp

__all__ = ["portfolio"]
TERMS = {"ruleSets": ["NOMINATED", "ZERO"]}
DEADLINE = "2031-07-01T11:00:00.000Z"
"""Noon of a British summer's day."""
TIMES = {"startDateTime": "2031-07-02T16:00:00.000Z", "endDateTime": "2031-07-02T17:00:00.000Z"}


def _put(flex: Flex, event: str, *curves: tuple[str, list[Any]], prefix: str = "/api/v1") -> Any:
    body = {"curves": [{"assetUUID": asset, "values": values} for asset, values in curves]}
    return flex.call("PUT", f"{prefix}/events/{event}/nominations", json=body)


def test_curves_are_filed_and_read_back(flex: Flex, portfolio: tuple[str, list[str]]) -> None:
    uuid, assets = portfolio
    event = scheduled(flex, uuid, terms=TERMS, **TIMES)["uuid"]
    answer = _put(flex, event, (assets[0], ["0.598", "0.603"]), (assets[1], [0.5, 1]))
    assert (answer.status_code, answer.json()) == (200, {"filed": 2, "unchanged": 0, "deadline": DEADLINE})
    again = _put(flex, event, (assets[0], [0.598, 0.603]), (assets[1], [0.5, 2]), prefix="/api")
    assert again.json() == {"filed": 1, "unchanged": 1, "deadline": DEADLINE}
    page = flex.get(f"/api/v1/events/{event}/nominations", params={"pageSize": 1, "page": 2}).json()
    (item,) = page["items"]
    assert page["pagination"]["totalItems"] == 2
    assert (item["assetUUID"], item["values"]) == (assets[1], ["0.500000", "2.000000"])
    assert (item["revision"], item["counts"]) == (2, True)
    assert flex.get(f"/api/events/{event}/nominations").json()["items"][0]["revision"] == 1


def test_a_draft_takes_curves_before_it_is_scheduled(flex: Flex, make_assets: Make) -> None:
    event = create(flex, terms=TERMS, **TIMES)["uuid"]
    assert _put(flex, event, (make_assets(1)[0], [1, 1])).status_code == 200


def test_one_wrong_curve_has_none_taken(flex: Flex, make_assets: Make) -> None:
    event = create(flex, terms=TERMS, **TIMES)["uuid"]
    good, bad = make_assets(2)
    for curve, status in (
        ((bad, [0.5]), 400),
        ((bad, [0.5, -1]), 400),
        ((bad, [0.5, "much"]), 400),
        ((bad, [0.5, "NaN"]), 400),
        ((bad, ["0.5", "0.0000001"]), 400),
        ((good, [0.5, 0.5]), 400),
        ((str(uuid4()), [0.5, 0.5]), 404),
    ):
        answer = _put(flex, event, (good, [1, 1]), curve)
        assert answer.status_code == status, answer.text
    assert flex.get(f"/api/v1/events/{event}/nominations").json()["items"] == []


def test_an_event_that_is_not_settled_by_curves_takes_none(flex: Flex, make_assets: Make) -> None:
    event = create(flex, terms={"ruleSets": ["BL01"]}, **TIMES)["uuid"]
    answer = _put(flex, event, (make_assets(1)[0], [1, 1]))
    assert (answer.status_code, answer.json()["code"]) == (409, "NOT_NOMINATED")


def test_a_curve_after_the_deadline_is_refused(flex: Flex, make_assets: Make) -> None:
    """An event of tomorrow's first hours, whose deadline was today's midnight."""
    tomorrow = datetime.now(UTC).replace(hour=5, minute=0, second=0, microsecond=0) + timedelta(days=1)
    times = {"startDateTime": stamp(tomorrow), "endDateTime": stamp(tomorrow + timedelta(hours=1))}
    event = create(flex, terms=TERMS | {"nominationDeadline": "00:00"}, **times)["uuid"]
    answer = _put(flex, event, (make_assets(1)[0], [1, 1]))
    assert (answer.status_code, answer.json()["code"]) == (409, "NOMINATED_LATE")


def test_an_event_by_curves_and_by_zero_is_computed_by_both(
    flex: Flex, portfolio: tuple[str, list[str]], run_jobs: Any
) -> None:
    uuid, assets = portfolio
    event = scheduled(flex, uuid, terms=TERMS)
    assert _put(flex, event["uuid"], (assets[0], ["0.25", "0.5"])).status_code == 200
    run_jobs()
    found = flex.get(f"/api/v1/events/{event['uuid']}/baselines").json()["items"]
    shown = {(each["asset"]["uuid"], each["method"]): each["value"] for each in found}
    assert shown[assets[0], "NOMINATED"] == "0.750000"
    assert shown[assets[1], "ZERO"] == "0.000000"
