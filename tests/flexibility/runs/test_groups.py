"""Events that are settled by comparison with assets that were not called."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text
from tests.flexibility.runs.conftest import AFTER, BEFORE, ENDS, EVENT_DAY, STARTS, Fleet, kwh

from energygrid.access.audit import SYSTEM
from energygrid.flexibility import agreements, runs
from energygrid.flexibility.agreements import Word
from energygrid.flexibility.events.event import Event
from energygrid.flexibility.runs import explaining, figures, verifying
from energygrid.flexibility.runs.basis import RunKind
from energygrid.flexibility.runs.queries import results
from energygrid.flexibility.runs.queries import runs as run_queries
from energygrid.flexibility.runs.statement import Statement

LATER = AFTER + timedelta(hours=1)
TERMS = {"ruleSets": ["CONTROL_GROUP", "BL01_NO_IDA"], "controlShare": 0.5, "deadlineDays": 5}
SHIFTS = ((0.05, 0.30), (0.15, 0.10))
"""What the two controls use more than their profile in each half-hour of the event: 0.1 and 0.2 kWh on average."""


def twice(day: date, slot: int) -> float:
    return 2 * kwh(day, slot)


@pytest.fixture
def event(fleet: Fleet, history: list[date]) -> Event:
    """Three called assets, 1 to 3, and two controls of twice their size, 11 and 12, whose event day is yet to come."""
    called, controls = fleet.add(3), fleet.add(2, 11)
    fleet.write(called, [*history, EVENT_DAY])
    fleet.write(controls, history, value=twice)
    fleet.event([*called, *controls], number=9, starts_at=STARTS - timedelta(days=2))
    return fleet.event(called, controls=controls, terms=TERMS)


CALLED, CONTROLS = [UUID(int=number) for number in (1, 2, 3)], [UUID(int=number) for number in (11, 12)]


def _withdraw(fleet: Fleet, asset: UUID, user: str) -> None:
    agreements.give(fleet.db, fleet.tenant, Word(user, asset, "METER_DATA", status="WITHDRAWN"), who=SYSTEM, now=AFTER)


def _metered(fleet: Fleet, control: int, *, more: float = 0.0) -> None:
    shift = dict(zip((34, 35), SHIFTS[control], strict=True))
    usual = {34: 2 * 0.598, 35: 2 * 0.603}
    fleet.write(
        [CONTROLS[control]],
        [EVENT_DAY],
        value=lambda _, slot: round(usual.get(slot, 0.5) + shift.get(slot, 0.0) + more, 6),
        now=LATER + timedelta(hours=more),
    )


def _of(fleet: Fleet, assets: Sequence[UUID], kind: str = "SETTLEMENT") -> dict[tuple[str, int], Statement]:
    found = results.of_assets(fleet.db, fleet.tenant.id, UUID(int=2 * 10**6 + 1), kind, assets)
    return {(each.method, each.asset_uuid.int): each for each in found}


def _caught_up(fleet: Fleet) -> None:
    """As the jobs do: what a finished run finds noted is looked at once more."""
    for _ in range(2):
        fleet.restate(LATER)
        fleet.work(LATER)


def _told(db: Connection) -> list[int]:
    rows = db.execute(text("SELECT data FROM outbox_event WHERE type = 'EVENT.STATS_READY' ORDER BY ctid"))
    return [row.data["revision"] for row in rows]


def _group(fleet: Fleet, event: Event) -> dict[str, object]:
    found = figures.settlements(fleet.db, fleet.tenant, event.uuid)[0].methods["CONTROL_GROUP"]["controlGroup"]
    assert isinstance(found, dict)
    return found


def test_what_controls_used_more_is_added_to_the_size_of_the_asset(fleet: Fleet, event: Event) -> None:
    """By hand: profile 0.598 and 0.603; the controls' 0.1 and 0.2 more, at half their size; metered 0.4272, 0.4328."""
    _metered(fleet, 0)
    _metered(fleet, 1)
    fleet.run(event)
    for asset in (1, 2, 3):
        found = _of(fleet, CALLED)["CONTROL_GROUP", asset]
        assert (found.state, found.baseline, found.actual) == (
            "PROCESSED",
            598_000 + 50_000 + 603_000 + 100_000,
            860_000,
        )
        assert (found.delivered, found.amount) == (491_000, Decimal("1.10"))
        assert _of(fleet, CALLED)["BL01_NO_IDA", asset].delivered == 341_000
    stats = figures.stats(fleet.db, fleet.tenant, event.uuid)
    assert (stats.processed, stats.participated, stats.energy_saved) == (3, 3, Decimal("1.473000"))
    assert _of(fleet, CONTROLS) == {}
    apart = _of(fleet, CONTROLS, "CONTROL")
    assert [(each.method, each.delivered, each.amount) for each in apart.values()] == [("CONTROL_GROUP", 0, 0)] * 2
    assert _group(fleet, event) == {
        "controls": 2,
        "waiting": 0,
        "days": 10,
        "bias": 0.0,
        "biasLow": 0.0,
        "biasHigh": 0.0,
        "valid": False,
        "distance": pytest.approx(1.0286, abs=1e-4),  # the day's root mean square by its mean
    }


