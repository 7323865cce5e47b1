"""Runs of a small fleet, from readings to published totals."""

import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import Connection, text
from tests.flexibility.runs.conftest import AFTER, BEFORE, EVENT_DAY, STARTS, Fleet

from energygrid.errors import Invalid
from energygrid.flexibility import runs
from energygrid.flexibility.runs.basis import RunKind
from energygrid.flexibility.runs.queries import results
from energygrid.flexibility.runs.queries import runs as run_queries
from energygrid.flexibility.runs.statement import Statement
from energygrid.metering.readings import Flow


def _statements(fleet: Fleet, event: UUID, assets: list[UUID], kind: str = "SETTLEMENT") -> list[Statement]:
    return results.of_assets(fleet.db, fleet.tenant.id, event, kind, assets)


def _told(db: Connection) -> list[tuple[str, int | None]]:
    rows = db.execute(text("SELECT type, data FROM outbox_event WHERE surface = 'flex' ORDER BY recorded_at, ctid"))
    return [(row.type, row.data.get("revision")) for row in rows]


def test_the_golden_vector_is_settled_to_the_millionth(fleet: Fleet, history: list[date]) -> None:
    (asset,) = assets = fleet.add(1)
    fleet.write(assets, [*history, EVENT_DAY])
    fleet.event(assets, number=9, starts_at=STARTS - timedelta(days=2))
    event = fleet.event(assets, terms={"ruleSets": ["BL01_NO_IDA", "BL01", "CAISO_10_OF_10"]})
    fleet.run(event)
    found = {each.method: each for each in _statements(fleet, event.uuid, assets)}
    assert found["BL01_NO_IDA"].baseline == 598_000 + 603_000
    assert found["BL01"].baseline == 597_100 + 602_100
    assert found["CAISO_10_OF_10"].baseline == 596_450 + 601_437
    assert found["BL01"].actual == 427_200 + 432_800
    assert (found["BL01_NO_IDA"].delivered, found["BL01"].delivered) == (341_000, 339_200)
    assert found["BL01"].amount == Decimal("0.76")
    proof = json.loads(found["BL01"].evidence)
    letters = proof["import"]["days"]["2026-01-15"]
    first = date.fromisoformat(proof["firstDay"])
    picked = [first + timedelta(days=at) for at, letter in enumerate(letters) if letter == "P"]
    assert [f"{day:%d %b}" for day in picked] == (
        ["30 Dec", "31 Dec", "02 Jan", "05 Jan", "06 Jan", "07 Jan", "08 Jan", "09 Jan", "12 Jan", "14 Jan"]
    )
    assert letters[(date(2026, 1, 13) - first).days] == "E"
    assert asset == found["BL01"].asset_uuid


def test_the_last_part_publishes_once(fleet: Fleet, history: list[date]) -> None:
    assets = fleet.add(5)
    fleet.write(assets, [*history, EVENT_DAY])
    event = fleet.event(assets)
    runs.start(fleet.db, fleet.tenant, event, AFTER)
    order = [2, 0, 1, 1, 0, 2]
    states = []
    for part in order:
        runs.run_part(fleet.db, fleet.tenant, event.uuid, RunKind.SETTLEMENT, 1, part, AFTER)
        states.append(fleet.find(event.uuid).stats_state)
    assert states == ["CALCULATING"] * 2 + ["READY"] * 4
    assert fleet.find(event.uuid).stats_revision == 1
    assert _told(fleet.db) == [("EVENT.STATS_CALCULATION_STARTED", None), ("EVENT.STATS_READY", 1)]
    assert len(_statements(fleet, event.uuid, assets)) == 5


def test_a_part_computes_what_the_whole_fleet_would(fleet: Fleet, history: list[date]) -> None:
    assets = fleet.add(5)
    for asset in assets:
        fleet.write([asset], [*history, EVENT_DAY], value=lambda _, s, n=asset.int: round(n * 0.1 + (s % 5) * 0.03, 3))
    one, two = fleet.event(assets, number=1), fleet.event(assets[2:3], number=2)
    fleet.run(one)
    fleet.run(two)
    whole, alone = _statements(fleet, one.uuid, assets)[2], _statements(fleet, two.uuid, assets)[0]
    assert whole.figures() == alone.figures()


def test_the_sum_of_assets_is_more_than_the_portfolio_when_one_used_more(fleet: Fleet, history: list[date]) -> None:
    saver, spender = assets = fleet.add(2)
    fleet.write(assets, history, value=lambda *_: 0.5)
    fleet.write([saver], [EVENT_DAY], value=lambda _, slot: 0.2 if slot in (34, 35) else 0.5)
    fleet.write([spender], [EVENT_DAY], value=lambda _, slot: 0.6 if slot in (34, 35) else 0.5)
    event = fleet.event(assets)
    fleet.run(event)
    run = run_queries.newest_run(fleet.db, fleet.tenant.id, event.uuid, RunKind.SETTLEMENT)
    assert run is not None
    assert run.totals is not None
    totals = run.totals["BL01"]
    assert totals["sumOfAssets"] == {"kwh": "0.600000", "amount": "1.35"}
    assert totals["atPortfolio"] == {"kwh": "0.400000", "amount": "0.90"}
    assert (totals["processed"], totals["participated"], totals["highUsage"]) == (2, 1, 1)


