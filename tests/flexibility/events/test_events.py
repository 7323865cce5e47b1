from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select
from tests.flexibility.events.conftest import DRAFT, NOW, Stage

from energygrid.access import tenants
from energygrid.access.audit import SYSTEM
from energygrid.access.caller import Tenant
from energygrid.errors import Conflict, Invalid, NotFound
from energygrid.flexibility.events import assets, clock, events, portfolios
from energygrid.flexibility.events.event import Event
from energygrid.flexibility.events.lifecycle import Status
from energygrid.flexibility.events.queries.events import Filter
from energygrid.flexibility.runs.tables import flex_run

HOUR = timedelta(hours=1)


def _cancel(stage: Stage, event: Event, at: Any = NOW) -> Event:
    return events.cancel(stage.db, stage.tenant, event.uuid, who=SYSTEM, now=at)


def _change(stage: Stage, event: Event, at: Any = NOW, **changes: Any) -> Event:
    return events.change(stage.db, stage.tenant, event.uuid, changes, who=SYSTEM, now=at)


def test_a_draft_tells_nobody_and_reaches_nobody(stage: Stage) -> None:
    portfolio = stage.portfolio()
    stage.assets(2, portfolio=portfolio)
    event = stage.event(portfolio, scheduled=False)
    assert event.status is Status.DRAFT
    assert stage.told(event.uuid) == ["EVENT.PORTFOLIO_ASSIGNED"]
    assert assets.page(stage.db, stage.tenant, event.uuid, offset=0, limit=10) == ([], 0)


def test_scheduling_tells_once_and_again_changes_nothing(stage: Stage) -> None:
    portfolio = stage.portfolio()
    stage.assets(2, portfolio=portfolio)
    event = stage.event(portfolio)
    assert event.status is Status.SCHEDULED
    assert events.schedule(stage.db, stage.tenant, event.uuid, who=SYSTEM, now=NOW) == event
    assert stage.told(event.uuid) == ["EVENT.PORTFOLIO_ASSIGNED", "EVENT.SCHEDULED"]


def test_an_event_that_reaches_nobody_is_not_scheduled(stage: Stage) -> None:
    with pytest.raises(Conflict, match="reaches nobody") as refused:
        stage.event()
    assert refused.value.code == "NO_AUDIENCE"
    with pytest.raises(Conflict) as refused:
        stage.event(stage.portfolio())
    assert refused.value.code == "NO_ASSETS"


def test_an_event_starts_in_the_future_of_its_tenants_clock(stage: Stage) -> None:
    portfolio = stage.portfolio()
    stage.assets(1, portfolio=portfolio)
    ahead = tenants.advance_clock(stage.db, stage.tenant, 5 * HOUR, who=SYSTEM, now=NOW)
    for tenant in (ahead, stage.tenant):  # a value from before the jump knows the jump too
        draft = replace(DRAFT, portfolios=[portfolio])
        with pytest.raises(Conflict) as refused:
            events.create(stage.db, tenant, draft, scheduled=True, who=SYSTEM, now=NOW)
        assert refused.value.code == "EVENT_IN_THE_PAST"


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"name": " "}, "name:"),
        ({"type": "TURN_LEFT"}, "type:"),
        ({"incentive": Decimal("NaN")}, "incentive:"),
        ({"incentive": Decimal(-1)}, "incentive:"),
        ({"incentive": Decimal("0.0000001")}, "incentive:"),
        ({"incentive": Decimal("1e99")}, "incentive:"),
        ({"incentive_type": "PER_DAY"}, "incentiveType:"),
        ({"currency": "pounds"}, "currency:"),
        ({"ends_at": DRAFT.starts_at}, "endDateTime: an event ends after"),
        ({"ends_at": DRAFT.starts_at + timedelta(hours=25)}, "24 hours"),
        ({"starts_at": DRAFT.starts_at + timedelta(minutes=10)}, "startDateTime: events begin and end at :00 or :30"),
        ({"terms": {"ruleSets": ["BL99"]}}, "there is no rule set 'BL99'"),
        ({"terms": {"ruleSets": ["CONTROL_GROUP"]}}, "CONTROL_GROUP needs controls: name a controlShare"),
        ({"terms": {"ruleSets": ["NOMINATED"], "metering": "NET"}}, "terms.metering: curves are given for import"),
        ({"terms": {"ruleSets": ["FIXED"], "fixedKwh": [1, 1], "metering": "SEPARATE"}}, "rule set FIXED needs IMPORT"),
        ({"terms": {"controlShare": 0.6}}, "terms.controlShare"),
        (
            {"terms": {"ruleSets": ["CONTROL_GROUP"], "controlShare": 0.1, "metering": "NET"}},
            "terms.metering: controls",
        ),
        ({"terms": {"nominationDeadline": "24:00"}}, "terms.nominationDeadline"),
        ({"terms": {"ruleSets": ["FIXED"], "fixedKwh": [0.5]}}, "FIXED needs 2 numbers"),
        ({"terms": {"roof": "NET"}}, "terms.roof"),
        ({"eligibility": {"colour": "red"}}, "nobody checks it"),
        ({"eligibility": {"minBaselineDays": "many"}}, "eligibility.minBaselineDays"),
    ],
)
def test_every_wrong_member_is_named(stage: Stage, members: dict[str, Any], told: str) -> None:
    with pytest.raises(Invalid) as refused:
        stage.event(scheduled=False, **members)
    assert refused.value.code == "INVALID_EVENT"
    listed = refused.value.facts["messages"]
    assert isinstance(listed, list)
    assert len(listed) == 1
    assert told in listed[0]