def test_controls_are_computed_first_in_parts_of_their_own(fleet: Fleet, event: Event) -> None:
    """With one more control there are two parts; the settlement begins with the last of them, whichever that is."""
    fleet.db.execute(text("UPDATE flex_event_asset SET state = 'INELIGIBLE', reason = 'CONTROL_GROUP: one more' "
                          "WHERE event_uuid = :event AND asset_uuid = :asset"),
                     {"event": event.uuid, "asset": CALLED[2]})  # fmt: skip
    runs.start(fleet.db, fleet.tenant, event, AFTER)
    runs.run_part(fleet.db, fleet.tenant, event.uuid, RunKind.CONTROL, 1, 1, AFTER)
    assert run_queries.newest_run(fleet.db, fleet.tenant.id, event.uuid, RunKind.SETTLEMENT) is None
    assert fleet.find(event.uuid).stats_state == "PENDING"
    runs.run_part(fleet.db, fleet.tenant, event.uuid, RunKind.CONTROL, 1, 0, AFTER)
    assert fleet.find(event.uuid).stats_state == "CALCULATING"
    fleet.work()
    assert fleet.find(event.uuid).stats_state == "READY"
    assert {asset for _, asset in _of(fleet, [*CALLED, *CONTROLS])} == {1, 2}
    assert {asset for _, asset in _of(fleet, [*CALLED, *CONTROLS], "CONTROL")} == {3, 11, 12}


def test_baselines_before_the_event_are_without_a_change_that_nobody_knows_yet(fleet: Fleet, event: Event) -> None:
    fleet.db.execute(text("UPDATE flex_event SET status = 'SCHEDULED' WHERE uuid = :event"), {"event": event.uuid})
    fleet.run(fleet.find(event.uuid), BEFORE)
    found = _of(fleet, [*CALLED, *CONTROLS], "BASELINE")
    assert {key: each.baseline for key, each in found.items()} == {
        (method, asset): 1_201_000 for method in ("CONTROL_GROUP", "BL01_NO_IDA") for asset in (1, 2, 3)
    }


def test_the_first_control_with_readings_settles_and_each_further_one_restates_all(fleet: Fleet, event: Event) -> None:
    fleet.run(event)
    assert {each.state for each in _of(fleet, CALLED).values() if each.method == "CONTROL_GROUP"} == {"PENDING"}
    _metered(fleet, 0)
    _caught_up(fleet)
    found = _of(fleet, CALLED)["CONTROL_GROUP", 1]
    assert (found.state, found.revision, found.baseline) == ("PROCESSED", 2, 1_201_000 + 175_000)
    _withdraw(fleet, CALLED[1], "u1")
    _metered(fleet, 1)
    _caught_up(fleet)
    assert {each.revision for each in _of(fleet, CALLED).values()} == {3}
    assert len(_of(fleet, CALLED)) == 6, "what is settled stays, whatever its users say since"
    assert _of(fleet, CALLED)["CONTROL_GROUP", 3].baseline == 1_351_000
    assert (_told(fleet.db), fleet.find(event.uuid).stats_revision) == ([1, 2, 3], 3)
    measured = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'flexibility.measure_part'"
    assert fleet.db.execute(text(measured)).scalar_one() == 2, "how well baselines fit is told once, a job a part"
    fleet.write(CONTROLS, [date(2026, 1, 11), date(2025, 12, 1)], value=lambda *_: 9.0, now=LATER)
    _caught_up(fleet)
    assert _told(fleet.db) == [1, 2, 3], "days without a part"
    fleet.write(CALLED[:1], [date(2026, 1, 6)], slots=[34], value=lambda d, s: kwh(d, s) + 0.1, now=LATER)
    _caught_up(fleet)
    assert [_of(fleet, CALLED)["CONTROL_GROUP", asset].revision for asset in (1, 2, 3)] == [4, 3, 3]


def test_without_any_control_the_profile_alone_counts_once_the_deadline_has_passed(fleet: Fleet, event: Event) -> None:
    fleet.run(event)
    runs.close_due(fleet.db, fleet.tenant, ENDS + timedelta(days=5))
    found = _of(fleet, CALLED)["CONTROL_GROUP", 1]
    assert (found.state, found.baseline, found.delivered) == ("PROCESSED", 1_201_000, 341_000)
    _metered(fleet, 0)
    runs.restate(fleet.db, fleet.tenant, ENDS + timedelta(days=5))
    assert _of(fleet, CALLED)["CONTROL_GROUP", 1] == found
    assert _faults(fleet, event) == []


