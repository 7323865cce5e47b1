"""Events over HTTP. contracts/flexibility.md 1.5, rows 18 to 22 and 25; what the known client sends and reads."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from energygrid.flexibility.events import clock

from .conftest import Flex

Make = Callable[..., list[str]]
EVENT_READ_BY_CLIENT = {
    "uuid",
    "name",
    "type",
    "status",
    "startDateTime",
    "endDateTime",
    "optInRequired",
    "incentive",
    "incentiveType",
    "eligibility",
}
START = datetime.now(UTC).replace(hour=17, minute=0, second=0, microsecond=0) + timedelta(days=2)


def stamp(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def body(**more: Any) -> dict[str, Any]:
    return {
        "name": "Evening peak",
        "type": "TURN_DOWN",
        "startDateTime": stamp(START),
        "endDateTime": stamp(START + timedelta(hours=1)),
        "incentive": 2.25,
    } | more


@pytest.fixture
def portfolio(flex: Flex, make_assets: Make) -> tuple[str, list[str]]:
    """A portfolio of three assets, by the caller's own ids in order."""
    assets = make_assets(3)
    uuid: str = flex.post("/api/v1/portfolios", json={"name": "North East"}).json()["uuid"]
    assert flex.post(f"/api/v1/portfolios/{uuid}/assets", json=assets).status_code == 201
    return uuid, sorted(assets)


def create(flex: Flex, **more: Any) -> dict[str, Any]:
    answer = flex.post("/api/v1/events", json=body(**more))
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def scheduled(flex: Flex, portfolio: str, **more: Any) -> dict[str, Any]:
    return create(flex, portfolioUUIDs=[portfolio], status="SCHEDULED", **more)


def words(status: str, *assets: str) -> dict[str, Any]:
    return {"statuses": [{"assetUUIDs": list(assets), "status": status}]}


def test_an_event_reads_back_as_the_known_client_reads_it(flex: Flex) -> None:
    made = create(flex, eligibility={"postcodePrefix": "NE8"})
    answer = flex.get(f"/api/v1/events/{made['uuid']}")
    assert answer.status_code == 200
    assert answer.json() == made == flex.get(f"/api/events/{made['uuid']}").json()
    assert set(made) >= EVENT_READ_BY_CLIENT
    said = {name: made[name] for name in ("status", "startDateTime", "optInRequired", "incentive", "incentiveType")}
    assert said == {
        "status": "DRAFT",
        "startDateTime": stamp(START),
        "optInRequired": True,
        "incentive": 2.25,
        "incentiveType": "PER_KWH",
    }