def test_the_schemes_facts_are_the_terms_that_an_event_does_not_name(stage: Stage) -> None:
    scheme = stage.scheme(ruleSets=["BL01"], floor="NET", operator="NESO")
    event = stage.event(scheduled=False, scheme_uuid=scheme, terms={"floor": "EVENT"})
    assert event.terms == {"ruleSets": ["BL01"], "floor": "EVENT"}
    assert event.currency == "GBP"


@pytest.mark.parametrize("name", ["scheme_uuid", "portfolios"])
def test_another_tenants_scheme_or_portfolio_is_not_found(stage: Stage, name: str) -> None:
    other = Stage(stage.db, tenants.create_tenant(stage.db, "elsewhere", environment="sandbox", now=NOW))
    theirs: dict[str, Any] = {"scheme_uuid": other.scheme(), "portfolios": [other.portfolio()]}
    draft = replace(DRAFT, **{name: theirs[name]})
    with pytest.raises(NotFound):
        events.create(stage.db, stage.tenant, draft, scheduled=False, who=SYSTEM, now=NOW)


def test_another_tenants_event_is_not_found_whatever_is_asked(stage: Stage) -> None:
    portfolio = stage.portfolio()
    stage.assets(1, portfolio=portfolio)
    event = stage.event(portfolio)
    other: Tenant = tenants.create_tenant(stage.db, "elsewhere", environment="sandbox", now=NOW)
    shared: dict[str, Any] = {"who": SYSTEM, "now": NOW}
    for attempt in (
        lambda: events.find(stage.db, other, event.uuid),
        lambda: events.change(stage.db, other, event.uuid, {"name": "mine"}, **shared),
        lambda: events.schedule(stage.db, other, event.uuid, **shared),
        lambda: events.cancel(stage.db, other, event.uuid, **shared),
        lambda: portfolios.of_event(stage.db, other, event.uuid),
        lambda: portfolios.assign(stage.db, other, event.uuid, [], **shared),
        lambda: assets.page(stage.db, other, event.uuid, offset=0, limit=1),
        lambda: assets.participants(stage.db, other, event.uuid),
        lambda: assets.say(stage.db, other, event.uuid, {}, **shared),
    ):
        with pytest.raises(NotFound, match="there is no such event"):
            attempt()
    assert clock.advance(stage.db, other, event.uuid, NOW) is None
    assert events.page(stage.db, other, Filter(), offset=0, limit=10) == ([], 0)


def test_a_draft_may_change_in_everything(stage: Stage) -> None:
    event = stage.event(scheduled=False)
    changes = {"type": "TURN_UP", "opt_in_required": False, "eligibility": {"hhSettled": "true"}, "name": "Sunny noon"}
    changed = _change(stage, event, **changes)
    assert {name: getattr(changed, name) for name in changes} == changes
    with pytest.raises(Invalid):
        _change(stage, event, ends_at=event.starts_at)


