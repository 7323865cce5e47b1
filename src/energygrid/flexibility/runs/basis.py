"""What every statement of a run is computed by: written down when the run begins, and never changed."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec
import numpy as np

from energygrid.errors import Invalid
from energygrid.flexibility.baselines import catalogue, given
from energygrid.flexibility.baselines.control_group import ControlGroup
from energygrid.flexibility.baselines.days import LocalDays, holidays
from energygrid.flexibility.baselines.rule_set import Floor, Method, RuleSet
from energygrid.flexibility.events.event import Event
from energygrid.flexibility.events.terms import EventTerms, unmet
from energygrid.flexibility.settings import FlexibilitySettings
from energygrid.flexibility.settlement.delivery import Direction, Metering, Terms
from energygrid.flexibility.settlement.money import Incentive
from energygrid.flexibility.settlement.neso import Bid
from energygrid.metering.calendar import Span, date_of, local_days


class RunKind(StrEnum):
    """A run of baselines is published before the event, and frozen by its start; a settlement follows its end.

    Where a method compares with a control group, the group's own run comes before the settlement.
    """

    BASELINE = "BASELINE"
    CONTROL = "CONTROL"
    SETTLEMENT = "SETTLEMENT"


@dataclass(frozen=True, slots=True)
class Rules:
    """One rule set, and the public holidays it is computed with.

    base   of a control group: the rule set of its profiles
    group  of a control group's settlement: what the controls came to
    """

    rules: RuleSet
    digest: str
    holidays: frozenset[date]
    base: RuleSet | None = None
    group: ControlGroup | None = None

    @property
    def history(self) -> RuleSet:
        """What profiles are computed by."""
        return self.base or self.rules


@dataclass(frozen=True, slots=True)
class Basis:
    """
    methods    the first is what is paid by; the others stand beside it
    open_to    statements of baselines change until the event begins, those of settlements until the deadline for data
    fixed_kwh  of FIXED: the curve of every asset, kWh an interval
    filed_by   of NOMINATED: until when curves are filed
    bid        what the assets together were sold for
    """

    kind: RunKind
    event: UUID
    span: Span
    methods: tuple[Rules, ...]
    terms: Terms
    incentive: Decimal
    incentive_type: Incentive
    currency: str
    open_to: datetime
    fixed_kwh: tuple[float, ...]
    filed_by: datetime | None = None
    bid: Bid | None = None

    @property
    def intervals(self) -> int:
        return int((self.span.end - self.span.start).total_seconds()) // 1800

    @property
    def computed(self) -> tuple[Rules, ...]:
        """Methods that the run makes statements by."""
        return tuple(each for each in self.methods if self.kind is not RunKind.CONTROL or each.base is not None)

    def place(self, method: str) -> int:
        """Where a method stands among the event's."""
        return [each.rules.id for each in self.methods].index(method)

    def settled_by(self, groups: Mapping[str, ControlGroup]) -> "Basis":
        """Of controls: the basis of the settlement that compares with them, given each method's group."""
        methods = tuple(replace(each, group=groups.get(each.rules.id)) for each in self.methods)
        return replace(self, kind=RunKind.SETTLEMENT, methods=methods)

    def days(self, zone: str) -> LocalDays:
        return LocalDays.around(zone, self.span, [each.history for each in self.methods])

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "event": str(self.event),
            "start": self.span.start.isoformat(),
            "end": self.span.end.isoformat(),
            "methods": [
                {
                    "id": each.rules.id,
                    "version": each.rules.version,
                    "digest": each.digest,
                    "holidays": sorted(day.isoformat() for day in each.holidays),
                    "base": None if each.base is None else _named(each.base),
                    "group": None if each.group is None else asdict(each.group),
                }
                for each in self.methods
            ],
            "terms": {
                "direction": self.terms.direction,
                "floor": self.terms.floor,
                "metering": self.terms.metering,
                "capAtBaseline": self.terms.cap_at_baseline,
            },
            "incentive": str(self.incentive),
            "incentiveType": self.incentive_type,
            "currency": self.currency,
            "openTo": self.open_to.isoformat(),
            "fixedKwh": list(self.fixed_kwh),
            "filedBy": None if self.filed_by is None else self.filed_by.isoformat(),
            "bid": None if self.bid is None else self.bid.model_dump(mode="json", by_alias=True),
        }

    def digest(self) -> str:
        """SHA-256 of its canonical JSON."""
        return hashlib.sha256(msgspec.json.encode(self.as_json(), order="sorted")).hexdigest()


