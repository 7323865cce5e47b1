"""What an event is settled by: its own words, its scheme's where it is silent, and where both are the tenant's."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from energygrid.errors import NotFound
from energygrid.flexibility.baselines import catalogue
from energygrid.flexibility.baselines.rule_set import Floor, Method, RuleSet
from energygrid.flexibility.settlement.delivery import Metering
from energygrid.flexibility.settlement.neso import Bid


class EventTerms(BaseModel):
    """Stored under the names of the wire, and only what was said.

    rule_sets            every asset has a baseline by each of them; the first one is paid by
    floor                of the first rule set, unless it is named
    cap_at_baseline      no more is delivered in a half-hour than its baseline
    deadline_days        after the end, when an asset whose readings are missing settles as 0
    fixed_kwh            of rule set FIXED: kWh of an asset in each half-hour
    nomination_deadline  of rule set NOMINATED: the time of the day before, by which curves are filed
    control_share        of rule set CONTROL_GROUP: of the assets that may take part, this share is held out by lot
    control_portfolio    of rule set CONTROL_GROUP: assets of this portfolio are controls too
    bid                  what the assets together were sold for to the system operator
    """

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)

    rule_sets: Annotated[list[str], Field(min_length=1, max_length=len(catalogue.IDS))] | None = None
    floor: Floor | None = None
    metering: Metering | None = None
    cap_at_baseline: bool | None = None
    deadline_days: Annotated[float, Field(ge=0, le=3650, allow_inf_nan=False)] | None = None
    fixed_kwh: list[Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]] | None = None
    nomination_deadline: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] | None = None
    control_share: Annotated[float, Field(gt=0, le=0.5, allow_inf_nan=False)] | None = None
    control_portfolio: Annotated[UUID | None, Field(alias="controlPortfolioUUID")] = None
    bid: Bid | None = None


_OF_IMPORT = {
    Method.FIXED: "curves are given for",
    Method.NOMINATED: "curves are given for",
    Method.CONTROL_GROUP: "controls are compared by",
}
NAMES = frozenset(str(field.alias) for field in EventTerms.model_fields.values())


def merged(scheme: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The terms of an event of a scheme with these facts, of which some are about other things."""
    return {name: value for name, value in scheme.items() if name in NAMES} | dict(own)


def controls(terms: Mapping[str, Any]) -> tuple[float | None, UUID | None]:
    """Share and portfolio of the assets that are not called, of checked terms."""
    read = EventTerms.model_validate(terms)
    return read.control_share, read.control_portfolio


def portfolios(terms: Mapping[str, Any]) -> list[UUID]:
    """Those that checked terms name."""
    _, portfolio = controls(terms)
    return [] if portfolio is None else [portfolio]


def faults(terms: Mapping[str, Any], starts_at: datetime, ends_at: datetime) -> list[str]:
    """A sentence for each member that does not hold for an event of these times."""
    try:
        read = EventTerms.model_validate(terms)
    except ValidationError as error:
        return [f"{'.'.join(['terms', *map(str, fault['loc'])])}: {fault['msg']}" for fault in error.errors()]
    half_hours = int((ends_at - starts_at).total_seconds()) // 1800
    found: list[str] = []
    for named in read.rule_sets or ():
        try:
            rules = catalogue.find(named, starts_at.date())
        except NotFound as error:
            found.append(f"terms.ruleSets: {error.message}")
            continue
        if (fault := unmet(read, rules, half_hours)) is not None:
            found.append(fault)
    return found


def unmet(terms: EventTerms, rules: RuleSet, half_hours: int) -> str | None:
    """What an event of these terms lacks for being computed by `rules`; None: nothing."""
    if rules.method is Method.CONTROL_GROUP and terms.control_share is None and terms.control_portfolio is None:
        return f"terms: rule set {rules.id} needs controls: name a controlShare to hold out, or a controlPortfolioUUID"
    if rules.method is Method.FIXED and len(terms.fixed_kwh or ()) != half_hours:
        return f"terms.fixedKwh: rule set {rules.id} needs {half_hours} numbers, kWh a half-hour"
    if rules.method in _OF_IMPORT and terms.metering not in {None, Metering.IMPORT}:
        return f"terms.metering: {_OF_IMPORT[rules.method]} import alone, so rule set {rules.id} needs IMPORT"
    return None