def test_whose_user_withdraws_meter_data_and_who_is_not_eligible_is_no_control(fleet: Fleet, event: Event) -> None:
    _metered(fleet, 0)
    _metered(fleet, 1)
    _withdraw(fleet, CONTROLS[1], "u11")
    aside = "UPDATE flex_event_asset SET state = 'INELIGIBLE', reason = 'POSTCODE: elsewhere' WHERE asset_uuid = :asset"
    fleet.db.execute(text(aside), {"asset": CALLED[2]})
    fleet.run(event)
    assert _of(fleet, CALLED)["CONTROL_GROUP", 1].baseline == 1_201_000 + 175_000
    assert _group(fleet, event)["controls"] == 1


def _faults(fleet: Fleet, event: Event) -> list[tuple[str, int | None, str]]:
    found = verifying.verify(fleet.db, fleet.tenant, event.uuid)
    return [
        (each.kind, None if fault.asset is None else fault.asset.int, fault.what)
        for each in found
        for fault in each.faults
    ]


def test_figures_can_be_explained_and_computed_again_from_the_readings_of_then(fleet: Fleet, event: Event) -> None:
    _metered(fleet, 0)
    _metered(fleet, 1)
    fleet.run(event)
    (told, _) = explaining.explain(fleet.db, fleet.tenant, event.uuid, CALLED[0])
    group = told["controlGroup"]
    assert (group["controls"], group["changeKwh"], group["scale"]) == (2, ["0.100000", "0.200000"], 0.5)
    assert group["baseRuleSet"] == "BL01_NO_IDA"
    assert group["validity"] == _group(fleet, event)
    (control,) = explaining.explain(fleet.db, fleet.tenant, event.uuid, CONTROLS[0])
    assert (control["kind"], control["flows"]["import"]["actualKwh"]) == ("CONTROL", ["1.246000", "1.506000"])
    assert _faults(fleet, event) == []
    _metered(fleet, 0, more=1.0)
    assert _faults(fleet, event) == [], "not yet restated"
    _caught_up(fleet)
    assert _faults(fleet, event) == []
    assert {each.revision for each in _of(fleet, CALLED).values()} == {2}


def test_nobody_changes_a_control_unnoticed(fleet: Fleet, event: Event) -> None:
    _metered(fleet, 0)
    fleet.run(event)
    forged = "UPDATE flex_statement SET evidence = replace(evidence, '1246000', '1247000') WHERE kind = 'CONTROL'"
    fleet.db.execute(text(forged))
    assert _faults(fleet, event) == [
        ("CONTROL", 11, "its evidence does not have its hash"),
        ("SETTLEMENT", None, "the figures of the control group are not those of its controls' statements"),
    ]


@contextmanager
def _undone(db: Connection) -> Iterator[None]:
    point = db.begin_nested()
    yield
    point.rollback()


DAYS = [date(2026, 1, day) for day in (5, 12, 14)] + [EVENT_DAY]
PIECES = [(day, asset) for day in DAYS for asset in (CALLED[0], *CONTROLS)]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(PIECES), cuts=st.sets(st.integers(1, 11), max_size=4), runs_at=st.integers(0, 4))
def test_any_order_of_the_readings_of_both_groups_ends_in_what_a_clean_run_computes(
    fleet: Fleet, history: list[date], order: list[tuple[date, UUID]], cuts: set[int], runs_at: int
) -> None:
    """Also where readings of controls were wrong first, whenever the event is settled in between, and to the bit."""

    def ended(late: bool) -> list[object]:
        with _undone(fleet.db):
            called, controls = fleet.add(2), fleet.add(2, 11)
            fleet.write([*called, *controls], [day for day in history if day not in DAYS])
            fleet.write(called[1:], DAYS)
            bounds = [0, *sorted(cuts), len(order)] if late else [0, len(order)]
            event = None
            for number, (start, end) in enumerate(pairwise(bounds)):
                if late and number == min(runs_at, len(bounds) - 2):
                    event = fleet.event(called, controls=controls, terms=TERMS)
                    fleet.run(event)
                for day, asset in order[start:end]:
                    if late and asset == controls[1]:
                        fleet.write([asset], [day], value=lambda *_: 7.5)
                        fleet.restate()
                    fleet.write([asset], [day], value=lambda d, s, a=asset: kwh(d, s) * (1 + a.int / 7))
                _caught_up(fleet)
            if event is None:
                event = fleet.event(called, controls=controls, terms=TERMS)
                fleet.run(event)
            assert _faults(fleet, event) == []
            run = run_queries.newest_run(fleet.db, fleet.tenant.id, event.uuid, RunKind.SETTLEMENT)
            assert run is not None
            return [each.figures() for each in _of(fleet, called).values()] + [run.totals, json.dumps(run.basis)]

    assert ended(late=True) == ended(late=False)
