"""What an event is settled by: its own words, its scheme's where it is silent, and where both are the tenant's."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from energygrid.errors import NotFound
from energygrid.flexibility.baselines import catalogue
from energygrid.flexibility.baselines.rule_set import Floor, Method
from energygrid.flexibility.settlement.delivery import Metering

_COMPUTED = (Method.DAY_MATCH, Method.SAME_DAY, Method.ZERO, Method.FIXED)


class EventTerms(BaseModel):
    """Stored under the names of the wire, and only what was said.

    rule_sets        every asset has a baseline by each of them; the first one is paid by
    floor            of the first rule set, unless it is named
    cap_at_baseline  no more is delivered in a half-hour than its baseline
    deadline_days    after the end, when an asset whose readings are missing settles as 0
    fixed_kwh        of rule set FIXED: kWh of an asset in each half-hour
    """

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)

    rule_sets: Annotated[list[str], Field(min_length=1, max_length=len(catalogue.IDS))] | None = None
    floor: Floor | None = None
    metering: Metering | None = None
    cap_at_baseline: bool | None = None
    deadline_days: Annotated[float, Field(ge=0, le=3650, allow_inf_nan=False)] | None = None
    fixed_kwh: list[Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]] | None = None


NAMES = frozenset(str(field.alias) for field in EventTerms.model_fields.values())


def merged(scheme: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The terms of an event of a scheme with these facts, of which some are about other things."""
    return {name: value for name, value in scheme.items() if name in NAMES} | dict(own)


def faults(terms: Mapping[str, Any], starts_at: datetime, ends_at: datetime) -> list[str]:
    """A sentence for each member that does not hold for an event of these times."""
    try:
        read = EventTerms.model_validate(terms)
    except ValidationError as error:
        return [f"{'.'.join(['terms', *map(str, fault['loc'])])}: {fault['msg']}" for fault in error.errors()]
    found: list[str] = []
    for named in read.rule_sets or ():
        try:
            method = catalogue.find(named, starts_at.date()).method
        except NotFound as error:
            found.append(f"terms.ruleSets: {error.message}")
            continue
        if method not in _COMPUTED:
            found.append(f"terms.ruleSets: {named} needs curves or a group of its own, which an event has not")
        half_hours = int((ends_at - starts_at).total_seconds()) // 1800
        if method is Method.FIXED and len(read.fixed_kwh or ()) != half_hours:
            found.append(f"terms.fixedKwh: rule set FIXED needs {half_hours} numbers, kWh a half-hour")
    return found
