"""The price of a period's usage: a bill's lines, what each interval cost, and what could not be priced.

Pure: usage in, bill out. Quantities stay exact until the money step, which rounds each printed line half up; the total
is the sum of the printed lines. An hour without a reading or without one price is named in `Bill.unpriced` and is
in no line, never counted as zero. Source: contracts/powerbox.md 1.7 and 1.13 P-7.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import IntEnum, StrEnum
from itertools import pairwise

import numpy as np

from energygrid.billing.coverage import GAP, OVERLAP, price_table
from energygrid.billing.money import to_money
from energygrid.billing.rates import Rate, RateType
from energygrid.errors import Invalid
from energygrid.metering.calendar import HOUR_S, day_number, day_starts, local_days, to_local
from energygrid.metering.readings import DAY_S, Float64s, Int64s

_PLACES = 9
"""Readings have at most six places; the sum of a year's in float64 is right to far more than nine."""


class LineKind(StrEnum):
    ENERGY = "ENERGY"
    ADDER = "ADDER"
    FIXED = "FIXED"
    TAX = "TAX"


class Fault(IntEnum):
    """Why an interval has no price."""

    TOU_GAP = GAP
    TOU_OVERLAP = OVERLAP
    PRICE_CHANGES_WITHIN = -3
    MISSING_READING = -4
    NO_RATE = -5


@dataclass(frozen=True, slots=True)
class Usage:
    """Energy of one meter in the rate's unit.

    start       (n,) epoch seconds UTC of interval starts, rising
    value       (n,) NaN = missing; an interval that is absent is missing too
    interval_s  86,400 = one local day
    """

    start: Int64s
    value: Float64s
    interval_s: int


@dataclass(frozen=True, slots=True)
class Line:
    """`quantity` times `price` is `amount` before it was rounded; of a tax, the base and the share."""

    kind: LineKind
    name: str
    quantity: Decimal
    unit: str
    price: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Unpriced:
    """A run of intervals [start, end) in epoch seconds, and their usage, None when it is not known."""

    reason: str
    start: int
    end: int
    quantity: Decimal | None


@dataclass(frozen=True, slots=True)
class Bill:
    """start, interval_cost  (n,) every interval of the period and its energy cost, unrounded; NaN = not priced."""

    currency: str
    lines: tuple[Line, ...]
    total: Decimal
    usage: Decimal
    unpriced: tuple[Unpriced, ...]
    start: Int64s
    interval_cost: Float64s

    @property
    def complete(self) -> bool:
        return not self.unpriced


def price_bill(usage: Usage, first: date, end: date, zone: str, versions: Sequence[Rate]) -> Bill:
    """Price the local days [first, end).

    versions  of one rate, oldest first, not overlapping; a change within the period splits it: each part is priced
              with its own version, its allowances and charges by the days of the part
    Raises Invalid("EMPTY_PERIOD"), Invalid("MIXED_CURRENCIES").
    """
    if end <= first:
        raise Invalid("EMPTY_PERIOD", "a billing period ends after it starts")
    currencies = {rate.currency for rate in versions} or {"USD"}
    if len(currencies) > 1:
        raise Invalid("MIXED_CURRENCIES", "the versions of the rate are in different currencies")
    grid = _dense(usage, first, end, zone)
    days = local_days(grid.start, zone)
    cost = np.full(len(grid.start), np.nan)
    faults = np.full(len(grid.start), Fault.NO_RATE, np.int64)
    lines: list[Line] = []
    for rate in versions:
        part_first = max(first, rate.valid_from)
        part_end = min(end, date.fromordinal(rate.valid_to.toordinal() + 1)) if rate.valid_to else end
        if part_first >= part_end:
            continue
        at = np.flatnonzero((days >= day_number(part_first)) & (days < day_number(part_end)))
        part = Usage(grid.start[at], grid.value[at], grid.interval_s)
        part_days = (part_end - part_first).days
        split = _split(rate, part, part_days, zone)
        cost[at], faults[at] = split.cost, split.faults
        lines += _lines(rate, split, part.value, part_days, (end - first).days)
    faults[np.isnan(grid.value)] = Fault.MISSING_READING
    cost[faults < 0] = np.nan
    total = sum((line.amount for line in lines), Decimal(0))
    runs = _runs(grid, faults, _ends(grid, zone))
    return Bill(currencies.pop(), tuple(lines), total, _exact(grid.value), tuple(runs), grid.start, cost)


