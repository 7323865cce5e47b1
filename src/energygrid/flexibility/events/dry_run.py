"""What would become of an event, without storing any of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.flexibility.events import assets, events, nominations
from energygrid.flexibility.events.eligibility import Candidate
from energygrid.flexibility.events.event import Draft, Event
from energygrid.flexibility.events.lifecycle import StatsState, Status
from energygrid.flexibility.events.time import time_of
from energygrid.flexibility.runs.basis import RunKind, basis_of
from energygrid.flexibility.runs.spread import Spread, spread
from energygrid.flexibility.runs.statements import Work, evaluate
from energygrid.flexibility.settings import FlexibilitySettings
from energygrid.flexibility.settlement.energy import kwh
from energygrid.messaging import events as outbox

MOST_COMPUTED = 10_000


class Fires(NamedTuple):
    """A message that would be sent; `at` None: when what it tells of is done."""

    type: str
    at: datetime | None


class Expected(NamedTuple):
    """Baselines by one rule set: their sum over the event [kWh], of how many assets, and how many have none."""

    method: str
    value: Decimal
    assets: int
    without: int


@dataclass(frozen=True, slots=True)
class DryRun:
    """
    values    the members that the event would have
    reached   every asset that it would reach, with the reason why it may not take part; None: it may
    expected  by each rule set, of the first `MOST_COMPUTED` assets that may take part
    between   by the rule set that is paid by; None: it cannot be told, see `spread`
    filed_by  until when curves are to be filed; None: the event needs none
    fires     messages in their order, whether or not a webhook asks for them
    """

    values: Mapping[str, Any]
    reached: list[tuple[Candidate, str | None]]
    expected: list[Expected]
    between: Spread | None
    filed_by: datetime | None
    fires: list[Fires]


def dry_run(db: Connection, tenant: Tenant, draft: Draft, now: datetime) -> DryRun:
    """What scheduling `draft` would do now; raises what making and scheduling it would."""
    values = events.prepare(db, tenant, draft)
    at = time_of(db, tenant, now)
    events.require_schedulable(values, draft.portfolios, at)
    reached = assets.judge(
        db,
        tenant,
        scheme=values["scheme_uuid"],
        portfolios=draft.portfolios,
        criteria=values["eligibility"],
        terms=values["terms"],
        starts_at=values["starts_at"],
    )
    events.require_reached(len(reached))
    fires = [
        *(Fires(outbox.EVENT_PORTFOLIO_ASSIGNED, at) for _ in dict.fromkeys(draft.portfolios)),
        Fires(outbox.EVENT_SCHEDULED, at),
        Fires(outbox.EVENT_BASELINES_READY, None),
        Fires(outbox.EVENT_STARTED, values["starts_at"]),
        Fires(outbox.EVENT_ENDED, values["ends_at"]),
        Fires(outbox.EVENT_STATS_CALCULATION_STARTED, None),
        Fires(outbox.EVENT_STATS_READY, None),
    ]
    event = Event(
        **values,
        uuid=uuid4(),
        status=Status.SCHEDULED,
        stats_state=StatsState.NONE,
        baselines_revision=0,
        stats_revision=0,
        created_at=now,
        updated_at=now,
    )
    nominations.require_curves(db, tenant, event, at)
    settings = tenant.section("flexibility", FlexibilitySettings)
    how = basis_of(event, RunKind.BASELINE, settings)
    may = [each.uuid for each, reason in reached if reason is None][:MOST_COMPUTED]
    found = _baselines(db, Work(tenant.id, how, 1, now), may, settings.assets_per_job)
    paid_by = found[how.methods[0].rules.id]
    between = spread(db, tenant.id, how, paid_by, at.date())
    expected = [Expected(name, kwh(sum(of.values())), len(of), len(may) - len(of)) for name, of in found.items()]
    return DryRun(values, reached, expected, between, how.filed_by, fires)


def _baselines(db: Connection, work: Work, assets: Sequence[UUID], at_once: int) -> dict[str, dict[UUID, int]]:
    """What would be published now, by the engine that would: by method, of the assets that have one."""
    found: dict[str, dict[UUID, int]] = {each.rules.id: {} for each in work.basis.methods}
    for place in range(0, len(assets), at_once):
        for each in evaluate(db, work, assets[place : place + at_once]):
            if each.baseline is not None:
                found[each.method][each.asset_uuid] = each.baseline
    return found
