"""What each interval cost: its energy at the energy price of the rate that the meter had then (FB_12).

Adders, fixed charges and taxes are not costs of an interval; they stand in the bill. An interval of a tiered rate has
no price of its own, and neither has one without exactly one price: its cost is absent. Costs are exact, rounded half
away from zero once, to hundred-thousandths of the currency.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from fractions import Fraction

import numpy as np
from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.access.consents.espi_scope import EspiScope
from energygrid.billing import tariffs
from energygrid.billing.pricing import Usage, energy_prices
from energygrid.billing.rates import Rate, RateType
from energygrid.billing.settings import BillingSettings
from energygrid.errors import NotFound
from energygrid.greenbutton.usage import queries
from energygrid.greenbutton.usage.codes import MOST
from energygrid.greenbutton.usage.runs import NO_COST, IntervalRun
from energygrid.greenbutton.usage.served import ServedMeter, ServedSeries
from energygrid.greenbutton.usage.spans import LAST
from energygrid.metering.calendar import day_number, day_span, local_days
from energygrid.metering.readings import DAY_S, Bools, Commodity, Flow, Int64s, Kind
from energygrid.metering.units import UNITS, unit

_INTERVAL_COST = 12
_FUELS = {"Electric": Commodity.ELECTRICITY, "Gas": Commodity.GAS}
_BOUGHT = {Flow.DELIVERED, Flow.TOTAL}
_COUNTED = {Kind.ENERGY, Kind.VOLUME}
_EXACT = 2**62


@dataclass(frozen=True, slots=True)
class Tariff:
    """Rates of one meter: (first instant, end, versions oldest first), in order of time; and when any was changed."""

    parts: tuple[tuple[int, int, tuple[Rate, ...]], ...]
    changed_at: tuple[datetime, ...]

    @property
    def has_prices(self) -> bool:
        return any(rate.type is not RateType.TIERED for _, _, versions in self.parts for rate in versions)


def tariffs_of(db: Connection, tenant: Tenant, scope: EspiScope, meters: Sequence[ServedMeter]) -> Mapping[str, Tariff]:
    """By meter, when costs of intervals may be seen. Before the first rate that is known of a meter it has none."""
    if _INTERVAL_COST not in scope.blocks or not meters:
        return {}
    stored: dict[str, list[tariffs.StoredRate]] = {}
    found: dict[str, Tariff] = {}
    for meter_id, history in queries.rates(db, tenant.id, [each.meter.meter_id for each in meters]).items():
        for _, code in history:
            if code not in stored:
                stored[code] = _versions(db, tenant, code)
        begins = [int(since.timestamp()) for since, _ in history]
        ends = [*begins[1:], LAST]
        parts = tuple(
            (begin, end, tuple(version.rate for version in stored[code]))
            for begin, end, (_, code) in zip(begins, ends, history, strict=True)
        )
        changed = tuple(version.changed_at for _, code in history for version in stored[code])
        found[meter_id] = Tariff(parts, changed)
    return found


def _versions(db: Connection, tenant: Tenant, code: str) -> list[tariffs.StoredRate]:
    currency = tenant.section("billing", BillingSettings).currency
    try:
        found = tariffs.versions(db, tenant, code)
    except NotFound:
        return []
    return [version for version in found if version.rate.currency == currency]


def priced(run: IntervalRun, series: ServedSeries, tariff: Tariff | None) -> IntervalRun:
    """The run with the cost of each interval that has one, and with the number of its time of use."""
    stored = series.series
    bought = stored.flow in _BOUGHT and stored.kind in _COUNTED and 0 < series.interval_s <= DAY_S
    if tariff is None or not bought or not tariff.has_prices:
        return run
    days = local_days(run.start, stored.zone)
    cost, tou = (np.full(len(run.start), NO_COST) for _ in range(2))
    for begin, end, versions in tariff.parts:
        for rate in versions:
            at = np.flatnonzero((run.start >= begin) & (run.start < end) & _in_force(rate, days))
            if at.size and _FUELS[rate.fuel] == stored.commodity:
                _price(run, series, rate, at, cost, tou)
    if (cost == NO_COST).all():
        return run
    return replace(run, cost=cost, tou=None if (tou == NO_COST).all() else tou)


def _in_force(rate: Rate, days: Int64s) -> Bools:
    held: Bools = days >= day_number(rate.valid_from)
    return held if rate.valid_to is None else held & (days <= day_number(rate.valid_to))


def _price(run: IntervalRun, series: ServedSeries, rate: Rate, at: Int64s, cost: Int64s, tou: Int64s) -> None:
    stored = series.series
    have, want = UNITS[stored.unit], unit(rate.unit)
    usage = Usage(run.start[at], np.zeros(len(at)), series.interval_s)
    found = energy_prices(rate, usage, stored.zone) if have.dimension == want.dimension else None
    if found is None:
        return
    kinds, kind = found
    counts = Fraction(10) ** (series.codes.uom.power - series.codes.uom.unit)
    for number, (_, price) in enumerate(kinds):
        mine = at[kind == number]
        each = counts * _ratio(have.factor, want.factor) * Fraction(price) * 100_000
        cost[mine] = _times(run.value[mine], each)
        if rate.type is RateType.TOU:
            tou[mine] = number + 1


def _ratio(have: float, want: float) -> Fraction:
    """How many of the one unit make one of the other; a whole number where it is meant to be one."""
    exact = Fraction(have) / Fraction(want)
    return exact.limit_denominator(10**6) if abs(exact - exact.limit_denominator(10**6)) < exact / 10**14 else exact


def _times(value: Int64s, each: Fraction) -> Int64s:
    """`value` times `each`, rounded half away from zero; NO_COST beyond Int48."""
    size = np.abs(value)
    most = int(size.max(initial=0))
    if max(2 * most * abs(each.numerator), each.denominator) < _EXACT:
        total = (2 * size * abs(each.numerator) + each.denominator) // (2 * each.denominator)
    else:
        wide = [(2 * one * abs(each.numerator) + each.denominator) // (2 * each.denominator) for one in size.tolist()]
        total = np.array([one if one <= MOST else _EXACT for one in wide], np.int64)
    sign = np.sign(value) * (1 if each >= 0 else -1)
    return np.where(total <= MOST, total * sign, NO_COST)


def energy_is_explained(tariff: Tariff | None, start: date, zone: str) -> bool:
    """Whether readings of a billing period carry their energy's cost, so that the bill need not explain it again."""
    if tariff is None:
        return False
    at, day = int(day_span(start, zone).start.timestamp()), np.array([day_number(start)])
    rates = [rate for begin, end, versions in tariff.parts if begin <= at < end for rate in versions]
    return any(rate.type is not RateType.TIERED and bool(_in_force(rate, day)[0]) for rate in rates)