def test_a_scheduled_event_is_told_anew_when_it_changes_and_only_then(stage: Stage) -> None:
    portfolio = stage.portfolio()
    stage.assets(1, portfolio=portfolio)
    event = stage.event(portfolio)
    _change(stage, event, name=event.name)
    assert stage.told(event.uuid).count("EVENT.SCHEDULED") == 1
    later = _change(stage, event, starts_at=event.starts_at + HOUR, ends_at=event.ends_at + HOUR)
    assert later.starts_at == event.starts_at + HOUR
    assert stage.told(event.uuid).count("EVENT.SCHEDULED") == 2
    _change(stage, event, incentive=Decimal(3))
    assert stage.told(event.uuid).count("EVENT.SCHEDULED") == 3
    assert stage.db.execute(select(func.count()).select_from(flex_run)).scalar_one() == 2, "nothing else to compute"
    with pytest.raises(Conflict) as refused:
        _change(stage, event, eligibility={"hhSettled": "true"})
    assert refused.value.code == "EVENT_FIXED"
    with pytest.raises(Conflict) as refused:
        _change(stage, event, starts_at=NOW - HOUR)
    assert refused.value.code == "EVENT_IN_THE_PAST"


def test_times_cannot_change_once_the_start_has_come_even_if_no_job_has_run(stage: Stage) -> None:
    portfolio = stage.portfolio()
    stage.assets(1, portfolio=portfolio)
    event = stage.event(portfolio)
    with pytest.raises(Conflict, match="STARTED"):
        _change(stage, event, at=event.starts_at, ends_at=event.ends_at + HOUR)
    assert _change(stage, event, at=event.starts_at, name="Now").name == "Now"


def test_an_event_is_cancelled_once_until_it_has_ended(stage: Stage) -> None:
    portfolio = stage.portfolio()
    stage.assets(1, portfolio=portfolio)
    called_off, ended = stage.event(portfolio), stage.event(portfolio)
    assert _cancel(stage, called_off, called_off.starts_at).status is Status.CANCELLED
    assert _cancel(stage, called_off, called_off.ends_at).status is Status.CANCELLED
    assert stage.told(called_off.uuid)[1:] == ["EVENT.SCHEDULED", "EVENT.CANCELLED"]
    assert clock.advance(stage.db, stage.tenant, called_off.uuid, called_off.ends_at) is not None
    assert "EVENT.STARTED" not in stage.told(called_off.uuid)
    for event in (ended, stage.event(scheduled=False)):
        with pytest.raises(Conflict) as refused:
            _cancel(stage, event, event.ends_at)
        assert refused.value.code == "NOT_CANCELLABLE"


def test_events_are_listed_by_status_time_scheme_and_portfolio(stage: Stage) -> None:
    one, two = stage.portfolio(), stage.portfolio()
    stage.assets(1, portfolio=one)
    scheme = stage.scheme()
    early = stage.event(one)
    late = stage.event(
        two, scheduled=False, scheme_uuid=scheme, starts_at=DRAFT.starts_at + 2 * HOUR, ends_at=DRAFT.ends_at + 2 * HOUR
    )

    def listed(**asked: Any) -> list[Event]:
        found, total = events.page(stage.db, stage.tenant, Filter(**asked), offset=0, limit=10)
        assert total == len(found)
        return found

    assert listed() == [late, early]
    assert listed(status=Status.SCHEDULED) == [early]
    assert listed(scheme_uuid=scheme) == [late]
    assert listed(portfolio_uuid=one) == [early]
    assert listed(start=early.ends_at) == [late]
    assert listed(start=early.starts_at, end=late.starts_at) == [early]
    assert listed(portfolio_uuid=uuid4()) == []
    assert events.page(stage.db, stage.tenant, Filter(), offset=1, limit=1) == ([early], 2)


def test_a_portfolio_is_told_once_and_its_assets_join_a_scheduled_event(stage: Stage) -> None:
    one, two = stage.portfolio(), stage.portfolio()
    stage.assets(1, portfolio=one)
    stage.assets(2, portfolio=two)
    event = stage.event(one)
    for _ in range(2):
        held = portfolios.assign(stage.db, stage.tenant, event.uuid, [two, two], who=SYSTEM, now=NOW)
        assert sorted(held) == sorted([one, two])
    assert stage.told(event.uuid).count("EVENT.PORTFOLIO_ASSIGNED") == 2
    assert assets.page(stage.db, stage.tenant, event.uuid, offset=0, limit=10)[1] == 3
    with pytest.raises(Conflict):
        portfolios.assign(stage.db, stage.tenant, event.uuid, [stage.portfolio()], who=SYSTEM, now=event.starts_at)


def test_a_portfolio_cannot_narrow_an_event_that_its_whole_scheme_was_told_of(stage: Stage) -> None:
    asset = stage.assets(1)[0]
    event = stage.event(scheme_uuid=stage.scheme({asset: "READY"}))
    with pytest.raises(Conflict) as refused:
        portfolios.assign(stage.db, stage.tenant, event.uuid, [stage.portfolio()], who=SYSTEM, now=NOW)
    assert refused.value.code == "EVENT_FIXED"