def test_baselines_are_published_unadjusted_before_the_event(fleet: Fleet, history: list[date]) -> None:
    (asset,) = assets = fleet.add(1)
    fleet.write(assets, history)
    fleet.event(assets, number=9, starts_at=STARTS - timedelta(days=2))
    event = fleet.event(assets, status="SCHEDULED")
    fleet.run(event, BEFORE)
    (static,) = _statements(fleet, event.uuid, [asset], "BASELINE")
    assert (static.baseline, static.actual, static.state) == (598_000 + 603_000, None, "PROCESSED")
    assert fleet.find(event.uuid).baselines_revision == 1
    assert _told(fleet.db) == [("EVENT.BASELINES_READY", 1)]


def test_export_counts_by_itself_or_as_part_of_the_net(fleet: Fleet, history: list[date]) -> None:
    assets = fleet.add(1)
    fleet.write(assets, [*history, EVENT_DAY], value=lambda *_: 0.5)
    fleet.write(assets, history, value=lambda *_: 0.1, flow=Flow.RECEIVED)
    fleet.write(assets, [EVENT_DAY], value=lambda _, s: 0.3 if s in (34, 35) else 0.1, flow=Flow.RECEIVED)
    found = {}
    for number, metering in enumerate(("IMPORT", "SEPARATE", "NET")):
        event = fleet.event(assets, terms={"metering": metering, "ruleSets": ["BL01_NO_IDA"]}, number=number)
        fleet.run(event)
        (found[metering],) = _statements(fleet, event.uuid, assets)
    assert [each.delivered for each in found.values()] == [0, 400_000, 400_000]
    assert (found["IMPORT"].export_baseline, found["IMPORT"].export_actual) == (200_000, 600_000)


def test_an_event_of_a_summer_evening_is_read_by_the_clock_on_the_wall(fleet: Fleet) -> None:
    """In BST a local day begins at 23:00 UTC of the day before: each reading still counts in its own half-hour."""
    assets = fleet.add(1)
    first = date(2026, 5, 1)
    days = [first + timedelta(days=number) for number in range(64)]
    fleet.write(assets, days, value=lambda _, slot: 0.9 if slot == 32 else 0.1)  # 16:00 UTC = 17:00 BST
    starts = datetime(2026, 7, 1, 16, tzinfo=STARTS.tzinfo)
    event = fleet.event(assets, starts_at=starts, terms={"ruleSets": ["BL01_NO_IDA"]})
    fleet.run(event, starts + timedelta(days=2))
    (found,) = _statements(fleet, event.uuid, assets)
    assert (found.baseline, found.actual) == (1_000_000, 1_000_000)


def test_an_event_without_assets_is_ready_at_once(fleet: Fleet) -> None:
    event = fleet.event([])
    runs.start(fleet.db, fleet.tenant, event, AFTER)
    assert fleet.find(event.uuid).stats_state == "READY"


def test_a_rule_set_that_needs_a_group_of_its_own_is_refused(fleet: Fleet) -> None:
    event = fleet.event([], status="SCHEDULED", terms={"ruleSets": ["CONTROL_GROUP"]})
    with pytest.raises(Invalid, match="CONTROL_GROUP needs controls: name a controlShare"):
        runs.start(fleet.db, fleet.tenant, event, BEFORE)


def test_a_fixed_curve_is_every_assets_baseline(fleet: Fleet) -> None:
    assets = fleet.add(3)
    fleet.write(assets, [EVENT_DAY])
    event = fleet.event(assets, terms={"ruleSets": ["FIXED"], "fixedKwh": [0.6, 0.5]})
    fleet.run(event)
    found = _statements(fleet, event.uuid, assets)
    # metered: 0.4272 and 0.4328
    assert [(each.baseline, each.actual, each.delivered) for each in found] == [(1_100_000, 860_000, 240_000)] * 3
    assert {each.amount for each in found} == {Decimal("0.54")}


def test_a_fixed_curve_is_one_of_import_and_says_nothing_of_export(fleet: Fleet) -> None:
    assets = fleet.add(1)
    fleet.write(assets, [EVENT_DAY])
    fleet.write(assets, [EVENT_DAY], value=lambda *_: 0.1, flow=Flow.RECEIVED)
    event = fleet.event(assets, terms={"ruleSets": ["FIXED"], "fixedKwh": [0.6, 0.5]})
    fleet.run(event)
    (found,) = _statements(fleet, event.uuid, assets)
    assert (found.baseline, found.export_baseline, found.export_actual) == (1_100_000, None, 200_000)


def test_other_times_replace_the_baselines_and_what_left_is_gone(fleet: Fleet, history: list[date]) -> None:
    assets = fleet.add(2)
    fleet.write(assets, history)
    event = fleet.event(assets, status="SCHEDULED")
    fleet.run(event, BEFORE)
    fleet.db.execute(
        text("UPDATE flex_event SET ends_at = ends_at + interval '30 minutes' WHERE uuid = :uuid"), {"uuid": event.uuid}
    )
    fleet.db.execute(
        text("UPDATE flex_event_asset SET state = 'OPT_OUT' WHERE asset_uuid = :asset"), {"asset": assets[1]}
    )
    fleet.run(fleet.find(event.uuid), BEFORE + timedelta(hours=1))
    (left,) = _statements(fleet, event.uuid, assets, "BASELINE")
    assert (left.asset_uuid, left.revision) == (assets[0], 2)
    kept = results.as_of(fleet.db, fleet.tenant.id, event.uuid, "BASELINE", assets, BEFORE)
    assert [each.revision for each in kept] == [1, 1]
