from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from tests.flexibility.events.conftest import DRAFT, NOW, Stage

from energygrid.access.audit import SYSTEM
from energygrid.errors import Conflict, Invalid
from energygrid.flexibility.events import assets, events, nominations
from energygrid.flexibility.events.dry_run import dry_run

WHO: dict[str, Any] = {"who": SYSTEM, "now": NOW}


def _counts(stage: Stage) -> list[int]:
    tables = ("flex_event", "flex_event_asset", "flex_event_portfolio", "outbox_event", "procrastinate_jobs")
    return [stage.db.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() for table in tables]


def test_it_says_what_scheduling_then_does_and_stores_nothing(stage: Stage) -> None:
    portfolio = stage.portfolio()
    stage.assets(20, portfolio=portfolio)
    gone = stage.assets(1, portfolio=portfolio)[0]
    stage.withdraw(gone)
    before = _counts(stage)
    terms = {"ruleSets": ["CONTROL_GROUP"], "controlShare": 0.5}
    found = dry_run(stage.db, stage.tenant, replace(DRAFT, portfolios=[portfolio, portfolio], terms=terms), NOW)
    assert _counts(stage) == before
    event = stage.event(portfolio, terms=terms)
    happened, _ = assets.page(stage.db, stage.tenant, event.uuid, offset=0, limit=100)
    assert {each.state for each in happened} == {"PENDING", "INELIGIBLE"}
    assert {each.uuid: reason for each, reason in found.reached} == {each.uuid: each.reason for each in happened}
    told = stage.told(event.uuid)
    assert [each.type for each in found.fires if each.at == NOW] == told
    assert [each.at for each in found.fires if each.type in {"EVENT.STARTED", "EVENT.ENDED"}] == [
        event.starts_at,
        event.ends_at,
    ]


def test_curves_that_nobody_can_file_any_more_are_told_of_before_and_at_scheduling(stage: Stage) -> None:
    """They are filed until noon of the day before, and it is noon of the day."""
    portfolio = stage.portfolio()
    (asset,) = stage.assets(1, portfolio=portfolio)
    late = replace(DRAFT, portfolios=[portfolio], terms={"ruleSets": ["BL01", "NOMINATED"]})
    for attempt in (
        lambda: dry_run(stage.db, stage.tenant, late, NOW),
        lambda: stage.event(portfolio, terms=late.terms),
        lambda: events.change(stage.db, stage.tenant, stage.event(portfolio).uuid, {"terms": late.terms}, **WHO),
    ):
        with pytest.raises(Conflict, match="another nominationDeadline") as refused:
            attempt()
        assert refused.value.code == "NOMINATED_LATE"
    days = timedelta(days=2)
    timely = replace(late, starts_at=DRAFT.starts_at + days, ends_at=DRAFT.ends_at + days)
    assert dry_run(stage.db, stage.tenant, timely, NOW).filed_by == NOW + timedelta(days=1)
    draft = events.create(stage.db, stage.tenant, timely, scheduled=False, **WHO)
    nominations.file(stage.db, stage.tenant, draft.uuid, {asset: [Decimal(1), Decimal(1)]}, **WHO)
    who = WHO | {"now": NOW + days}
    assert events.schedule(stage.db, stage.tenant, draft.uuid, **who).status == "SCHEDULED"
    moved = {"starts_at": timely.starts_at + timedelta(hours=1), "ends_at": timely.ends_at + timedelta(hours=1)}
    with pytest.raises(Conflict) as refused:
        events.change(stage.db, stage.tenant, draft.uuid, moved, **who)
    assert refused.value.code == "NOMINATED_LATE"
    assert events.change(stage.db, stage.tenant, draft.uuid, {"incentive": Decimal(3)}, **who).incentive == 3


def test_it_refuses_what_scheduling_would(stage: Stage) -> None:
    for wrong, code in (
        (DRAFT, "NO_AUDIENCE"),
        (replace(DRAFT, portfolios=[stage.portfolio()]), "NO_ASSETS"),
        (replace(DRAFT, starts_at=NOW, scheme_uuid=stage.scheme()), "EVENT_IN_THE_PAST"),
    ):
        with pytest.raises(Conflict) as refused:
            dry_run(stage.db, stage.tenant, wrong, NOW)
        assert refused.value.code == code
    with pytest.raises(Invalid):
        dry_run(stage.db, stage.tenant, replace(DRAFT, name=""), NOW)