def _dense(usage: Usage, first: date, end: date, zone: str) -> Usage:
    """The period's whole grid; what `usage` lacks is NaN."""
    low, high = day_starts(np.array([day_number(first), day_number(end)]), zone).tolist()
    if usage.interval_s == DAY_S:
        start = day_starts(np.arange(day_number(first), day_number(end)), zone)
    else:
        start = np.arange(-(-low // usage.interval_s) * usage.interval_s, high, usage.interval_s)
    value = np.full(len(start), np.nan)
    at = np.searchsorted(start, usage.start)
    fits = at < len(start)
    fits[fits] = start[at[fits]] == usage.start[fits]
    value[at[fits]] = usage.value[fits]
    return Usage(start, value, usage.interval_s)


def _ends(grid: Usage, zone: str) -> Int64s:
    if grid.interval_s == DAY_S:
        return day_starts(local_days(grid.start, zone) + 1, zone)
    return grid.start + grid.interval_s


@dataclass(frozen=True, slots=True)
class _Split:
    """Usage of n intervals over p prices. quantity (n, p), 0 where not priced; faults (n,) 0 where priced."""

    names: list[str]
    prices: list[Decimal]
    quantity: Float64s
    faults: Int64s

    @property
    def cost(self) -> Float64s:
        each: Float64s = self.quantity @ np.array([float(price) for price in self.prices])
        return each


def _split(rate: Rate, part: Usage, days: int, zone: str) -> _Split:
    known = np.nan_to_num(part.value)
    priced = np.zeros(len(known), np.int64)
    if rate.type is RateType.TOU:
        return _split_tou(rate, part, known, zone)
    if rate.type is RateType.TIERED:
        names = [tier.name or f"Tier {number}" for number, tier in enumerate(rate.tiers, 1)]
        limits = [float(tier.daily_allowance * days) for tier in rate.tiers[:-1] if tier.daily_allowance is not None]
        quantity = split_by_limits(known, np.array(limits))
        return _Split(names, [tier.amount for tier in rate.tiers], quantity, priced)
    assert rate.flat_amount is not None
    return _Split(["Energy"], [rate.flat_amount], known[:, None], priced)


def energy_prices(rate: Rate, usage: Usage, zone: str) -> tuple[list[tuple[str, Decimal]], Int64s] | None:
    """The names and prices of a unit of energy, and (n,) which of them each interval has, or the Fault why it has none.

    None for a tiered rate: what a unit costs there depends on all that was used before it in its billing period.
    """
    match rate.type:
        case RateType.FLAT:
            assert rate.flat_amount is not None
            return [("Energy", rate.flat_amount)], np.zeros(len(usage.start), np.int64)
        case RateType.TOU:
            kinds, kind_of = _tou_kinds(rate)
            return kinds, _price_of_intervals(rate, usage, kind_of, zone)
    return None


def _tou_kinds(rate: Rate) -> tuple[list[tuple[str, Decimal]], Int64s]:
    """Rows of the same name and price are one kind; kind by position in `rate.tou`, then OVERLAP and GAP."""
    kinds = list(dict.fromkeys((period.name, period.amount) for period in rate.tou))
    kind_of = np.array([*(kinds.index((period.name, period.amount)) for period in rate.tou), OVERLAP, GAP])
    return kinds, kind_of


def split_by_limits(value: Float64s, limits: Float64s) -> Float64s:
    """Each interval's usage by tier; an interval that crosses a limit is split there.

    value   (n,) in order of time, without NaN
    limits  (p - 1,) rising usage since the period's start
    Returns (n, p); its rows sum to `value`. Where net export takes the running sum back below a limit, the
    price of the lower tier is what is given back.
    """
    running = np.concatenate(([0.0], np.cumsum(value)))[:, None]
    low = np.concatenate(([-np.inf], limits))
    high = np.concatenate((limits, [np.inf]))
    filled = np.clip(running, low, high)
    quantity: Float64s = np.diff(filled, axis=0)
    return quantity


def _split_tou(rate: Rate, part: Usage, known: Float64s, zone: str) -> _Split:
    """Rows of the same name and price are one line, whichever days and hours they stand for."""
    kinds, kind_of = _tou_kinds(rate)
    price = _price_of_intervals(rate, part, kind_of, zone)
    quantity = np.where(price[:, None] == np.arange(len(kinds)), known[:, None], 0.0)
    return _Split([name for name, _ in kinds], [amount for _, amount in kinds], quantity, np.minimum(price, 0))


def _price_of_intervals(rate: Rate, part: Usage, kind_of: Int64s, zone: str) -> Int64s:
    """(n,) kind of price of each interval, or a fault.

    kind_of  kind by position in `rate.tou`; its last two entries stand for OVERLAP and GAP
    """
    if not len(part.start):
        return np.zeros(0, np.int64)
    days = local_days(part.start, zone)
    first = int(days[0]) - 1
    table = kind_of[price_table(rate, np.arange(first, int(days[-1]) + 3))]
    if part.interval_s == DAY_S:
        touched = table[days - first]
    else:
        offsets = np.append(np.arange(0, part.interval_s, HOUR_S), part.interval_s - 1)
        wall = to_local(part.start[:, None] + offsets, zone)
        touched = table[wall // DAY_S - first, wall % DAY_S // HOUR_S]
    same = (touched == touched[:, :1]).all(axis=1)
    return np.where(same, touched[:, 0], Fault.PRICE_CHANGES_WITHIN)


def _lines(rate: Rate, split: _Split, value: Float64s, days: int, period_days: int) -> list[Line]:
    def line(kind: LineKind, name: str, quantity: Decimal, unit: str, price: Decimal) -> Line:
        return Line(kind, name, quantity, unit, price, to_money(quantity * price, rate.currency))

    taxable: list[Line] = []
    untaxed: list[Line] = []
    for position, (name, price) in enumerate(zip(split.names, split.prices, strict=True)):
        taxable.append(line(LineKind.ENERGY, name, _exact(split.quantity[:, position]), rate.unit, price))
    used = _exact(value)
    for adder in rate.adders:
        group = taxable if adder.taxable else untaxed
        group.append(line(LineKind.ADDER, adder.name, used, rate.unit, adder.amount_per_unit))
    for charge in rate.fixed:
        group = taxable if charge.taxable else untaxed
        if charge.per == "DAY":
            group.append(line(LineKind.FIXED, charge.name, Decimal(days), "day", charge.amount))
        else:
            share = Decimal(days) / Decimal(period_days)
            group.append(line(LineKind.FIXED, charge.name, share, "period", charge.amount))
    base = sum((each.amount for each in taxable), Decimal(0))
    taxes = [line(LineKind.TAX, tax.name, base, rate.currency, tax.rate) for tax in rate.taxes]
    return [*taxable, *untaxed, *taxes]


def _exact(values: Float64s) -> Decimal:
    """The sum as the decimal number that it is; missing values are left out."""
    total = round(math.fsum(values[~np.isnan(values)].tolist()), _PLACES)
    return Decimal(repr(total)) if total else Decimal(0)


def _runs(grid: Usage, faults: Int64s, ends: Int64s) -> list[Unpriced]:
    if not len(faults):
        return []
    edges = [0, *(np.flatnonzero(np.diff(faults)) + 1).tolist(), len(faults)]
    return [
        Unpriced(
            Fault(int(faults[low])).name,
            int(grid.start[low]),
            int(ends[high - 1]),
            None if faults[low] == Fault.MISSING_READING else _exact(grid.value[low:high]),
        )
        for low, high in pairwise(edges)
        if faults[low] < 0
    ]
