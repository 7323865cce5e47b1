"""Consents: what is behind every opt-in, and what a withdrawal stops. contracts/flexibility.md 1.7, row 34."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from energygrid.flexibility.registry import consents

from .conftest import Flex
from .test_assets import MPANS, create
from .test_events import scheduled, words
from .test_schemes import make, opt, ready, states

AT = 1768496400


def give(flex: Flex, asset: str, expect: int = 201, **more: Any) -> dict[str, Any]:
    body = {"userId": "anna", "assetUUID": asset, "scope": "METER_DATA"} | more
    answer = flex.post("/api/v1/consents", json=body)
    assert answer.status_code == expect, answer.text
    found: dict[str, Any] = answer.json()
    return found


def take_back(flex: Flex, uuid: str) -> dict[str, Any]:
    answer = flex.call("DELETE", f"/api/v1/consents/{uuid}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def send(flex: Flex, asset: str, value: float) -> list[str]:
    """Reasons of what was rejected."""
    record = {"assetUUID": asset, "timestamp": AT, "value": value}
    return [each["reason"] for each in flex.post("/api/v1/energy-consumption", json=[record]).json()["rejected"]]


def withdrawn(flex: Flex, asset: str) -> bool:
    return UUID(asset) in flex.database.read(consents.meter_data_withdrawn, flex.tenant, [UUID(asset)])


def test_a_consent_is_given_read_and_withdrawn_and_stays_on_record(flex: Flex) -> None:
    asset = create(flex, "meter-1")["uuid"]
    given = give(flex, asset, evidence={"form": "4711"}, grantedAt="2026-01-05T09:00:00Z", source="IMPORT")
    assert (given["status"], given["withdrawnAt"], given["source"]) == ("GRANTED", None, "IMPORT")
    assert (given["grantedAt"], given["evidence"]) == ("2026-01-05T09:00:00.000Z", {"form": "4711"})
    assert flex.get(f"/api/v1/consents/{given['uuid']}").json() == given
    ended = take_back(flex, given["uuid"])
    assert (ended["status"], ended["withdrawnAt"] is not None) == ("WITHDRAWN", True)
    assert take_back(flex, given["uuid"]) == ended
    assert flex.get("/api/v1/consents").json()["items"] == [ended]


def test_giving_what_stands_changes_nothing(flex: Flex) -> None:
    asset = create(flex, "meter-1")["uuid"]
    assert give(flex, asset) == give(flex, asset)


def test_from_a_withdrawal_of_meter_data_on_readings_are_refused_until_it_is_given_again(
    flex: Flex, run_jobs: Callable[[], None]
) -> None:
    asset, scheme = create(flex, MPANS[0])["uuid"], make(flex)
    opt(flex, scheme, "OPT_IN", asset)
    run_jobs()
    given = give(flex, asset)
    assert send(flex, asset, 0.5) == []
    assert (ready(flex, scheme), withdrawn(flex, asset)) == ([UUID(asset)], False)
    take_back(flex, given["uuid"])
    (reason,) = send(flex, asset, 0.75)
    assert reason.startswith("CONSENT_WITHDRAWN (403)")
    assert (ready(flex, scheme), withdrawn(flex, asset)) == ([], True)
    kept = flex.get(f"/api/v1/assets/{asset}/energy-consumption", params={"from": AT, "to": AT + 1800}).json()["items"]
    assert [each["value"] for each in kept] == [0.5]
    give(flex, asset)
    assert send(flex, asset, 0.75) == []
    assert (ready(flex, scheme), withdrawn(flex, asset)) == ([UUID(asset)], False)


def test_a_refusal_needs_no_consent_before(flex: Flex) -> None:
    asset = create(flex, "meter-1")["uuid"]
    refused = give(flex, asset, status="WITHDRAWN")
    assert refused["status"] == "WITHDRAWN"
    assert len(send(flex, asset, 0.5)) == 1
    again = give(flex, asset, status="WITHDRAWN")
    assert again["status"] == "WITHDRAWN"
    give(flex, asset)
    assert send(flex, asset, 0.5) == []
    give(flex, asset, status="WITHDRAWN")
    assert len(send(flex, asset, 0.5)) == 1


def test_a_consent_to_a_scheme_is_the_opt_in(flex: Flex) -> None:
    asset, scheme = create(flex, "meter-1")["uuid"], make(flex)
    given = give(flex, asset, scope="SCHEME", schemeUUID=scheme, evidence={"call": "12"})
    assert states(flex, scheme) == {"meter-1": "OPT_IN"}
    assert given["evidence"] == {"call": "12"}
    take_back(flex, given["uuid"])
    assert states(flex, scheme) == {"meter-1": "OPT_OUT"}
    opt(flex, scheme, "OPT_IN", asset)
    found = flex.get("/api/v1/consents", params={"scope": "SCHEME", "schemeUUID": scheme}).json()["items"]
    assert [each["status"] for each in found] == ["WITHDRAWN", "GRANTED"]
    give(flex, asset, scope="SCHEME", schemeUUID=scheme, status="WITHDRAWN")
    assert states(flex, scheme) == {"meter-1": "OPT_OUT"}


def test_consents_are_listed_by_what_is_asked(flex: Flex) -> None:
    one, other = create(flex, "a")["uuid"], create(flex, "b", userId="bob")["uuid"]
    give(flex, one)
    take_back(flex, give(flex, other, userId="bob")["uuid"])
    for query, expected in (
        ({"userId": "bob"}, {other}),
        ({"assetUUID": one}, {one}),
        ({"status": "GRANTED"}, {one}),
        ({"status": "WITHDRAWN"}, {other}),
        ({"scope": "EVENT"}, set()),
        ({}, {one, other}),
    ):
        found = flex.get("/api/v1/consents", params=query).json()["items"]
        assert {each["assetUUID"] for each in found} == expected, query


@pytest.mark.parametrize(
    ("more", "status", "word"),
    [
        ({"userId": "bob"}, 400, "userId"),
        ({"scope": "SCHEME"}, 400, "schemeUUID"),
        ({"schemeUUID": str(uuid4())}, 400, "schemeUUID"),
        ({"scope": "SCHEME", "schemeUUID": str(uuid4())}, 404, "scheme"),
        ({"scope": "EVENT"}, 400, "eventUUID"),
        ({"scope": "EVENT", "eventUUID": str(uuid4())}, 404, "event"),
        ({"assetUUID": str(uuid4())}, 404, "asset"),
        ({"grantedAt": "2999-01-01T00:00:00Z"}, 400, "grantedAt"),
    ],
)
def test_what_is_wrong_with_a_consent_is_said(flex: Flex, more: dict[str, Any], status: int, word: str) -> None:
    asset = create(flex, "meter-1")["uuid"]
    assert word in str(give(flex, asset, expect=status, **more)["message"])


def test_a_consent_cannot_be_dated_before_a_withdrawal(flex: Flex) -> None:
    asset = create(flex, "meter-1")["uuid"]
    give(flex, asset, status="WITHDRAWN")
    refused = give(flex, asset, expect=400, grantedAt="2026-01-05T09:00:00Z")
    assert "withdrawn" in refused["message"]
    assert len(send(flex, asset, 0.5)) == 1


def test_another_tenants_consent_is_404(flex: Flex) -> None:
    given = give(flex, create(flex, "meter-1")["uuid"])
    other = flex.of_tenant("other")
    for method in ("GET", "DELETE"):
        answer = other.call(method, f"/api/v1/consents/{given['uuid']}")
        assert (answer.status_code, answer.json()["code"]) == (404, "UNKNOWN_CONSENT")
    assert flex.get(f"/api/v1/consents/{given['uuid']}").json()["status"] == "GRANTED"
    assert give(other, given["assetUUID"], expect=404)["code"] == "UNKNOWN_ASSET"


def test_a_consent_to_an_event_is_the_opt_in(flex: Flex) -> None:
    asset = create(flex, "meter-1")["uuid"]
    portfolio = flex.post("/api/v1/portfolios", json={"name": "North"}).json()["uuid"]
    flex.post(f"/api/v1/portfolios/{portfolio}/assets", json=[asset])
    event = scheduled(flex, portfolio)["uuid"]

    def state() -> str:
        (found,) = flex.get(f"/api/v1/events/{event}/assets").json()["items"]
        return str(found["state"])

    given = give(flex, asset, scope="EVENT", eventUUID=event, evidence={"call": "12"})
    assert (given["eventUUID"], given["evidence"], given["status"]) == (event, {"call": "12"}, "GRANTED")
    assert state() == "OPT_IN"
    assert take_back(flex, given["uuid"])["status"] == "WITHDRAWN"
    assert state() == "OPT_OUT"
    flex.post(f"/api/v1/events/{event}/asset-optin", json=words("OPT_IN", asset))
    found = flex.get("/api/v1/consents", params={"eventUUID": event}).json()["items"]
    assert [each["status"] for each in found] == ["WITHDRAWN", "GRANTED"]
    assert flex.get("/api/v1/consents", params={"scope": "SCHEME"}).json()["items"] == []
