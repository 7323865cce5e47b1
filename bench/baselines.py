"""Baselines of fleets by each rule set, beside one pass of numpy over the same readings."""

from datetime import UTC, datetime, time
from decimal import Decimal

import numpy as np

from bench.figures import Figure, seconds, show
from bench.installation import Installation
from energygrid.flexibility.accuracy import backtest, days_to_load, placebo_days
from energygrid.flexibility.baselines import catalogue
from energygrid.flexibility.baselines.compute import compute
from energygrid.flexibility.baselines.days import LocalDays, Usage, holidays
from energygrid.flexibility.baselines.rule_set import Method, RuleSet
from energygrid.flexibility.settlement.delivery import Pair, Terms, deliver
from energygrid.flexibility.settlement.money import Incentive, lines
from energygrid.metering.calendar import Span

ZONE = "Europe/London"
EVENT = Span(datetime(2026, 1, 15, 17, tzinfo=UTC), datetime(2026, 1, 15, 19, tzinfo=UTC))
PRICE = Decimal("0.3")
BLOCK = 5_000
AIM_US = 300
"""An asset's share of 100,000 assets in 30 seconds."""


def run(_: Installation | None, meters: int, __: int) -> None:
    assets = min(meters, BLOCK)
    rules = [each for each in catalogue.RULE_SETS if each.method in {Method.DAY_MATCH, Method.SAME_DAY}]
    days = LocalDays.around(ZONE, EVENT, rules)
    kwh = _readings(assets, days)
    one_pass = seconds(lambda: kwh.sum(axis=1)) / assets * 1e6
    figures = [_figure(f"{each.id} version {each.version}", _baselines(each, kwh, days), one_pass) for each in rules]
    figures.append(_figure("settled and paid by BL01", _settled(kwh, days), one_pass))
    show(f"an event of two hours, {assets:,} assets, {len(days.number)} days", figures)
    _accuracy(min(assets, 1_000))


def _figure(what: str, taken: float, one_pass: float) -> Figure:
    return Figure(what, taken, one_pass, "us an asset", "one numpy sum", f"< {AIM_US} with reading", False)


def _readings(assets: int, days: LocalDays) -> np.ndarray:
    dice = np.random.default_rng(7)
    kwh = dice.gamma(2, 0.08, (assets, int(days.offset[-1])))
    kwh[dice.random(kwh.shape) < 0.0005] = np.nan
    return kwh


def _baselines(rules: RuleSet, kwh: np.ndarray, days: LocalDays) -> float:
    off = holidays("GB-ENG", days.first, days.last)
    return seconds(lambda: compute(rules, Usage(days, kwh), EVENT, holidays=off)) / len(kwh) * 1e6


def _settled(kwh: np.ndarray, days: LocalDays) -> float:
    off = holidays("GB-ENG", days.first, days.last)

    def settle() -> None:
        usage = Usage(days, kwh)
        found = compute(catalogue.BL01, usage, EVENT, holidays=off)
        delivered = deliver(Terms(), Pair(found.adjusted, usage.over(EVENT)))
        lines(delivered.total.tolist(), PRICE, Incentive.PER_KWH)

    return seconds(settle) / len(kwh) * 1e6


def _accuracy(assets: int) -> None:
    window = (time(17), time(19))
    placebo = placebo_days(catalogue.BL01, EVENT.start.date(), 20, ())
    days = days_to_load([catalogue.BL01], ZONE, window, placebo)
    kwh = _readings(assets, days)
    limit = seconds(lambda: kwh.sum(axis=1)) / assets * 1e6
    taken = seconds(lambda: backtest(catalogue.BL01, Usage(days, kwh), window, placebo).accuracy(), runs=3)
    reached = taken / assets * 1e6
    title = f"accuracy on 20 placebo days, {assets:,} assets, {len(days.number)} days"
    show(title, [Figure("BL01", reached, limit, "us an asset", "one numpy sum", "", False)])
