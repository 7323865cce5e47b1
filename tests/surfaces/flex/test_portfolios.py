"""Portfolios. contracts/flexibility.md, rows 11 to 13: an asset is in one at most."""

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from .conftest import Flex
from .test_assets import create


@pytest.fixture
def portfolio(flex: Flex) -> str:
    return make(flex, "North")


def make(flex: Flex, name: str) -> str:
    answer = flex.post("/api/v1/portfolios", json={"name": name})
    assert answer.status_code == 201
    return str(answer.json()["uuid"])


def inside(flex: Flex, portfolio: str) -> list[str]:
    answer = flex.get(f"/api/v1/portfolios/{portfolio}/assets")
    return [each["assetId"] for each in answer.json()["items"]]


def told(flex: Flex, type_: str) -> list[dict[str, Any]]:
    statement = text("SELECT data FROM outbox_event WHERE tenant_id = :tenant AND type = :type ORDER BY serial")
    values = {"tenant": flex.tenant.id, "type": type_}
    return flex.database.read(lambda db: list(db.execute(statement, values).scalars()))


def test_a_portfolio_is_made_listed_and_changed(flex: Flex) -> None:
    made = flex.post("/api/v1/portfolios", json={"name": "North", "description": "Homes"}).json()
    assert (made["name"], made["description"], made["status"], made["assetCount"]) == ("North", "Homes", "ACTIVE", 0)
    path = f"/api/v1/portfolios/{made['uuid']}"
    assert flex.get(path).json() == made
    assert flex.get("/api/portfolios").json()["items"] == [made]
    changed = flex.call("PATCH", path, json={"name": "South"}).json()
    assert (changed["name"], changed["description"]) == ("South", "Homes")
    assert flex.call("PATCH", path, json={"description": None}).json()["description"] is None


def test_assets_move_and_each_move_is_told_of_once(flex: Flex, portfolio: str) -> None:
    one, other = create(flex, "a")["uuid"], create(flex, "b")["uuid"]
    south = make(flex, "South")
    first = flex.post(f"/api/v1/portfolios/{portfolio}/assets", json=[one, other])
    assert (first.status_code, set(first.json()["assetUUIDs"])) == (201, {one, other})
    moved = flex.post(f"/api/v1/portfolios/{south}/assets", json={"assetUUIDs": [one, one]})
    assert moved.json() == {"assetUUIDs": [one]}
    again = flex.post(f"/api/v1/portfolios/{south}/assets", json=[one])
    assert again.json() == {"assetUUIDs": []}
    assert (inside(flex, portfolio), inside(flex, south)) == (["b"], ["a"])
    assert flex.get(f"/api/v1/assets/{one}").json()["portfolioUUID"] == south
    messages = told(flex, "PORTFOLIO.ASSETS_ASSIGNED")
    assert [(each["uuid"], set(each["assetUUIDs"])) for each in messages] == [(portfolio, {one, other}), (south, {one})]


def test_taking_out_leaves_what_is_elsewhere(flex: Flex, portfolio: str) -> None:
    one, other = create(flex, "a")["uuid"], create(flex, "b")["uuid"]
    flex.post(f"/api/v1/portfolios/{portfolio}/assets", json=[one])
    answer = flex.call("DELETE", f"/api/v1/portfolios/{portfolio}/assets", json={"assetUUIDs": [one, other]})
    assert (answer.status_code, answer.json()) == (200, {"assetUUIDs": [one]})
    assert inside(flex, portfolio) == []


def test_an_archived_asset_leaves_and_cannot_come_back(flex: Flex, portfolio: str) -> None:
    one = create(flex, "a")["uuid"]
    flex.post(f"/api/v1/portfolios/{portfolio}/assets", json=[one])
    flex.call("DELETE", f"/api/v1/assets/{one}")
    assert flex.get(f"/api/v1/portfolios/{portfolio}").json()["assetCount"] == 0
    answer = flex.post(f"/api/v1/portfolios/{portfolio}/assets", json=[one])
    assert (answer.status_code, answer.json()["code"]) == (409, "ASSET_ARCHIVED")


def test_an_archived_portfolio_lets_its_assets_go_and_takes_none(flex: Flex, portfolio: str) -> None:
    one = create(flex, "a")["uuid"]
    flex.post(f"/api/v1/portfolios/{portfolio}/assets", json=[one])
    archived = flex.call("DELETE", f"/api/v1/portfolios/{portfolio}")
    assert (archived.status_code, archived.json()["status"]) == (200, "ARCHIVED")
    assert flex.get(f"/api/v1/assets/{one}").json()["portfolioUUID"] is None
    assert flex.post(f"/api/v1/portfolios/{portfolio}/assets", json=[one]).json()["code"] == "PORTFOLIO_ARCHIVED"
    assert flex.get("/api/v1/portfolios", params={"status": "ACTIVE"}).json()["items"] == []


def test_all_assets_move_or_none(flex: Flex, portfolio: str) -> None:
    one = create(flex, "a")["uuid"]
    answer = flex.post(f"/api/v1/portfolios/{portfolio}/assets", json=[one, str(uuid4())])
    assert (answer.status_code, answer.json()["code"]) == (404, "UNKNOWN_ASSET")
    assert inside(flex, portfolio) == []


def test_another_tenants_portfolio_and_assets_are_404(flex: Flex, portfolio: str) -> None:
    other = flex.of_tenant("other")
    path = f"/api/v1/portfolios/{portfolio}"
    one = create(flex, "a")["uuid"]
    for method, where, sent in (
        ("GET", path, None),
        ("PATCH", path, {"name": "x"}),
        ("DELETE", path, None),
        ("GET", f"{path}/assets", None),
        ("POST", f"{path}/assets", []),
        ("DELETE", f"{path}/assets", []),
        ("POST", f"/api/v1/portfolios/{make(other, 'Theirs')}/assets", [one]),
    ):
        answer = other.call(method, where, json=sent)
        assert answer.status_code == 404, (method, where)
    assert flex.get(path).json()["status"] == "ACTIVE"
