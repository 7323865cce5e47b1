"""A rule set: everything that tells one baseline method from another, as data."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, time
from enum import StrEnum


class Method(StrEnum):
    DAY_MATCH = "DAY_MATCH"
    SAME_DAY = "SAME_DAY"
    CONTROL_GROUP = "CONTROL_GROUP"
    NOMINATED = "NOMINATED"
    FIXED = "FIXED"
    ZERO = "ZERO"


_ARCHETYPE = {
    Method.DAY_MATCH: "historical",
    Method.SAME_DAY: "historical",
    Method.CONTROL_GROUP: "control group",
    Method.NOMINATED: "nominated",
    Method.FIXED: "fixed",
    Method.ZERO: "fixed",
}

_WORDS = frozenset({"title", "source", "unconfirmed", "confirmed", "archetype", "effective_from", "effective_to"})


class Pick(StrEnum):
    """Which of the days looked at are kept, ranked by their energy; of equal days the later ranks higher."""

    ALL = "ALL"
    HIGHEST = "HIGHEST"
    LOWEST = "LOWEST"
    MIDDLE = "MIDDLE"


class RankOn(StrEnum):
    EVENT_WINDOW = "EVENT_WINDOW"
    FULL_DAY = "FULL_DAY"


class Average(StrEnum):
    """MEDIAN is taken half-hour by half-hour."""

    MEAN = "MEAN"
    MEDIAN = "MEDIAN"


class Shortfall(StrEnum):
    """What becomes of an asset with too few days.

    OUTTURN     its baseline is what it used: nothing is delivered
    REFUSE      it has no baseline (NaN)
    EVENT_DAYS  the event days with the highest load fill up to the minimum; if there are too few of these
                as well, no baseline
    """

    OUTTURN = "OUTTURN"
    REFUSE = "REFUSE"
    EVENT_DAYS = "EVENT_DAYS"


class Adjust(StrEnum):
    NONE = "NONE"
    ADD = "ADD"
    RATIO = "RATIO"


class Sign(StrEnum):
    BOTH = "BOTH"
    UP_ONLY = "UP_ONLY"


class Floor(StrEnum):
    PER_INTERVAL = "PER_INTERVAL"
    NET = "NET"
    EVENT = "EVENT"


class AggregateAt(StrEnum):
    ASSET = "ASSET"
    PORTFOLIO = "PORTFOLIO"


class Anchor(StrEnum):
    START = "START"
    END = "END"


class Holidays(StrEnum):
    """What a public holiday is: like any other day, no reference day at all, or a day of the class named `holiday`."""

    IGNORED = "IGNORED"
    EXCLUDED = "EXCLUDED"
    OWN_CLASS = "OWN_CLASS"


@dataclass(frozen=True, slots=True)
class Window:
    """Hours from the event's start or end, elapsed time: (START, -4, -1) is the three hours ending one before it."""

    anchor: Anchor
    from_h: float
    to_h: float


@dataclass(frozen=True, slots=True)
class DayClass:
    """Days that are alike, and how reference days are chosen among them.

    weekdays  0 = Monday
    days      how many of the most recent eligible days are looked at
    minimum   fewer than this: `Shortfall`
    keep      how many stay after ranking; None: all
    weights   of the kept days, most recent first; empty: equal. With fewer days the first of them count
    """

    name: str
    weekdays: tuple[int, ...]
    days: int
    minimum: int
    pick: Pick = Pick.ALL
    keep: int | None = None
    average: Average = Average.MEAN
    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        kept = self.days if self.keep is None else self.keep
        if not 1 <= self.minimum <= self.days or not 1 <= kept <= self.days:
            raise ValueError(f"{self.name}: minimum and keep lie between 1 and days")
        if self.pick is Pick.MIDDLE and ((self.days - kept) % 2 or self.minimum <= self.days - kept):
            raise ValueError(f"{self.name}: MIDDLE drops as many at either end and leaves at least one day")
        if self.weights and len(self.weights) != kept:
            raise ValueError(f"{self.name}: one weight a kept day")


