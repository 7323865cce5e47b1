"""Curves that are filed a day ahead, and an event that is settled by them."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from tests.flexibility.runs.conftest import AFTER, EVENT_DAY, STARTS, Fleet

from energygrid.access import tenants
from energygrid.access.audit import SYSTEM
from energygrid.errors import Conflict, DomainError, Invalid, NotFound
from energygrid.flexibility.events import nominations
from energygrid.flexibility.events.event import Event
from energygrid.flexibility.events.nominations import Filing
from energygrid.flexibility.runs import explaining, verifying
from energygrid.flexibility.runs.queries import results

NOON = STARTS.replace(hour=12) - timedelta(days=1)
NOMINATED = {"ruleSets": ["NOMINATED"]}


def _file(fleet: Fleet, event: Event, curves: Mapping[UUID, list[str]], now: datetime = NOON) -> Filing:
    given = {asset: [Decimal(value) for value in values] for asset, values in curves.items()}
    return nominations.file(fleet.db, fleet.tenant, event.uuid, given, who=SYSTEM, now=now)


def _settle(fleet: Fleet, event: Event) -> dict[int, Any]:
    """Statements by the number of the asset."""
    fleet.db.execute(
        text("UPDATE flex_event SET status = 'ENDED', stats_state = 'PENDING' WHERE uuid = :uuid"),
        {"uuid": event.uuid},
    )
    fleet.run(fleet.find(event.uuid))
    found = results.of_assets(fleet.db, fleet.tenant.id, event.uuid, "SETTLEMENT", [UUID(int=n) for n in range(1, 9)])
    return {each.asset_uuid.int: each for each in found}


def _scheduled(fleet: Fleet, count: int = 3, **terms: Any) -> tuple[Event, list[UUID]]:
    assets = fleet.add(count)
    fleet.write(assets, [EVENT_DAY])
    return fleet.event(assets, status="SCHEDULED", terms=NOMINATED | terms), assets


def test_an_event_is_settled_by_the_curves_that_were_filed(fleet: Fleet) -> None:
    """Metered are 0.4272 and 0.4328. The first saves 0.2 - 0.0028 floored; the second in both; the third filed none."""
    event, (one, two, _) = _scheduled(fleet)
    assert _file(fleet, event, {one: ["0.6272", "0.43"], two: ["0.5", "0.6"]}) == Filing(2, 0, NOON)
    found = _settle(fleet, event)
    assert [(each.baseline, each.delivered) for each in found.values()] == [
        (1_057_200, 200_000),
        (1_100_000, 72_800 + 167_200),
        (None, 0),
    ]
    assert [each.amount for each in found.values()] == [Decimal("0.45"), Decimal("0.54"), Decimal("0.00")]
    assert {each.state for each in found.values()} == {"PROCESSED"}
    assert [json.loads(each.evidence)["nomination"] for each in found.values()] == [1, 1, 0]


def test_a_curve_after_the_deadline_is_refused_and_changes_nothing(fleet: Fleet) -> None:
    event, (asset, *_) = _scheduled(fleet)
    _file(fleet, event, {asset: ["0.5", "0.5"]})
    with pytest.raises(Conflict, match=r"until 2026-01-14T12:00:00\+00:00") as refused:
        _file(fleet, event, {asset: ["0.9", "0.9"]}, NOON + timedelta(seconds=1))
    assert refused.value.code == "NOMINATED_LATE"
    assert _settle(fleet, event)[1].baseline == 1_000_000


def test_the_terms_may_name_another_deadline(fleet: Fleet) -> None:
    event, (asset, *_) = _scheduled(fleet, nominationDeadline="17:30")
    late = NOON + timedelta(hours=5, minutes=30)
    assert _file(fleet, event, {asset: ["0.5", "0.5"]}, late).deadline == late


def test_the_last_curve_counts_and_the_same_again_is_no_new_one(fleet: Fleet) -> None:
    event, (asset, *_) = _scheduled(fleet)
    _file(fleet, event, {asset: ["0.5", "0.5"]}, NOON - timedelta(hours=2))
    _file(fleet, event, {asset: ["0.7", "0.5"]}, NOON - timedelta(hours=1))
    assert _file(fleet, event, {asset: ["0.700", "0.50"]})[:2] == (0, 1)
    (shown,), total = nominations.page(fleet.db, fleet.tenant, event.uuid, offset=0, limit=10)
    assert (shown.revision, shown.filed_at, shown.counts, total) == (2, NOON - timedelta(hours=1), True, 1)
    assert shown.values == [Decimal("0.7"), Decimal("0.5")]
    assert _settle(fleet, event)[1].baseline == 1_200_000


def test_a_curve_is_of_the_times_it_was_filed_for(fleet: Fleet) -> None:
    event, (asset, *_) = _scheduled(fleet)
    _file(fleet, event, {asset: ["0.5", "0.5"]})
    fleet.db.execute(
        text("UPDATE flex_event SET starts_at = starts_at - interval '1 hour', ends_at = ends_at - interval '1 hour'")
    )
    (shown,), _ = nominations.page(fleet.db, fleet.tenant, event.uuid, offset=0, limit=10)
    assert not shown.counts
    assert _settle(fleet, event)[1].baseline is None


def test_a_deadline_that_moves_counts_the_curves_filed_until_then(fleet: Fleet) -> None:
    event, (early, late, _) = _scheduled(fleet)
    _file(fleet, event, {early: ["0.5", "0.5"]}, NOON - timedelta(hours=2))
    _file(fleet, event, {early: ["0.9", "0.9"], late: ["0.9", "0.9"]}, NOON)
    terms = '{"ruleSets": ["NOMINATED"], "nominationDeadline": "10:00"}'
    fleet.db.execute(text("UPDATE flex_event SET terms = CAST(:terms AS jsonb)"), {"terms": terms})
    shown, _ = nominations.page(fleet.db, fleet.tenant, event.uuid, offset=0, limit=10)
    assert [each.counts for each in shown] == [False, False]
    assert [each.baseline for each in _settle(fleet, event).values()] == [1_000_000, None, None]


def test_filing_publishes_the_baselines_anew(fleet: Fleet) -> None:
    """Also where the curve has another shape and the same sum."""
    event, (asset, *_) = _scheduled(fleet)
    for hour, values in enumerate((["0.5", "0.5"], ["0.4", "0.6"])):
        _file(fleet, event, {asset: values}, NOON - timedelta(hours=3 - hour))
        fleet.run(event, NOON)
        (found,) = results.of_assets(fleet.db, fleet.tenant.id, event.uuid, "BASELINE", [asset])
        assert found.baseline == 1_000_000
        assert json.loads(found.evidence)["nomination"] == hour + 1
    (explained,) = explaining.explain(fleet.db, fleet.tenant, event.uuid, asset)
    assert explained["nominationRevision"] == 2
    assert explained["flows"]["import"]["unadjustedKwh"] == [0.4, 0.6]


def test_a_settlement_by_curves_can_be_verified_and_a_changed_curve_is_found(fleet: Fleet) -> None:
    event, assets = _scheduled(fleet)
    _file(fleet, event, {asset: ["0.5", "0.5"] for asset in assets[:2]}, NOON - timedelta(hours=1))
    fleet.run(event, NOON)
    _file(fleet, event, {assets[0]: ["0.6", "0.6"]})
    _settle(fleet, event)

    def faults() -> list[UUID | None]:
        found = verifying.verify(fleet.db, fleet.tenant, event.uuid)
        return [each.asset for one in found for each in one.faults if one.kind == "SETTLEMENT"]

    assert faults() == []
    fleet.db.execute(text("UPDATE flex_nomination SET micro_kwh = '{500000,900000}' WHERE revision = 2"))
    assert faults() == [assets[0]]


def test_what_cannot_be_filed_says_why(fleet: Fleet) -> None:
    event, (asset, *_) = _scheduled(fleet)
    plain = fleet.event([], status="SCHEDULED", number=2)
    gone = fleet.event([], status="CANCELLED", number=3, terms=NOMINATED)
    refused: list[tuple[Event, UUID, list[str], type[DomainError], str]] = [
        (event, asset, ["0.5"], Invalid, "2 values are needed"),
        (event, asset, ["0.5", "-0.1"], Invalid, "from 0 to"),
        (event, asset, ["0.5", "NaN"], Invalid, "from 0 to"),
        (event, asset, ["0.5", "0.0000001"], Invalid, "six decimals"),
        (event, UUID(int=99), ["0.5", "0.5"], NotFound, "there is no asset"),
        (plain, asset, ["0.5", "0.5"], Conflict, "name NOMINATED"),
        (gone, asset, ["0.5", "0.5"], Conflict, "CANCELLED"),
    ]
    for about, whose, values, kind, words in refused:
        with pytest.raises(kind, match=words):
            _file(fleet, about, {whose: values})
    other = tenants.create_tenant(fleet.db, "elsewhere", environment="production", now=AFTER)
    with pytest.raises(NotFound, match="no such event"):
        _file(replace(fleet, tenant=other), event, {asset: ["0.5", "0.5"]})
    assert nominations.page(fleet.db, fleet.tenant, event.uuid, offset=0, limit=10) == ([], 0)
