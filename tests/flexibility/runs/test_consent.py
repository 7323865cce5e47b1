"""A withdrawal of consent to meter data: no run uses the asset from then on, and what is settled stays."""

from datetime import date, timedelta

from tests.flexibility.runs.conftest import AFTER, BEFORE, EVENT_DAY, Fleet

from energygrid.access.audit import SYSTEM
from energygrid.flexibility import agreements
from energygrid.flexibility.agreements import Word
from energygrid.flexibility.runs.queries import results


def test_a_run_leaves_out_whoever_has_withdrawn_and_a_settled_event_stays(fleet: Fleet, history: list[date]) -> None:
    assets = fleet.add(3)
    fleet.write(assets, [*history, EVENT_DAY])
    settled, later = fleet.event(assets, number=1), fleet.event(assets, number=2, starts_at=BEFORE)
    fleet.run(settled)
    before = results.of_assets(fleet.db, fleet.tenant.id, settled.uuid, "SETTLEMENT", assets)
    word = Word("u1", assets[1], "METER_DATA", status="WITHDRAWN")
    agreements.give(fleet.db, fleet.tenant, word, who=SYSTEM, now=AFTER)
    fleet.run(later, AFTER + timedelta(minutes=1))
    used = results.of_assets(fleet.db, fleet.tenant.id, later.uuid, "SETTLEMENT", assets)
    assert {each.asset_uuid for each in used} == {assets[0], assets[2]}
    fleet.restate(AFTER + timedelta(minutes=2))
    assert results.of_assets(fleet.db, fleet.tenant.id, settled.uuid, "SETTLEMENT", assets) == before
    assert {each.asset_uuid for each in before} == set(assets)