def test_times_with_another_offset_are_the_same_instants(flex: Flex) -> None:
    berlin = (START + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S+01:00")
    assert create(flex, startDateTime=berlin)["startDateTime"] == stamp(START)


def test_a_draft_gets_portfolios_is_scheduled_and_cancelled(flex: Flex, portfolio: tuple[str, list[str]]) -> None:
    uuid = create(flex)["uuid"]
    assert flex.get(f"/api/v1/events/{uuid}/portfolios").json() == []
    assigned = flex.post(f"/api/v1/events/{uuid}/portfolios", json=[portfolio[0]])
    assert (assigned.status_code, assigned.json()) == (201, [portfolio[0]])
    changed = flex.call("PATCH", f"/api/v1/events/{uuid}", json={"name": "Peak", "status": "SCHEDULED", "type": None})
    assert (changed.status_code, changed.json()["status"], changed.json()["name"]) == (200, "SCHEDULED", "Peak")
    for _ in range(2):
        cancelled = flex.post(f"/api/v1/events/{uuid}/cancel")
        assert (cancelled.status_code, cancelled.json()["status"]) == (200, "CANCELLED")
    refused = flex.call("PATCH", f"/api/v1/events/{uuid}", json={"name": "Again"})
    assert (refused.status_code, refused.json()["code"]) == (409, "EVENT_FIXED")


def test_a_draft_is_deleted_with_all_that_hangs_on_it_and_nothing_else_is(
    flex: Flex, portfolio: tuple[str, list[str]]
) -> None:
    uuid = create(flex, portfolioUUIDs=[portfolio[0]], terms={"ruleSets": ["NOMINATED"]})
    curve = {"curves": [{"assetUUID": portfolio[1][0], "values": [1, 1]}]}
    assert flex.call("PUT", f"/api/v1/events/{uuid['uuid']}/nominations", json=curve).status_code == 200
    answer = flex.call("DELETE", f"/api/v1/events/{uuid['uuid']}")
    assert (answer.status_code, answer.json()) == (200, uuid)
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/nominations")):
        assert flex.call(method, f"/api/v1/events/{uuid['uuid']}{path}").json()["code"] == "UNKNOWN_EVENT"
    on = scheduled(flex, portfolio[0])["uuid"]
    refused = flex.call("DELETE", f"/api/events/{on}")
    assert (refused.status_code, refused.json()["code"]) == (409, "NOT_A_DRAFT")
    assert flex.of_tenant("stranger").call("DELETE", f"/api/v1/events/{on}").status_code == 404


def test_assets_opt_in_and_out_as_the_known_client_does_it(flex: Flex, portfolio: tuple[str, list[str]]) -> None:
    uuid = scheduled(flex, portfolio[0])["uuid"]
    first, second, _ = portfolio[1]
    both = {"statuses": [*words("OPT_IN", first, second)["statuses"], *words("OPT_OUT", second)["statuses"]]}
    answer = flex.post(f"/api/v1/events/{uuid}/asset-optin", json=both)
    assert (answer.status_code, answer.json()) == (201, {"optedIn": 1, "optedOut": 1})
    page = flex.get(f"/api/v1/events/{uuid}/assets", params={"page": 1, "pageSize": 2}).json()
    assert page["pagination"] == {
        "totalItems": 3,
        "itemCount": 2,
        "itemsPerPage": 2,
        "totalPages": 2,
        "currentPage": 1,
        "hasMore": True,
    }
    assert [(each["asset"]["uuid"], each["state"]) for each in page["items"]] == [
        (first, "OPT_IN"),
        (second, "OPT_OUT"),
    ]
    assert page["items"][0]["asset"]["assetId"] == f"asset-{first}"
    unknown = flex.post(f"/api/v1/events/{uuid}/asset-optin", json=words("OPT_IN", str(uuid4())))
    assert (unknown.status_code, unknown.json()["code"]) == (404, "UNKNOWN_EVENT_ASSET")


def test_ineligible_assets_are_listed_with_their_reason(flex: Flex, portfolio: tuple[str, list[str]]) -> None:
    uuid = scheduled(flex, portfolio[0], eligibility={"minBaselineDays": "5"})["uuid"]
    items = flex.get(f"/api/v1/events/{uuid}/assets").json()["items"]
    assert {each["state"] for each in items} == {"INELIGIBLE"}
    assert items[0]["reason"].startswith("TOO_FEW_DAYS: 0 of the 60 days")
    refused = flex.post(f"/api/v1/events/{uuid}/asset-optin", json=words("OPT_IN", portfolio[1][0]))
    assert (refused.status_code, refused.json()["code"]) == (409, "INELIGIBLE")


def test_under_the_plain_prefix_assets_come_with_the_baselines_that_a_dry_run_expects(
    flex: Flex, portfolio: tuple[str, list[str]], run_jobs: Callable[[], None]
) -> None:
    """Row 23: the known client reads value, method and type of each."""
    known, without, _ = portfolio[1]
    first = START - timedelta(days=45)
    readings = [
        {"assetUUID": known, "timestamp": int(first.timestamp()) + 1800 * number, "value": 0.4}
        for number in range(42 * 48)
    ]
    assert flex.post("/api/v1/energy-consumption", json=readings).json()["accepted"] == len(readings)
    foreseen = flex.post("/api/v1/events?dryRun=true", json=body(portfolioUUIDs=[portfolio[0]])).json()
    expected = {"method": "BL01", "value": "0.800000", "assetCount": 1, "withoutBaselineCount": 2}
    assert foreseen["expectedBaselines"] == [expected]
    uuid = scheduled(flex, portfolio[0])["uuid"]
    assert flex.get(f"/api/events/{uuid}/assets").json()["items"][0]["baselines"] == []
    run_jobs()
    items = flex.get(f"/api/events/{uuid}/assets").json()["items"]
    baselines = {each["asset"]["uuid"]: each["baselines"] for each in items}
    assert baselines[known] == [{"value": "0.800000", "method": "BL01", "type": "import"}]
    assert baselines[without] == []
    assert flex.get(f"/api/v1/events/{uuid}").json()["baselinesRevision"] == 1


def test_a_dry_run_stores_nothing_and_says_who_and_what(flex: Flex, portfolio: tuple[str, list[str]]) -> None:
    asked = body(portfolioUUIDs=[portfolio[0]], eligibility={"postcodePrefix": "SW1"}, status="SCHEDULED")
    answer = flex.post("/api/v1/events", params={"dryRun": "true"}, json=asked)
    assert answer.status_code == 200
    found = answer.json()
    assert (found["reachedCount"], found["eligibleCount"], found["eligible"]) == (3, 0, [])
    assert [each["asset"]["uuid"] for each in found["ineligible"]] == portfolio[1]
    assert found["ineligible"][0]["reason"] == "POSTCODE: its postcode does not begin with SW1"
    times = {each["type"]: each["at"] for each in found["webhooks"]}
    assert times["EVENT.STARTED"] == stamp(START)
    assert times["EVENT.STATS_READY"] is None
    assert flex.get("/api/v1/events").json()["items"] == []
    refused = flex.post("/api/v1/events?dryRun=true", json=body())
    assert (refused.status_code, refused.json()["code"]) == (409, "NO_AUDIENCE")


def test_events_are_filtered(flex: Flex, portfolio: tuple[str, list[str]]) -> None:
    draft, open_ = create(flex)["uuid"], scheduled(flex, portfolio[0])["uuid"]

    def listed(**query: str) -> set[str]:
        return {each["uuid"] for each in flex.get("/api/v1/events", params=query).json()["items"]}

    assert listed() == {draft, open_}
    assert listed(status="DRAFT") == {draft}
    assert listed(portfolioUUID=portfolio[0]) == {open_}
    assert listed(schemeUUID=str(uuid4())) == set()
    assert listed(to=stamp(START)) == set()
    assert listed(**{"from": stamp(START), "to": stamp(START + timedelta(minutes=30))}) == {draft, open_}
    assert flex.get("/api/v1/events", params={"status": "OVER"}).status_code == 400
    assert flex.get("/api/v1/events", params={"pageSize": 1001}).status_code == 400


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"startDateTime": "tomorrow"}, "startDateTime"),
        ({"type": "TURN_LEFT"}, "type"),
        ({"incentive": "much"}, "incentive"),
        ({"incentive": -1}, "incentive"),
        ({"endDateTime": stamp(START)}, "endDateTime"),
        ({"eligibility": {"colour": "red"}}, "eligibility.colour"),
        ({"terms": {"floor": "GROUND"}}, "terms.floor"),
        ({"status": "STARTED"}, "status"),
    ],
)
def test_a_wrong_body_names_the_member_that_is_wrong(flex: Flex, wrong: dict[str, Any], told: str) -> None:
    answer = flex.post("/api/v1/events", json=body(**wrong))
    assert answer.status_code == 400
    assert any(told in sentence for sentence in answer.json()["message"]), answer.text


