"""The baseline that any half-hour of an asset would have if its day were an event's: asked for, computed, not stored.

By the first of the tenant's rule sets, unadjusted, from the readings of earlier days. The whole local day is taken as
the event, so that a half-hour's baseline is the same whatever hours are asked for.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from uuid import UUID

import numpy as np
from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.errors import Invalid, NotFound
from energygrid.flexibility.baselines import catalogue
from energygrid.flexibility.baselines.compute import State, compute
from energygrid.flexibility.baselines.days import LocalDays, Usage, holidays
from energygrid.flexibility.baselines.rule_set import Method, RuleSet
from energygrid.flexibility.runs.accuracy import require_readable
from energygrid.flexibility.runs.loading import Days, days_of_events, load
from energygrid.flexibility.runs.queries import loading
from energygrid.flexibility.settings import FlexibilitySettings
from energygrid.flexibility.settlement.energy import kwhs, micro
from energygrid.metering.calendar import Span, date_of, local_days
from energygrid.metering.readings import Bools

MOST_DAYS = 7
_SLOT_S = 1800


@dataclass(frozen=True, slots=True)
class Usual:
    """A half-hour from `start` (epoch seconds) on."""

    start: int
    kwh: Decimal


def between(db: Connection, tenant: Tenant, asset_uuid: UUID, start: int, end: int) -> list[Usual]:
    """Half-hours that start in [start, end), epoch seconds; those without a baseline are left out.

    Raises NotFound UNKNOWN_ASSET, Denied CONSENT_WITHDRAWN, Invalid EMPTY_SPAN, SPAN_TOO_LONG.
    """
    if end <= start:
        raise Invalid("EMPTY_SPAN", "a span ends after it starts", start=start, end=end)
    if end - start > MOST_DAYS * 86_400:
        raise Invalid("SPAN_TOO_LONG", f"ask for at most {MOST_DAYS} days at once", start=start, end=end)
    found = [each for day in _days(db, tenant, asset_uuid, start, end) if isinstance(day, list) for each in day]
    return [each for each in found if start <= each.start < end]


def at(db: Connection, tenant: Tenant, asset_uuid: UUID, instant: int) -> Usual:
    """The half-hour that an instant lies in.

    Raises NotFound UNKNOWN_ASSET, Denied CONSENT_WITHDRAWN, NotFound NO_BASELINE with the reason.
    """
    (found,) = _days(db, tenant, asset_uuid, instant, instant + 1)
    if isinstance(found, str):
        raise NotFound("NO_BASELINE", f"the asset has no baseline then: {found}")
    return next(each for each in found if each.start <= instant < each.start + _SLOT_S)


def _days(db: Connection, tenant: Tenant, asset_uuid: UUID, start: int, end: int) -> Iterator[list[Usual] | str]:
    """Of each local day that is touched: its half-hours, or why they have no baseline."""
    require_readable(db, tenant, asset_uuid)
    (member,) = loading.members(db, tenant.id, [asset_uuid])
    first, last = local_days(np.array([start, end - 1]), member.zone).tolist()
    asked = LocalDays(member.zone, date_of(first), date_of(last))
    rule_sets = [_rules(tenant, date_of(number)) for number in range(first, last + 1)]
    usable = [each for each in rule_sets if isinstance(each, RuleSet)]
    if not usable:
        yield from (str(each) for each in rule_sets)
        return
    days = Days.of(LocalDays.around(member.zone, asked.span, usable))
    usage = load(db, [member.delivered], days).usage
    event_days = days_of_events(db, tenant.id, [asset_uuid], days.local)
    for index, rules in enumerate(rule_sets):
        whole = Span.of(int(asked.starts[index]), int(asked.starts[index + 1]))
        yield _of_day(rules, usage, whole, event_days) if isinstance(rules, RuleSet) else rules


def _of_day(rules: RuleSet, usage: Usage, day: Span, event_days: Bools) -> list[Usual] | str:
    off = holidays(rules.jurisdiction, usage.days.first, usage.days.last)
    found = compute(rules, usage, day, holidays=off, event_days=event_days)
    if found.state[0] != State.OK:
        chosen = found.selections[0]
        return f"{rules.id} needs {chosen.kind.minimum} earlier days like it, and {int(chosen.found[0])} have readings"
    start, end = day.instants()
    values = kwhs(micro(found.unadjusted[0]).tolist())
    return [Usual(at, value) for at, value in zip(range(start, end, _SLOT_S), values, strict=True)]


def _rules(tenant: Tenant, on: date) -> RuleSet | str:
    """The rule set without its adjustment, which is of an event's hours; or why there is none that day."""
    name = tenant.section("flexibility", FlexibilitySettings).rule_sets[0]
    try:
        rules = catalogue.find(name, on)
    except NotFound as error:
        return error.message
    if rules.method is not Method.DAY_MATCH:
        return f"{name} gives baselines of events only"
    return replace(rules, adjustment=None)
