"""What scopes and states mean, in words for people."""

from collections.abc import Mapping
from dataclasses import dataclass

from energygrid.access.consents.espi_scope import EspiScope
from energygrid.access.third_parties.facts import Status

PARTS: Mapping[str, tuple[str, str]] = {
    "intervals": ("Meter readings", "How much you used or produced, and when"),
    "interval_costs": ("Cost of each reading", "What the energy of each reading cost"),
    "bills": ("Bills", "Billing periods, amounts, the lines of each bill and the usage it was made for"),
    "power_quality": ("Power quality", "Voltage, and interruptions of your supply"),
    "account": ("Account details", "Your name, address, account and meter numbers, and your agreements"),
}
"""By part of a scope: its title, and what it holds."""

STATUS: Mapping[Status, tuple[str, str]] = {
    Status.REVIEW: ("under review", "wait"),
    Status.LIVE: ("live", ""),
    Status.ON_HOLD: ("on hold", "bad"),
    Status.REVOKED: ("revoked", "off"),
}
"""By status of a third party: its word, and the look of its badge."""

USES: Mapping[int, str] = {
    1: "energy management",
    2: "comparison and analysis",
    3: "government",
    4: "research and teaching",
    5: "law enforcement",
}


@dataclass(frozen=True, slots=True)
class Part:
    key: str
    title: str
    detail: str


def parts_of(scope: EspiScope) -> list[Part]:
    """What a scope opens, a line for each thing that can be taken away."""
    return [Part(key, PARTS[key][0], PARTS[key][1] + _how_often(scope, key)) for key in scope.parts]


def _how_often(scope: EspiScope, part: str) -> str:
    if part != "intervals":
        return "."
    spans = [_span(seconds) for seconds in sorted(scope.interval_durations)] + (["month"] if scope.monthly else [])
    return f", a value every {' or '.join(spans)}." if spans else ", as finely as your meter measures."


def _span(seconds: int) -> str:
    for size, word in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds % size == 0:
            count = seconds // size
            return word if count == 1 else f"{count} {word}s"
    return f"{seconds} seconds"