@dataclass(frozen=True, slots=True)
class DayTypes:
    """Every weekday stands in exactly one class; `holiday` names the class holidays count to (OWN_CLASS), and
    also the one an event on an EXCLUDED holiday is judged by.
    """

    classes: tuple[DayClass, ...]
    holidays: Holidays
    holiday: str | None = None

    def __post_init__(self) -> None:
        if sorted(day for kind in self.classes for day in kind.weekdays) != list(range(7)):
            raise ValueError("every weekday stands in exactly one class")
        if (self.holidays is Holidays.IGNORED) != (self.holiday is None):
            raise ValueError("holidays that are not ignored name their class")
        if self.holiday is not None and self.holiday not in {kind.name for kind in self.classes}:
            raise ValueError(f"{self.holiday} is no class")


@dataclass(frozen=True, slots=True)
class Adjustment:
    """`cap` bounds the ratio, or the shift in kWh an interval. See `adjustment.py` for the formulas."""

    how: Adjust
    windows: tuple[Window, ...]
    cap: tuple[float, float] | None = None
    sign: Sign = Sign.BOTH


@dataclass(frozen=True, slots=True)
class RuleSet:
    """One version of a method, in force `[effective_from, effective_to)`; None: no bound.

    interval_min  the market's own interval; readings of any length are computed as they are
    jurisdiction  whose public holidays count, see `days.holidays`
    base          of CONTROL_GROUP: the rule set that gives both groups their unadjusted baselines
    deadline      of NOMINATED: the local time of the day before by which a curve is filed
    source        where the rules were published
    unconfirmed   the parts nobody has yet compared with the published text; empty: confirmed
    """

    id: str
    version: int
    title: str
    method: Method
    source: str
    unconfirmed: tuple[str, ...]
    jurisdiction: str
    effective_from: date | None = None
    effective_to: date | None = None
    zone: str = "Europe/London"
    interval_min: int = 30
    day_types: DayTypes | None = None
    lookback_days: int = 0
    rank_on: RankOn = RankOn.FULL_DAY
    low_usage: float | None = None
    shortfall: Shortfall = Shortfall.REFUSE
    adjustment: Adjustment | None = None
    windows: tuple[Window, ...] = ()
    base: str | None = None
    deadline: time | None = None
    floor: Floor = Floor.PER_INTERVAL
    aggregate_at: AggregateAt = AggregateAt.ASSET

    def __post_init__(self) -> None:
        if (self.method is Method.DAY_MATCH) != (self.day_types is not None and self.lookback_days > 0):
            raise ValueError(f"{self.id}: day matching needs day types and a lookback, nothing else does")
        if (self.method is Method.SAME_DAY) != bool(self.windows):
            raise ValueError(f"{self.id}: a same-day baseline needs windows, nothing else does")

    @property
    def confirmed(self) -> bool:
        return not self.unconfirmed

    @property
    def archetype(self) -> str:
        """The family it belongs to: historical, control group, nominated or fixed."""
        return _ARCHETYPE[self.method]

    def in_force(self, on: date) -> bool:
        started = self.effective_from is None or self.effective_from <= on
        return started and (self.effective_to is None or on < self.effective_to)

    def as_json(self) -> Mapping[str, object]:
        """Plain JSON values: what is published and what `digest` is taken of."""
        plain: Mapping[str, object] = json.loads(json.dumps(asdict(self), default=_plain))
        return {**plain, "confirmed": self.confirmed, "archetype": self.archetype}

    def digest(self) -> str:
        """SHA-256 over the canonical JSON of what is computed by: the same digest, the same figures.

        Words about the rules and the days they are in force are left out: they may be put right later.
        """
        rules = {name: value for name, value in self.as_json().items() if name not in _WORDS}
        canonical = json.dumps(rules, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


def _plain(value: object) -> str:
    if isinstance(value, date | time):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form here")
