"""Which resources there are under a permission, where each stands, and the view that makes it.

Addresses are below the base of all resources; {auth_uid} is the permission's id. Source: contracts/greenbutton.md 3.1.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import Connection

from energygrid.greenbutton.atom import CUSTOMER, USAGE, Entry, Namespace
from energygrid.greenbutton.bearers import unknown
from energygrid.greenbutton.customer import views as customer
from energygrid.greenbutton.entitlement import SharedMeter
from energygrid.greenbutton.usage import views as usage
from energygrid.greenbutton.usage.context import Context
from energygrid.greenbutton.window import EVERYTHING, Window


@dataclass(frozen=True, slots=True)
class Sought:
    """A resource that is asked for: its address, the ids in it, and the window of a list."""

    href: str
    ids: Mapping[str, str]
    window: Window = EVERYTHING


Listed: TypeAlias = Callable[[Connection, Context, Sought], Sequence[Entry]]
One: TypeAlias = Callable[[Connection, Context, Sought], Entry | None]
Windowed: TypeAlias = Callable[[Connection, Context, SharedMeter, Window], list[Entry]]


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of resource.

    name    as ESPI has it
    path    of its list; `item` is the path parameter that names one of it
    listed  its list; raises NotFound where what it stands below is not there
    one     a single one; None, or NotFound, when it is not there
    """

    name: str
    path: str
    item: str
    listed: Listed
    one: One
    namespace: Namespace = USAGE
    deprecated: bool = False

    @property
    def kind(self) -> str:
        """Type of a link to its list."""
        return f"{'espi' if self.namespace == USAGE else 'cust'}-feed/{self.name}"


def meter_of(context: Context, usage_point: str) -> SharedMeter:
    """Raises NotFound("UNKNOWN_RESOURCE")."""
    found = context.entitlement.meter(usage_point)
    if found is None:
        raise unknown()
    return found


def stored_within(entries: Sequence[Entry], window: Window) -> list[Entry]:
    """Entries that were stored, or last changed, in the window: of whatever has no data time of its own."""
    low, high = window.updated_min, window.updated_max
    return [
        each
        for each in entries
        if (low is None or each.updated.timestamp() >= low) and (high is None or each.updated.timestamp() < high)
    ]


POINT = "/Subscription/{auth_uid}/UsagePoint"
BELOW_POINT = f"{POINT}/{{meter_uid}}"
READING = f"{BELOW_POINT}/MeterReading"


def _meter(context: Context, sought: Sought) -> SharedMeter:
    return meter_of(context, sought.ids["meter_uid"])


def _at(address: str, entries: Sequence[Entry]) -> Entry | None:
    return next((each for each in entries if each.href.endswith(address)), None)


def _of_meter(name: str, item: str, view: Windowed, alias: str | None = None) -> Resource:
    return Resource(
        name,
        f"{BELOW_POINT}/{alias or name}",
        item,
        lambda db, context, sought: view(db, context, _meter(context, sought), sought.window),
        lambda db, context, sought: _at(
            f"/{name}/{sought.ids[item]}", view(db, context, _meter(context, sought), EVERYTHING)
        ),
        deprecated=alias is not None,
    )


USAGE_RESOURCES = (
    Resource(
        "LocalTimeParameters",
        "/LocalTimeParameters",
        "tz_uid",
        lambda db, context, sought: stored_within(usage.local_time_parameters(db, context), sought.window),
        lambda db, context, sought: _at(sought.href, usage.local_time_parameters(db, context)),
    ),
    Resource(
        "ReadingType",
        "/ReadingType",
        "type_uid",
        lambda db, context, sought: stored_within(usage.reading_types(db, context), sought.window),
        lambda db, context, sought: usage.reading_type(db, context, sought.ids["type_uid"]),
    ),
    Resource(
        "UsagePoint",
        POINT,
        "meter_uid",
        lambda db, context, sought: stored_within(usage.usage_points(db, context), sought.window),
        lambda db, context, sought: usage.usage_point(db, context, _meter(context, sought)),
    ),
    Resource(
        "MeterReading",
        READING,
        "reading_uid",
        lambda db, context, sought: stored_within(
            usage.meter_readings(db, context, _meter(context, sought)), sought.window
        ),
        lambda db, context, sought: usage.meter_reading(
            db, context, _meter(context, sought), sought.ids["reading_uid"]
        ),
    ),
    _of_meter("UsageSummary", "summary_uid", usage.usage_summaries),
    _of_meter("ElectricPowerQualitySummary", "power_uid", usage.power_quality_summaries),
    _of_meter("UsageSummary", "summary_uid", usage.usage_summaries, alias="ElectricPowerUsageSummary"),
)
"""All but interval blocks, of which there are too many for a list that is a list."""


def _customer_resources() -> Iterator[Resource]:
    """A tree of lists and items, from the customer down to the devices."""
    root = "/RetailCustomer/{auth_uid}/Customer"
    account = f"{root}/{{customer_uid}}/CustomerAccount"
    agreement = f"{account}/{{account_uid}}/CustomerAgreement"
    below = f"{agreement}/{{agreement_uid}}"
    place = f"{below}/ServiceLocation"
    for path, item in (
        (root, "customer_uid"),
        (account, "account_uid"),
        (agreement, "agreement_uid"),
        (f"{below}/ServiceSupplier", "supplier_uid"),
        (f"{below}/ProgramDateIdMappings", "mappings_uid"),
        (f"{below}/Statement", "statement_uid"),
        (place, "location_uid"),
        (f"{place}/{{location_uid}}/Meter", "device_uid"),
        (f"{place}/{{location_uid}}/EndDevice", "device_uid"),
    ):
        yield Resource(
            path.rpartition("/")[2],
            path,
            item,
            lambda db, context, sought: stored_within(customer.listed(db, context, sought.href), sought.window),
            lambda db, context, sought: customer.one(db, context, sought.href),
            CUSTOMER,
        )


CUSTOMER_RESOURCES = tuple(_customer_resources())