def read(stored: Mapping[str, Any]) -> Basis:
    """The inverse of `as_json`. Raises NotFound UNKNOWN_RULE_SET."""
    terms = stored["terms"]
    return Basis(
        kind=RunKind(stored["kind"]),
        event=UUID(stored["event"]),
        span=Span(datetime.fromisoformat(stored["start"]), datetime.fromisoformat(stored["end"])),
        methods=tuple(
            Rules(
                catalogue.find_version(each["id"], each["version"]),
                each["digest"],
                frozenset(date.fromisoformat(day) for day in each["holidays"]),
                None if each["base"] is None else catalogue.find_version(each["base"]["id"], each["base"]["version"]),
                None if each["group"] is None else _group(each["group"]),
            )
            for each in stored["methods"]
        ),
        terms=Terms(
            Direction(terms["direction"]), Floor(terms["floor"]), Metering(terms["metering"]), terms["capAtBaseline"]
        ),
        incentive=Decimal(stored["incentive"]),
        incentive_type=Incentive(stored["incentiveType"]),
        currency=stored["currency"],
        open_to=datetime.fromisoformat(stored["openTo"]),
        fixed_kwh=tuple(stored["fixedKwh"]),
        filed_by=None if stored["filedBy"] is None else datetime.fromisoformat(stored["filedBy"]),
        bid=None if stored["bid"] is None else Bid.model_validate(stored["bid"]),
    )


def _named(rules: RuleSet) -> dict[str, Any]:
    return {"id": rules.id, "version": rules.version, "digest": rules.digest()}


def _group(stored: Mapping[str, Any]) -> ControlGroup:
    return ControlGroup(**{**stored, "change": tuple(stored["change"])})


def basis_of(event: Event, kind: RunKind, settings: FlexibilitySettings) -> Basis:
    """What `event` is settled by: its terms, else what the tenant has set.

    Raises NotFound UNKNOWN_RULE_SET, RULE_SET_NOT_IN_FORCE, Invalid BAD_TERMS.
    """
    span = Span(event.starts_at.astimezone(UTC), event.ends_at.astimezone(UTC))
    terms = EventTerms.model_validate(event.terms)
    day = date_of(int(local_days(np.array([span.instants()[0]]), settings.zone)[0]))
    rules = [catalogue.find(each, day) for each in terms.rule_sets or settings.rule_sets]
    intervals = (span.instants()[1] - span.instants()[0]) // 1800
    if faults := [fault for each in rules if (fault := unmet(terms, each, intervals)) is not None]:
        raise Invalid("BAD_TERMS", "; ".join(faults))
    wait = settings.deadline_days if terms.deadline_days is None else terms.deadline_days
    metering, cap = terms.metering or Metering.IMPORT, bool(terms.cap_at_baseline)
    return Basis(
        kind=kind,
        event=event.uuid,
        span=span,
        methods=tuple(_dated(each, day, span) for each in dict.fromkeys(rules)),
        terms=Terms(Direction(event.type), terms.floor or rules[0].floor, metering, cap),
        incentive=event.incentive,
        incentive_type=Incentive(event.incentive_type),
        currency=event.currency,
        open_to=span.start if kind is RunKind.BASELINE else span.end + timedelta(days=wait),
        fixed_kwh=tuple(terms.fixed_kwh or ()),
        filed_by=_filed_by(rules, terms, settings.zone, span),
        bid=terms.bid,
    )


def _filed_by(rules: list[RuleSet], terms: EventTerms, zone: str, span: Span) -> datetime | None:
    nominated = next((each for each in rules if each.method is Method.NOMINATED), None)
    if nominated is None:
        return None
    if terms.nomination_deadline is not None:
        nominated = replace(nominated, deadline=time.fromisoformat(terms.nomination_deadline))
    return datetime.fromtimestamp(given.deadline(nominated, zone, span), UTC)


def _dated(rules: RuleSet, day: date, span: Span) -> Rules:
    base = None if rules.base is None else catalogue.find(rules.base, day)
    history = base or rules
    first = span.start.date() - timedelta(days=history.lookback_days + 3)
    off = holidays(history.jurisdiction, first, span.end.date() + timedelta(days=3))
    return Rules(rules, rules.digest(), off, base)
