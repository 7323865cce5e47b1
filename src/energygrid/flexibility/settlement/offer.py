"""Pay for what was delivered of an offer, penalty for what was not. Buyer and seller sum to zero."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Settlement:
    """
    eligible  kW that are paid for
    seller    what the seller receives, net of the penalty; `buyer` is its negative
    """

    eligible: Decimal
    pay: Decimal
    penalty: Decimal
    seller: Decimal
    buyer: Decimal


def settle(offered: Decimal, delivered: Decimal, hours: Decimal, price: Decimal, penalty_rate: Decimal) -> Settlement:
    """`offered` and `delivered` in kW over `hours`; `price` and `penalty_rate` a kWh."""
    eligible = min(delivered, offered)
    pay = eligible * hours * price
    penalty = max(Decimal(0), offered - delivered) * hours * penalty_rate
    seller = pay - penalty
    return Settlement(eligible, pay, penalty, seller, -seller)