def test_another_tenants_events_are_not_there(flex: Flex, portfolio: tuple[str, list[str]]) -> None:
    uuid = scheduled(flex, portfolio[0])["uuid"]
    other = flex.of_tenant("elsewhere")
    assert other.get("/api/v1/events").json()["items"] == []
    for method, path, sent in (
        ("GET", "", None),
        ("PATCH", "", {"name": "mine"}),
        ("POST", "/cancel", None),
        ("GET", "/portfolios", None),
        ("POST", "/portfolios", []),
        ("GET", "/assets", None),
        ("POST", "/asset-optin", words("OPT_IN", portfolio[1][0])),
    ):
        for unknown in (uuid, str(uuid4())):
            answer = other.call(method, f"/api/v1/events/{unknown}{path}", json=sent)
            assert (answer.status_code, answer.json()["code"]) == (404, "UNKNOWN_EVENT"), path
    theirs = other.post("/api/v1/events", json=body(portfolioUUIDs=[portfolio[0]]))
    assert (theirs.status_code, theirs.json()["code"]) == (404, "UNKNOWN_PORTFOLIO")


def test_the_clock_of_jobs_starts_and_ends_it(
    flex: Flex, portfolio: tuple[str, list[str]], run_jobs: Callable[[], None]
) -> None:
    uuid = scheduled(flex, portfolio[0])["uuid"]
    assert flex.get(f"/api/v1/events/{uuid}").json()["statsState"] == "NONE"
    with flex.database.transaction() as db:
        db.execute(text("UPDATE flex_event SET starts_at = starts_at - interval '4 days'"))
        db.execute(text("UPDATE flex_event SET ends_at = ends_at - interval '4 days'"))
        clock.sweep(db, datetime.now(UTC))
    run_jobs()
    ended = flex.get(f"/api/v1/events/{uuid}").json()
    assert ended["status"] == "ENDED"
    late = flex.post(f"/api/v1/events/{uuid}/asset-optin", json=words("OPT_IN", portfolio[1][0]))
    assert (late.status_code, late.json()["code"]) == (409, "EVENT_OVER")
