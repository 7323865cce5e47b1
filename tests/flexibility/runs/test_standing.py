"""Runs whose jobs have failed or that nobody works on."""

from datetime import date, timedelta

import pytest
from sqlalchemy import text
from tests.flexibility.runs.conftest import AFTER, EVENT_DAY, Fleet

from energygrid.access.audit import SYSTEM
from energygrid.errors import Conflict
from energygrid.flexibility import runs
from energygrid.flexibility.runs.basis import RunKind
from energygrid.flexibility.runs.standing import begin_again, standing


def test_a_run_is_named_once_a_job_has_failed_or_an_hour_has_passed(fleet: Fleet, history: list[date]) -> None:
    assets = fleet.add(5)
    fleet.write(assets, [*history, EVENT_DAY])
    event = fleet.event(assets)
    runs.start(fleet.db, fleet.tenant, event, AFTER)
    assert standing(fleet.db, fleet.tenant, AFTER + timedelta(minutes=59)) == []
    (late,) = standing(fleet.db, fleet.tenant, AFTER + timedelta(minutes=61))
    assert (late.event_uuid, late.kind, late.open, late.failed) == (event.uuid, "SETTLEMENT", 3, 0)
    runs.run_part(fleet.db, fleet.tenant, event.uuid, RunKind.SETTLEMENT, 1, 0, AFTER)
    failed = "UPDATE procrastinate_jobs SET status = 'failed' WHERE (args ->> 'part')::int IN (0, 1)"
    fleet.db.execute(text(f"{failed} AND task_name = 'flexibility.run_part'"))
    (broken,) = standing(fleet.db, fleet.tenant, AFTER)
    assert (broken.open, broken.failed) == (2, 1)


def test_what_is_begun_again_is_computed_and_then_stands_no_more(fleet: Fleet, history: list[date]) -> None:
    assets = fleet.add(2)
    fleet.write(assets, [*history, EVENT_DAY])
    event = fleet.event(assets)
    runs.start(fleet.db, fleet.tenant, event, AFTER)
    begin_again(fleet.db, fleet.tenant, event.uuid, who=SYSTEM, now=AFTER)
    runs.run_part(fleet.db, fleet.tenant, event.uuid, RunKind.SETTLEMENT, 1, 0, AFTER)
    assert fleet.find(event.uuid).stats_state == "CALCULATING"
    runs.run_part(fleet.db, fleet.tenant, event.uuid, RunKind.SETTLEMENT, 2, 0, AFTER)
    assert (fleet.find(event.uuid).stats_state, fleet.find(event.uuid).stats_revision) == ("READY", 2)
    assert standing(fleet.db, fleet.tenant, AFTER + timedelta(days=9)) == []
    with pytest.raises(Conflict, match="published"):
        begin_again(fleet.db, fleet.tenant, event.uuid, who=SYSTEM, now=AFTER)
