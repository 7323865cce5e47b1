"""Which household it is, and the calendar months of its bills and dials."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from energygrid.access.caller import Tenant
from energygrid.metering.calendar import day_span

ISSUED_AT = 6
"""Hour of the month's first day at which the month before is billed."""


@dataclass(frozen=True, slots=True)
class Household:
    tenant: Tenant
    zone: str
    account: str
    electric: str
    gas: str
    water: str


def months(first: date, until: date) -> Iterator[date]:
    """First days of months from `first` up to the day `until`."""
    day = first
    while day <= until:
        yield day
        day = next_month(day)


def next_month(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)


def billed_at(month: date, zone: str) -> datetime:
    """When the bill of a month comes."""
    return day_span(next_month(month), zone).start + timedelta(hours=ISSUED_AT)
