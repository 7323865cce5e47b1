"""What a rate is: how energy, adders, fixed charges and taxes are priced from a day on.

The model is at once what a utility sends and what is stored. Source: contracts/powerbox.md 1.7 and 1.13 P-7.
"""

import re
from datetime import date
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    AliasGenerator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel

from energygrid.billing.money import Amount

RATE_CODE = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"

Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1F\x7F]+$")]


DAY = r"^(19[7-9][0-9]|20[0-9]{2})-[0-9]{2}-[0-9]{2}$"
_DAY = re.compile(DAY)


def parse_day(value: object) -> date:
    """A local day of 1970 to 2099 as YYYY-MM-DD; raises ValueError for anything else."""
    if isinstance(value, date):
        return value
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise ValueError("a date YYYY-MM-DD from 1970 to 2099")
    return date.fromisoformat(value)


Day = Annotated[
    date,
    BeforeValidator(parse_day),
    WithJsonSchema({"type": "string", "format": "date", "pattern": DAY, "examples": ["2025-06-01"]}),
]


class DayType(StrEnum):
    """A holiday is no weekday and no weekend day, whatever day it falls on."""

    WEEKDAY = "WEEKDAY"
    WEEKEND = "WEEKEND"
    HOLIDAY = "HOLIDAY"


class RateType(StrEnum):
    TOU = "TOU"
    TIERED = "TIERED"
    FLAT = "FLAT"


_SEASON_DAY = re.compile(r"(?:(\d{4})-)?(\d{2})-(\d{2})")


def _season_day(text: str) -> str:
    match = _SEASON_DAY.fullmatch(text)
    if match is None:
        raise ValueError("a date YYYY-MM-DD, or MM-DD for every year")
    year, month, day = match.groups()
    date(int(year or 2000), int(month), int(day))  # raises ValueError; 2000 has a 29 February
    return text


SeasonDay = Annotated[str, StringConstraints(pattern=r"^([0-9]{4}-)?[0-9]{2}-[0-9]{2}$"), AfterValidator(_season_day)]
"""A date, or a month and day that come back every year."""


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=AliasGenerator(alias=to_camel),
        populate_by_name=True,
    )


class TouPeriod(_Part):
    """A price for hours of the day on days of a season; both season days are included.

    Hours are those of the local wall clock, `end_hour` excluded; an end before the start runs over midnight
    into hours 0 to `end_hour` of the same date.
    """

    name: Name
    amount: Amount
    start_hour: int = Field(ge=0, le=23, strict=True)
    end_hour: int = Field(ge=1, le=24, strict=True)
    day_types: list[DayType] = Field(list(DayType), min_length=1, max_length=3)
    rate_start: SeasonDay | None = None
    rate_end: SeasonDay | None = None

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.start_hour == self.end_hour:
            raise ValueError("startHour and endHour are equal")
        if (self.rate_start is None) != (self.rate_end is None):
            raise ValueError("rateStart and rateEnd come together")
        if self.rate_start and self.rate_end:
            if len(self.rate_start) != len(self.rate_end):
                raise ValueError("rateStart and rateEnd have the same form, both with a year or both without")
            if len(self.rate_start) > len("MM-DD") and self.rate_end < self.rate_start:
                raise ValueError("rateEnd is before rateStart")
        return self

    @property
    def hours(self) -> list[int]:
        if self.start_hour < self.end_hour:
            return list(range(self.start_hour, self.end_hour))
        return [*range(self.end_hour), *range(self.start_hour, 24)]


class Tier(_Part):
    """`daily_allowance` times the days of the period is the usage up to which this tier's price holds.

    The limits of successive tiers rise; the last one has none.
    """

    daily_allowance: Amount | None = None
    amount: Amount
    name: Name | None = None


class Adder(_Part):
    name: Name
    amount_per_unit: Amount
    taxable: StrictBool = True


class Fixed(_Part):
    name: Name
    amount: Amount
    per: Literal["DAY", "PERIOD"]
    taxable: StrictBool = True


class Tax(_Part):
    """`rate` is a share: "0.06" is six per cent of the taxable lines."""

    name: Name
    rate: Amount


class Rate(_Part):
    """One version of a rate, in force on the local days `valid_from` to `valid_to`, both included."""

    rate_code: str = Field("", pattern=r"^$|" + RATE_CODE[1:])
    description: str = Field("", max_length=500, pattern=r"^[^\x00-\x1F\x7F]*$")
    fuel: Literal["Electric", "Gas"] = "Electric"
    unit_of_measure: Literal["kWh", "Wh", "ccf", "cm", "therms"] | None = Field(
        None, description="What one unit is; unset: kWh of electricity, ccf of gas."
    )
    currency: str = Field("USD", pattern=r"^[A-Z]{3}$")
    valid_from: Day
    valid_to: Day | None = None
    type: RateType
    holidays: list[Day] = Field([], max_length=1000)
    tou: list[TouPeriod] = Field([], max_length=200)
    tiers: list[Tier] = Field([], max_length=20)
    flat_amount: Amount | None = None
    adders: list[Adder] = Field([], max_length=50)
    fixed: list[Fixed] = Field([], max_length=50)
    taxes: list[Tax] = Field([], max_length=50)

    @property
    def unit(self) -> str:
        return self.unit_of_measure or ("kWh" if self.fuel == "Electric" else "ccf")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.valid_to is not None and self.valid_to < self.valid_from:
            raise ValueError("validTo is before validFrom")
        given = {RateType.TOU: bool(self.tou), RateType.TIERED: bool(self.tiers)}
        given[RateType.FLAT] = self.flat_amount is not None
        if [kind for kind, present in given.items() if present] != [self.type]:
            raise ValueError("exactly what the type needs: tou for TOU, tiers for TIERED, flatAmount for FLAT")
        if self.tiers:
            self._check_tiers()
        return self

    def _check_tiers(self) -> None:
        limits = [tier.daily_allowance for tier in self.tiers[:-1]]
        if self.tiers[-1].daily_allowance is not None or any(limit is None for limit in limits):
            raise ValueError("every tier but the last has a dailyAllowance, the last has none")
        known = [limit for limit in limits if limit is not None]
        if any(limit <= Decimal(0) for limit in known) or any(low >= high for low, high in pairwise(known)):
            raise ValueError("dailyAllowance rises from tier to tier and is above zero")
