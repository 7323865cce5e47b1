"""What is paid for assets that were sold together."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from energygrid.surfaces.flex.wire import Instant, Out


class BidHalfHourOut(Out):
    """Money is rounded in each half-hour; `rv` (percent of what was sold) and `k` are cut at six decimals."""

    start: Instant
    delivered_mwh: Annotated[str, Field(alias="deliveredMWh")]
    rv: str
    k: str
    amount: str


class BidPaymentOut(Out):
    """What the system operator pays for the bid of the event's terms, by what was delivered as one portfolio."""

    mw: str
    price: Annotated[str, Field(alias="pricePerMWh")]
    amount: str
    half_hours: list[BidHalfHourOut]

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> "BidPaymentOut":
        lines = [
            BidHalfHourOut(
                start=each["start"],
                delivered_mwh=each["deliveredMWh"],
                rv=each["rv"],
                k=each["k"],
                amount=each["amount"],
            )
            for each in found["halfHours"]
        ]
        return cls(mw=found["mw"], price=found["pricePerMWh"], amount=found["amount"], half_hours=lines)
