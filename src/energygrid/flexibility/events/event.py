"""An event, and the draft that one is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from energygrid.errors import Invalid
from energygrid.flexibility.events import eligibility, terms
from energygrid.flexibility.events.lifecycle import StatsState, Status

TYPES = ("TURN_DOWN", "TURN_UP")
INCENTIVE_TYPES = ("PER_KWH", "PER_EVENT", "POINTS_PER_KWH")
LONGEST = timedelta(hours=24)
HALF_HOUR_S = 1800
_MOST_DECIMALS = 6
_MOST_INCENTIVE = Decimal(10) ** 9


@dataclass(frozen=True, slots=True)
class Event:
    """One event as stored.

    incentive           in `currency` (or points) a kWh or an event, by `incentive_type`
    eligibility         criteria by name, see `eligibility`
    terms               what it is settled by, to be read as `EventTerms`
    baselines_revision  of what was published last; 0: nothing yet. `stats_revision` alike
    """

    uuid: UUID
    name: str
    type: str
    status: Status
    starts_at: datetime
    ends_at: datetime
    scheme_uuid: UUID | None
    opt_in_required: bool
    incentive: Decimal
    incentive_type: str
    currency: str
    eligibility: Mapping[str, str]
    terms: Mapping[str, Any]
    stats_state: StatsState
    baselines_revision: int
    stats_revision: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Draft:
    """What a caller says of a new event."""

    name: str
    type: str
    starts_at: datetime
    ends_at: datetime
    scheme_uuid: UUID | None = None
    opt_in_required: bool = True
    incentive: Decimal = Decimal(0)
    incentive_type: str = "PER_KWH"
    currency: str | None = None
    eligibility: Mapping[str, str] = field(default_factory=dict)
    terms: Mapping[str, Any] = field(default_factory=dict)
    portfolios: Sequence[UUID] = ()


def check(values: Mapping[str, Any]) -> None:
    """Raise Invalid INVALID_EVENT with a sentence for each member of an event that does not hold."""
    times = values["starts_at"], values["ends_at"]
    faults = _faults_of_times(*times) or terms.faults(values["terms"], *times)
    faults += eligibility.faults(values["eligibility"])
    if not 1 <= len(values["name"].strip()) <= 200:
        faults.append("name: 1 to 200 characters are needed")
    if values["type"] not in TYPES:
        faults.append(f"type: one of {', '.join(TYPES)} is needed")
    if values["incentive_type"] not in INCENTIVE_TYPES:
        faults.append(f"incentiveType: one of {', '.join(INCENTIVE_TYPES)} is needed")
    if not _is_amount(values["incentive"]):
        faults.append("incentive: a number from 0 to 1,000,000,000 with at most six decimals is needed")
    currency = values["currency"]
    if not (len(currency) == 3 and currency.isascii() and currency.isupper()):
        faults.append("currency: three capital letters of ISO 4217 are needed, such as GBP")
    if faults:
        raise Invalid("INVALID_EVENT", "; ".join(faults), messages=faults)


def _is_amount(value: Decimal) -> bool:
    if not value.is_finite() or not 0 <= value <= _MOST_INCENTIVE:
        return False
    return value == value.quantize(Decimal(1).scaleb(-_MOST_DECIMALS))


def _faults_of_times(starts_at: datetime, ends_at: datetime) -> list[str]:
    faults = [
        f"{name}: events begin and end at :00 or :30, as the half-hours do that they are settled by"
        for name, instant in (("startDateTime", starts_at), ("endDateTime", ends_at))
        if instant.astimezone(UTC).timestamp() % HALF_HOUR_S
    ]
    if ends_at <= starts_at:
        faults.append("endDateTime: an event ends after its start")
    elif ends_at - starts_at > LONGEST:
        faults.append("endDateTime: an event lasts 24 hours at most")
    return faults
