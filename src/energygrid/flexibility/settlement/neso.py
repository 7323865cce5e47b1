"""What the system operator of Great Britain pays for demand flexibility: NESO DFS Service Terms v4.0, 9 April 2026.

A unit's payment of one half-hour is S = 0.5 P Q K, where K follows what it delivered in percent of what it sold
(RV). All in decimals: the limits of K are exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from energygrid.errors import Invalid

HALF_HOUR = Decimal("0.5")
BID_CAP = 1.2
_PERCENT = Decimal("0.01")
_POOR = Decimal("0.5")
_IN_A_ROW, _IN_THREE_MONTHS = 5, 10


@dataclass(frozen=True, slots=True)
class Payment:
    """
    delivered_percent  RV
    factor             K
    amount             GBP, not rounded; below zero it is owed
    """

    delivered_percent: Decimal
    factor: Decimal
    amount: Decimal


def factor(delivered_percent: Decimal) -> Decimal:
    """K of RV, kinked at 25, 50 and 120 percent and at nothing."""
    rv = delivered_percent
    if rv >= 120:
        return Decimal("1.2")
    if rv >= 50:
        return _PERCENT * rv
    if rv >= 25:
        return _PERCENT * (2 * rv - 50)
    if rv >= 0:
        return Decimal(0)
    return max(_PERCENT * rv, Decimal(-1))


def payment(price: Decimal, sold_mw: Decimal, delivered_mwh: Decimal) -> Payment:
    """Of one unit and half-hour; `price` in GBP/MWh. Raises Invalid INVALID_BID."""
    check_bid(price, sold_mw)
    percent = 100 * delivered_mwh / (HALF_HOUR * sold_mw)
    found = factor(percent)
    return Payment(percent, found, HALF_HOUR * price * sold_mw * found)


def check_bid(price: Decimal, sold_mw: Decimal) -> None:
    """Raises Invalid INVALID_BID unless it is 0.1 to 100 MW at a whole number of pounds."""
    if not Decimal("0.1") <= sold_mw <= 100:
        raise Invalid("INVALID_BID", f"a bid is 0.1 to 100 MW, not {sold_mw}", sold_mw=str(sold_mw))
    if price != price.to_integral_value():
        raise Invalid("INVALID_BID", f"a price is a whole number of GBP/MWh, not {price}", price=str(price))


def poor_delivery(settled: Sequence[tuple[date, Decimal]]) -> str | None:
    """Why the operator may deregister a unit: K below 0.5 five times in a row, or ten times in three months.

    settled  (day, K) of the unit's half-hours, oldest first
    """
    row = 0
    poor: list[date] = []
    for day, found in settled:
        row = row + 1 if found < _POOR else 0
        if row >= _IN_A_ROW:
            return f"K was below {_POOR} {row} times in a row up to {day}"
        if found < _POOR:
            poor = [each for each in poor if each > _three_months_before(day)] + [day]
        if len(poor) >= _IN_THREE_MONTHS:
            return f"K was below {_POOR} {len(poor)} times in the three months up to {day}"
    return None


def _three_months_before(day: date) -> date:
    month = day.month - 3
    year, month = (day.year, month) if month > 0 else (day.year - 1, month + 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month, last)
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")
