from dataclasses import replace

import pytest
from sqlalchemy import text
from tests.flexibility.events.conftest import DRAFT, NOW, Stage

from energygrid.errors import Conflict, Invalid
from energygrid.flexibility.events import assets
from energygrid.flexibility.events.dry_run import dry_run


def _counts(stage: Stage) -> list[int]:
    tables = ("flex_event", "flex_event_asset", "flex_event_portfolio", "outbox_event", "procrastinate_jobs")
    return [stage.db.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() for table in tables]


def test_it_says_what_scheduling_then_does_and_stores_nothing(stage: Stage) -> None:
    portfolio = stage.portfolio()
    stage.assets(20, portfolio=portfolio)
    gone = stage.assets(1, portfolio=portfolio)[0]
    stage.withdraw(gone)
    before = _counts(stage)
    terms = {"controlShare": 0.5}
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
