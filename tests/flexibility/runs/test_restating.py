"""Late and corrected readings: exactly what they have a part in is computed again."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text
from tests.flexibility.runs.conftest import AFTER, BEFORE, ENDS, EVENT_DAY, STARTS, Fleet, kwh

from energygrid.flexibility import runs
from energygrid.flexibility.runs.basis import RunKind
from energygrid.flexibility.runs.queries import results
from energygrid.flexibility.runs.queries import runs as run_queries
from energygrid.metering.readings import Flow

LATER = AFTER + timedelta(hours=1)


def _revisions(fleet: Fleet, event: UUID, assets: Sequence[UUID], kind: str = "SETTLEMENT") -> list[int]:
    return [each.revision for each in results.of_assets(fleet.db, fleet.tenant.id, event, kind, assets)]


def _ready(db: Connection) -> list[int]:
    rows = db.execute(text("SELECT data FROM outbox_event WHERE type = 'EVENT.STATS_READY' ORDER BY ctid"))
    return [row.data["revision"] for row in rows]


@pytest.fixture
def settled(fleet: Fleet, history: list[date]) -> tuple[Fleet, UUID, list[UUID]]:
    """Three assets; 6 January, 1 December (long ago) and 11 January (a Sunday) are worth correcting."""
    assets = fleet.add(3)
    fleet.write(assets, [*history, EVENT_DAY])
    event = fleet.event(assets)
    fleet.run(event)
    fleet.restate(AFTER)
    return fleet, event.uuid, assets


def _corrected(fleet: Fleet, assets: Sequence[UUID], day: date, flow: Flow = Flow.DELIVERED) -> None:
    fleet.write(assets, [day], slots=[34], value=lambda d, s: kwh(d, s) + 0.1, now=LATER, flow=flow)
    fleet.restate(LATER)


def test_a_corrected_reference_day_restates_its_asset_alone(settled: tuple[Fleet, UUID, list[UUID]]) -> None:
    fleet, event, assets = settled
    _corrected(fleet, assets[1:2], date(2026, 1, 6))
    assert _revisions(fleet, event, assets) == [1, 2, 1]
    assert _ready(fleet.db) == [1, 2]
    assert fleet.find(event).stats_revision == 2


@pytest.mark.parametrize("day", [date(2025, 12, 1), date(2026, 1, 11)], ids=["not needed", "another type of day"])
def test_a_day_without_a_part_restates_nothing(settled: tuple[Fleet, UUID, list[UUID]], day: date) -> None:
    fleet, event, assets = settled
    _corrected(fleet, assets, day)
    assert _revisions(fleet, event, assets) == [1, 1, 1]
    assert _ready(fleet.db) == [1]


def test_the_same_readings_again_tell_nobody(settled: tuple[Fleet, UUID, list[UUID]]) -> None:
    fleet, event, assets = settled
    fleet.write(assets, [date(2026, 1, 6), EVENT_DAY], now=LATER)
    fleet.restate(LATER)
    assert _revisions(fleet, event, assets) == [1, 1, 1]
    assert _ready(fleet.db) == [1]


def test_a_change_that_moves_no_figure_makes_no_revision(settled: tuple[Fleet, UUID, list[UUID]]) -> None:
    """A half-hour of the night of a reference day was never looked at."""
    fleet, event, assets = settled
    fleet.write(assets, [date(2026, 1, 6)], slots=[3], value=lambda *_: 9.0, now=LATER)
    fleet.restate(LATER)
    assert _revisions(fleet, event, assets) == [1, 1, 1]
    assert _ready(fleet.db) == [1]


def test_an_asset_waits_for_its_readings_and_is_settled_when_they_come(fleet: Fleet, history: list[date]) -> None:
    assets = fleet.add(2)
    fleet.write(assets, history)
    fleet.write(assets[:1], [EVENT_DAY])
    event = fleet.event(assets)
    fleet.run(event)
    states = [each.state for each in results.of_assets(fleet.db, fleet.tenant.id, event.uuid, "SETTLEMENT", assets)]
    assert states == ["PROCESSED", "PENDING"]
    fleet.write(assets[1:], [EVENT_DAY], now=LATER)
    fleet.restate(LATER)
    found = results.of_assets(fleet.db, fleet.tenant.id, event.uuid, "SETTLEMENT", assets)
    assert [each.state for each in found] == ["PROCESSED", "PROCESSED"]
    assert found[0].delivered == found[1].delivered > 0


def test_after_the_deadline_what_is_missing_counts_as_nothing_for_good(fleet: Fleet, history: list[date]) -> None:
    assets = fleet.add(2)
    fleet.write(assets, history)
    fleet.write(assets[:1], [EVENT_DAY])
    event = fleet.event(assets, terms={"deadlineDays": 5})
    fleet.run(event)
    runs.close_due(fleet.db, fleet.tenant, ENDS + timedelta(days=5, seconds=-1))
    assert _ready(fleet.db) == [1]
    closed = ENDS + timedelta(days=5)
    runs.close_due(fleet.db, fleet.tenant, closed)
    found = results.of_assets(fleet.db, fleet.tenant.id, event.uuid, "SETTLEMENT", assets)
    assert [(each.state, each.delivered > 0) for each in found] == [("PROCESSED", True), ("EXPIRED", False)]
    fleet.write(assets, [EVENT_DAY], value=lambda *_: 0.0, now=closed)
    fleet.restate(closed)
    runs.close_due(fleet.db, fleet.tenant, closed)
    assert results.of_assets(fleet.db, fleet.tenant.id, event.uuid, "SETTLEMENT", assets) == found
    assert _ready(fleet.db) == [1, 2]


def test_published_baselines_follow_until_the_event_begins_and_are_frozen_then(
    fleet: Fleet, history: list[date]
) -> None:
    assets = fleet.add(1)
    fleet.write(assets, history[:-1])
    event = fleet.event(assets, status="SCHEDULED")
    fleet.run(event, BEFORE)
    fleet.write(assets, history[-1:], value=lambda *_: 3.0, now=BEFORE)
    fleet.restate(BEFORE)
    assert _revisions(fleet, event.uuid, assets, "BASELINE") == [2]
    fleet.write(assets, [date(2026, 1, 6)], value=lambda *_: 3.0, now=STARTS)
    fleet.restate(STARTS)
    assert _revisions(fleet, event.uuid, assets, "BASELINE") == [2]


def test_the_first_export_of_an_asset_is_taken_up(settled: tuple[Fleet, UUID, list[UUID]]) -> None:
    fleet, event, assets = settled
    _corrected(fleet, assets[:1], date(2025, 12, 1), Flow.RECEIVED)
    found = results.of_assets(fleet.db, fleet.tenant.id, event, "SETTLEMENT", assets)
    assert found[0].days.count("1") > found[1].days.count("1")


def test_what_arrives_during_a_calculation_is_not_lost(fleet: Fleet, history: list[date]) -> None:
    assets = fleet.add(4)
    fleet.write(assets, [*history, EVENT_DAY])
    event = fleet.event(assets)
    runs.start(fleet.db, fleet.tenant, event, AFTER)
    runs.run_part(fleet.db, fleet.tenant, event.uuid, RunKind.SETTLEMENT, 1, 0, AFTER)
    _corrected(fleet, assets, date(2026, 1, 6))
    assert _revisions(fleet, event.uuid, assets) == [1, 1]
    runs.run_part(fleet.db, fleet.tenant, event.uuid, RunKind.SETTLEMENT, 1, 1, LATER)
    fleet.restate(LATER)
    assert _revisions(fleet, event.uuid, assets) == [2, 2, 1, 1]
    figures = {
        each.figures() for each in results.of_assets(fleet.db, fleet.tenant.id, event.uuid, "SETTLEMENT", assets)
    }
    assert len(figures) == 1


@contextmanager
def _undone(db: Connection) -> Iterator[None]:
    point = db.begin_nested()
    yield
    point.rollback()


DAYS = [date(2026, 1, day) for day in (5, 6, 7, 12, 14)] + [EVENT_DAY]
Pieces = st.permutations([(day, asset) for day in DAYS for asset in (0, 1)])


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=Pieces, cuts=st.sets(st.integers(1, 11), max_size=4), runs_at=st.integers(0, 4))
def test_any_order_and_batching_of_readings_ends_in_what_a_clean_run_computes(
    fleet: Fleet, history: list[date], order: list[tuple[date, int]], cuts: set[int], runs_at: int
) -> None:
    """Also where a reading was wrong first, whenever the event is settled in between, and to the bit."""

    def ended(late: bool) -> list[tuple[object, ...]]:
        with _undone(fleet.db):
            assets = fleet.add(2)
            fleet.write(assets, [day for day in history if day not in DAYS])
            bounds = [0, *sorted(cuts), len(order)] if late else [0, len(order)]
            event = None
            for number, (start, end) in enumerate(pairwise(bounds)):
                at = AFTER + timedelta(minutes=number)
                if late and number == min(runs_at, len(bounds) - 2):
                    event = fleet.event(assets)
                    fleet.run(event, at)
                for day, asset in order[start:end]:
                    if late and asset:
                        fleet.write([assets[asset]], [day], value=lambda *_: 7.5, now=at)
                        fleet.restate(at)
                    fleet.write([assets[asset]], [day], now=at + timedelta(seconds=1))
                fleet.restate(at + timedelta(seconds=2))
            if event is None:
                event = fleet.event(assets)
                fleet.run(event, AFTER)
            found = results.of_assets(fleet.db, fleet.tenant.id, event.uuid, "SETTLEMENT", assets)
            run = run_queries.newest_run(fleet.db, fleet.tenant.id, event.uuid, RunKind.SETTLEMENT)
            assert run is not None
            figures = [each.figures() for each in found]
            return [*figures, (run.totals,)]

    assert ended(late=True) == ended(late=False)
