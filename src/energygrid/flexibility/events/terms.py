"""What an event is settled by: its own words, and its scheme's where it is silent."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic.alias_generators import to_camel

from energygrid.flexibility.baselines import catalogue
from energygrid.flexibility.baselines.rule_set import Floor
from energygrid.flexibility.settlement.delivery import Metering


class EventTerms(BaseModel):
    """Stored under the names of the wire, and only what was said; the rest is this model's.

    rule_sets        every asset has a baseline by each of them; the first one settles
    cap_at_baseline  no more is delivered in a half-hour than its baseline
    deadline_days    after the end, when an asset whose readings are missing settles as 0; None: the tenant's setting
    """

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)

    rule_sets: tuple[str, ...] = Field(("BL01",), min_length=1, max_length=len(catalogue.IDS))
    floor: Floor = Floor.PER_INTERVAL
    metering: Metering = Metering.IMPORT
    cap_at_baseline: bool = False
    deadline_days: int | None = Field(None, ge=1, le=366)

    @field_validator("rule_sets")
    @classmethod
    def _known(cls, named: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [each for each in named if each not in catalogue.IDS]:
            raise ValueError(f"there is no rule set {', '.join(unknown)}: use any of {', '.join(catalogue.IDS)}")
        if len(set(named)) < len(named):
            raise ValueError("each rule set is named once")
        return named


NAMES = frozenset(str(field.alias) for field in EventTerms.model_fields.values())


def merged(scheme: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The terms of an event of a scheme with these facts, of which some are about other things."""
    return {name: value for name, value in scheme.items() if name in NAMES} | dict(own)


def faults(terms: Mapping[str, Any]) -> list[str]:
    """A sentence for each member that does not hold."""
    try:
        EventTerms.model_validate(terms)
    except ValidationError as error:
        return [f"{'.'.join(['terms', *map(str, fault['loc'])])}: {fault['msg']}" for fault in error.errors()]
    return []
