"""Curves that are given, not computed from history: nominated ones and reference profiles."""

from datetime import date, timedelta

import numpy as np

from energygrid.flexibility.baselines.days import LocalDays
from energygrid.flexibility.baselines.rule_set import RuleSet
from energygrid.metering.calendar import Span, day_number, local_days, local_to_utc
from energygrid.metering.readings import DAY_S, Float64s


def deadline(rules: RuleSet, zone: str, event: Span) -> int:
    """The instant by which a curve is filed: the rule set's local time on the day before the event's first day."""
    if rules.deadline is None:
        raise ValueError(f"{rules.id} has no deadline")
    day = date(1970, 1, 1) + timedelta(days=int(local_days(np.array([event.instants()[0]]), zone)[0]) - 1)
    seconds = rules.deadline.hour * 3600 + rules.deadline.minute * 60
    return int(local_to_utc(np.array([day_number(day) * DAY_S + seconds]), zone, "earlier").utc[0])


def of_profile(profile: Float64s, count: Float64s, days: LocalDays, event: Span) -> Float64s:
    """(H, n): a profile by the wall clock (S,) in kWh an asset and interval, times the number of assets (H,)."""
    slots = days.slot[days.positions(*event.instants())]
    return count[:, None] * profile[slots]
