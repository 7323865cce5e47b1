"""What a third party looked at, in words for the customer: a line for each kind of data and day. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

_EVERYTHING, _ACCOUNT = "All readings, bills and power quality", "Account details"
_WORDS: Mapping[str, str] = {
    "IntervalBlock": "Meter readings",
    "UsageSummary": "Bills",
    "ElectricPowerUsageSummary": "Bills",
    "ElectricPowerQualitySummary": "Power quality",
    "RetailCustomer": _ACCOUNT,
    "statements": "A bill as you got it",
}
"""By the deepest of these that an address names."""
_OTHERWISE = "Which meters there are"


@dataclass(frozen=True, slots=True)
class Look:
    """`at`: the last time that day; `times`: how often."""

    at: datetime
    what: str
    times: int


def looks(reads: Iterable[tuple[datetime, str]], zone: str) -> list[Look]:
    """`reads`: when, and at which address below the base of resources, newest first. So are the looks."""
    found: dict[tuple[date, str], Look] = {}
    local = ZoneInfo(zone)
    for at, path in reads:
        what = _what(path)
        day = at.astimezone(local).date()
        known = found.get((day, what))
        found[day, what] = Look(at, what, 1) if known is None else Look(known.at, what, known.times + 1)
    return list(found.values())


def _what(path: str) -> str:
    """Batches are of everything; other addresses lead down to what they are of."""
    names = path.strip("/").split("/")
    if names[0] == "Batch":
        return _ACCOUNT if names[1:2] == ["RetailCustomer"] and names[-1] != "UsagePoint" else _EVERYTHING
    return next((_WORDS[each] for each in reversed(names) if each in _WORDS), _OTHERWISE)
