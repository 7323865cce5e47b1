"""What the system operator of Great Britain pays for demand flexibility: NESO DFS Service Terms v4.0, 9 April 2026.

A unit's payment of one half-hour is S = 0.5 P Q K, where K follows what it delivered in percent of what it sold
(RV). All in decimals: the limits of K are exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from energygrid.access.consents.dates import months_before
from energygrid.flexibility.settlement.energy import MICRO
from energygrid.flexibility.settlement.money import rounded

HALF_HOUR = Decimal("0.5")
CAP = Decimal("1.2")
_PERCENT = Decimal("0.01")
_POOR = Decimal("0.5")
MONTHS = 3
_IN_A_ROW, _IN_THREE_MONTHS = 5, 10
_MICRO_A_MWH = 1000 * MICRO


class Bid(BaseModel):
    """What a unit sold for each half-hour of an event; `price` in money of the event a MWh. Named as on the wire."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True)

    mw: Annotated[Decimal, Field(ge=Decimal("0.1"), le=100, decimal_places=6)]
    price: Annotated[Decimal, Field(alias="pricePerMWh", ge=0, le=100_000, multiple_of=1)]

    @property
    def most(self) -> int:
        """Millionths of a kWh that count of a half-hour: 1.2 times what was sold for it."""
        return int(HALF_HOUR * self.mw * CAP * _MICRO_A_MWH)


@dataclass(frozen=True, slots=True)
class Payment:
    """Of one half-hour.

    delivered_mwh  V
    percent        RV
    factor         K
    amount         rounded to pence, half to even; below zero it is owed
    """

    delivered_mwh: Decimal
    percent: Decimal
    factor: Decimal
    amount: Decimal


def factor(percent: Decimal) -> Decimal:
    """K of RV, kinked at 25, 50 and 120 percent and at nothing."""
    if percent >= 120:
        return CAP
    if percent >= 50:
        return _PERCENT * percent
    if percent >= 25:
        return _PERCENT * (2 * percent - 50)
    if percent >= 0:
        return Decimal(0)
    return max(_PERCENT * percent, Decimal(-1))


def payment(bid: Bid, delivered: int) -> Payment:
    """Of one half-hour in which the unit delivered these millionths of a kWh."""
    mwh = Decimal(delivered) / _MICRO_A_MWH
    percent = 100 * mwh / (HALF_HOUR * bid.mw)
    found = factor(percent)
    return Payment(mwh, percent, found, rounded(HALF_HOUR * bid.price * bid.mw * found))


def poor_delivery(settled: Sequence[tuple[date, Decimal]], since: date) -> str | None:
    """Why the operator may deregister a unit: K below 0.5 five times in a row, or ten times in three months.

    Told is the last half-hour from `since` on that this is so of.

    settled  (day, K) of the unit's half-hours, oldest first; those before `since` count too
    """
    row, poor, told = 0, list[date](), None
    for day, found in settled:
        if found >= _POOR:
            row = 0
            continue
        row += 1
        poor = [each for each in poor if each > months_before(day, MONTHS)] + [day]
        if day < since:
            continue
        if row >= _IN_A_ROW:
            told = f"K was below {_POOR} {row} times in a row up to {day}"
        elif len(poor) >= _IN_THREE_MONTHS:
            told = f"K was below {_POOR} {len(poor)} times in the three months up to {day}"
    return told
