"""Money: rounded once, half to even, for each asset; a total is the sum of rounded lines, so statements add up."""

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum

from energygrid.flexibility.settlement.energy import kwh


class Incentive(StrEnum):
    PER_KWH = "PER_KWH"
    PER_EVENT = "PER_EVENT"
    POINTS_PER_KWH = "POINTS_PER_KWH"


def rounded(amount: Decimal, places: int = 2) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)


def lines(delivered: Iterable[int], incentive: Decimal, kind: Incentive, places: int = 2) -> list[Decimal]:
    """What each asset is paid for its millionths of a kWh.

    PER_KWH         below zero it is owed
    PER_EVENT       the whole of it to whoever delivered more than nothing
    POINTS_PER_KWH  whole points, whatever `places`
    """
    if kind is Incentive.PER_EVENT:
        paid, nothing = rounded(incentive, places), rounded(Decimal(0), places)
        return [paid if of > 0 else nothing for of in delivered]
    if kind is Incentive.POINTS_PER_KWH:
        places = 0
    return [rounded(kwh(of) * incentive, places) for of in delivered]


def total(of: Iterable[Decimal]) -> Decimal:
    return sum(of, Decimal(0))
