"""Parts of a run that are computed at the same time, by workers with transactions of their own."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest
from tests.flexibility.runs.conftest import AFTER, BEFORE, EVENT_DAY, STARTS, Fleet

from energygrid.access import tenants
from energygrid.access.audit import SYSTEM
from energygrid.access.caller import Tenant
from energygrid.database.engine import Database
from energygrid.flexibility import runs
from energygrid.flexibility.events import nominations
from energygrid.flexibility.events.event import Event
from energygrid.flexibility.runs import running
from energygrid.flexibility.runs.basis import RunKind
from energygrid.flexibility.runs.queries import results
from energygrid.flexibility.runs.queries import runs as run_queries
from energygrid.flexibility.runs.statement import Statement
from energygrid.flexibility.runs.statements import evaluate

EARLY = STARTS - timedelta(days=2)


@pytest.fixture
def tenant(database: Database) -> Tenant:
    """With a part an asset."""
    settings = {"flexibility": {"assets_per_job": 1}}
    return database.write(tenants.create_tenant, "supplier", environment="production", now=BEFORE, settings=settings)


@contextmanager
def _fleet(database: Database, tenant: Tenant) -> Iterator[Fleet]:
    with database.transaction() as db:
        yield Fleet(db, tenant)


def test_parts_that_end_together_publish_once(
    database: Database, tenant: Tenant, history: list[date], monkeypatch: pytest.MonkeyPatch
) -> None:
    with _fleet(database, tenant) as fleet:
        assets = fleet.add(2)
        fleet.write(assets, history)
        event = fleet.event(assets, status="SCHEDULED")
        runs.start(fleet.db, tenant, event, BEFORE)
    _both_parts_at_once(database, tenant, event, RunKind.BASELINE, monkeypatch)
    with _fleet(database, tenant) as fleet:
        run = run_queries.newest_run(fleet.db, tenant.id, event.uuid, RunKind.BASELINE)
        assert run is not None
        assert (run.state, fleet.find(event.uuid).baselines_revision) == ("READY", 1)


def test_controls_that_end_together_are_one_group_of_one_settlement(
    database: Database, tenant: Tenant, history: list[date], monkeypatch: pytest.MonkeyPatch
) -> None:
    with _fleet(database, tenant) as fleet:
        called, controls = fleet.add(1), fleet.add(2, 11)
        fleet.write([*called, *controls], [*history, EVENT_DAY])
        terms = {"ruleSets": ["CONTROL_GROUP"], "controlShare": 0.5}
        event = fleet.event(called, controls=controls, terms=terms)
        runs.start(fleet.db, tenant, event, AFTER)
    _both_parts_at_once(database, tenant, event, RunKind.CONTROL, monkeypatch)
    with _fleet(database, tenant) as fleet:
        run = run_queries.newest_run(fleet.db, tenant.id, event.uuid, RunKind.SETTLEMENT)
        assert run is not None
        assert (run.revision, run.basis["methods"][0]["group"]["controls"]) == (1, 2)


def _both_parts_at_once(
    database: Database, tenant: Tenant, event: Event, kind: RunKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = Barrier(2, timeout=30)

    def write(*given: Any) -> int:
        together.wait()
        return written(*given)

    written = running._write
    monkeypatch.setattr(running, "_write", write)
    with ThreadPoolExecutor(2) as workers:
        jobs = [
            workers.submit(database.write, runs.run_part, tenant, event.uuid, kind, 1, part, AFTER) for part in range(2)
        ]
        assert [job.result(timeout=60) for job in jobs] == [None, None]


def test_curves_that_are_filed_while_a_part_is_computed_are_those_that_are_published(
    database: Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _fleet(database, tenant) as fleet:
        (asset,) = assets = fleet.add(1)
        event = fleet.event(assets, status="SCHEDULED", terms={"ruleSets": ["NOMINATED"]})
        runs.start(fleet.db, tenant, event, EARLY)

    def overtaken(*given: Any) -> list[Statement]:
        made = evaluate(*given)
        curves = {asset: [Decimal("0.5"), Decimal("0.25")]}
        database.write(nominations.file, tenant, event.uuid, curves, who=SYSTEM, now=EARLY)
        return made

    def stored() -> list[Statement]:
        return database.read(results.of_assets, tenant.id, event.uuid, "BASELINE", [asset])

    with monkeypatch.context() as patch:
        patch.setattr(running, "evaluate", overtaken)
        database.write(runs.run_part, tenant, event.uuid, RunKind.BASELINE, 1, 0, EARLY)
    assert stored() == []
    database.write(runs.run_part, tenant, event.uuid, RunKind.BASELINE, 2, 0, EARLY)
    assert [(each.baseline, each.revision) for each in stored()] == [(750_000, 2)]


def test_a_run_that_begins_while_late_readings_are_looked_at_takes_them_up(
    database: Database, tenant: Tenant, history: list[date], monkeypatch: pytest.MonkeyPatch
) -> None:
    with _fleet(database, tenant) as fleet:
        assets = fleet.add(1)
        fleet.write(assets, history)
        event = fleet.event(assets, status="SCHEDULED")
        fleet.run(event, EARLY)
        fleet.restate(EARLY)
    with _fleet(database, tenant) as fleet:
        fleet.write(assets, history[-1:], value=lambda _day, _slot: 2.0, now=EARLY)
    affected = results.affected

    def overtaken(*given: Any) -> Any:
        database.write(runs.start, tenant, event, EARLY)
        return affected(*given)

    with monkeypatch.context() as patch:
        patch.setattr(results, "affected", overtaken)
        database.write(runs.restate, tenant, EARLY)
    with _fleet(database, tenant) as fleet:
        newest = run_queries.newest_run(fleet.db, tenant.id, event.uuid, RunKind.BASELINE)
        assert newest is not None
        assert (newest.revision, newest.state) == (2, "CALCULATING")
        runs.run_part(fleet.db, tenant, event.uuid, RunKind.BASELINE, 2, 0, EARLY)
        assert run_queries.take_touched(fleet.db, tenant.id) != []
