"""Between what a portfolio's use is expected to lie in the hours of an event, were nothing asked of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import Connection

from energygrid.flexibility import accuracy
from energygrid.flexibility.baselines.days import holidays
from energygrid.flexibility.baselines.rule_set import Method, RuleSet
from energygrid.flexibility.baselines.uncertainty import LEAST_DAYS, of_portfolio
from energygrid.flexibility.runs.basis import Basis
from energygrid.flexibility.runs.loading import Days, days_of_events, load
from energygrid.flexibility.runs.queries import loading
from energygrid.flexibility.runs.queries.loading import Member
from energygrid.flexibility.settlement.energy import kwh, micro
from energygrid.metering.readings import Float64s

MOST_ASSETS = 500
"""Whose months of readings are looked at while somebody waits."""
_PLACEBO_DAYS = 30
_FARTHEST = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Spread:
    """kWh of `assets` assets over the event, by what `method` got wrong on so many placebo days; no adjustment."""

    method: str
    assets: int
    days: int
    baseline: Decimal
    p10: Decimal
    p50: Decimal
    p90: Decimal


def spread(db: Connection, tenant_id: int, how: Basis, baselines: Mapping[UUID, int], today: date) -> Spread | None:
    """Of at most `MOST_ASSETS` assets, by the method that is paid by. None: it does not match days, the event is more
    than a year away, or less than nine placebo days before `today` have readings.

    baselines  of each asset over the event, millionths of a kWh
    """
    rules = how.methods[0].rules
    known = sorted(baselines)[:MOST_ASSETS]
    if rules.method is not Method.DAY_MATCH or how.span.start.date() - today > _FARTHEST:
        return None
    parts: list[tuple[list[UUID], Float64s]] = []
    zones: dict[str, list[Member]] = {}
    for member in loading.members(db, tenant_id, known):
        zones.setdefault(member.zone, []).append(member)
    for zone, members in zones.items():
        found = _residuals(db, tenant_id, how, replace(rules, adjustment=None), zone, members, today)
        if found is None:
            return None
        parts.append(([each.uuid for each in members], found))
    if not parts:
        return None
    expected = np.array([[baselines[uuid] / 1e6] for uuids, _ in parts for uuid in uuids])
    values, days = of_portfolio(expected, np.concatenate([residuals for _, residuals in parts]))
    if days < LEAST_DAYS:
        return None
    p10, p50, p90 = (kwh(each) for each in micro(values[:, 0]).tolist())
    baseline = kwh(sum(baselines[each] for each in known))
    return Spread(rules.id, len(known), days, baseline, p10, p50, p90)


def _residuals(
    db: Connection, tenant_id: int, how: Basis, rules: RuleSet, zone: str, members: Sequence[Member], today: date
) -> Float64s | None:
    """(H, placebo days, 1) actual - baseline over the event's local hours; the newest day last, so that zones match."""
    start, end = (each.astimezone(ZoneInfo(zone)) for each in (how.span.start, how.span.end))
    window: tuple[time, time] = start.time(), end.time()
    like = start.date()
    off = holidays(rules.jurisdiction, today - timedelta(days=400), like)
    ahead = max((like - today).days, 0)
    placebo = [day for day in accuracy.placebo_days(rules, like, _PLACEBO_DAYS + ahead, off) if day < today]
    placebo = placebo[-_PLACEBO_DAYS:]
    if not placebo:
        return None
    days = Days.of(accuracy.days_to_load([rules], zone, window, placebo))
    usage = load(db, [each.delivered for each in members], days).usage
    event_days = days_of_events(db, tenant_id, [each.uuid for each in members], days.local)
    tried = accuracy.backtest(rules, usage, window, placebo, holidays=off, event_days=event_days)
    found = np.full((len(members), _PLACEBO_DAYS, 1), np.nan)
    for at, day in enumerate(tried.days):
        if tried.actual.shape[2] == how.intervals:
            row = placebo.index(day) - len(placebo)
            found[:, row, 0] = (tried.actual[:, at] - tried.baseline[:, at]).sum(axis=1)
    return found
