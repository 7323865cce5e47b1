"""UsagePoint, LocalTimeParameters, MeterReading and ReadingType: what is said once about a meter and its series.

Only facts that the core has are written; what it does not know is absent. Source: contracts/greenbutton.md 1.2, 2.3.
"""

from datetime import datetime

from energygrid.billing.settings import BillingSettings
from energygrid.greenbutton.atom import USAGE, Content, Entry, Link
from energygrid.greenbutton.usage.codes import DEFAULT_QUALITY, SERVICES
from energygrid.greenbutton.usage.context import Context
from energygrid.greenbutton.usage.dst import local_time
from energygrid.greenbutton.usage.money import currency_number
from energygrid.greenbutton.usage.served import ServedMeter, ServedSeries

_ON, _OFF = 1, 0


def usage_point(ctx: Context, facts: ServedMeter, *, has_bills: bool, has_power_quality: bool) -> Entry:
    href, granted = ctx.usage_point(facts.meter), ctx.entitlement
    lists = [
        ("MeterReading", granted.scope.intervals),
        ("UsageSummary", has_bills),
        ("ElectricPowerQualitySummary", has_power_quality),
    ]
    related = [Link("related", f"{href}/{name}", f"espi-feed/{name}") for name, there in lists if there]
    related.append(Link("related", ctx.local_time(facts.zone), "espi-entry/LocalTimeParameters"))
    content: list[tuple[str, str | int | Content]] = []
    service = SERVICES.get(facts.row.meter_type)
    if service is not None:
        content.append(("ServiceCategory", (("kind", service),)))
    content.append(("status", _ON if facts.is_held else _OFF))
    if facts.is_held:
        content.append(("serviceDeliveryPoint", (("tariffProfile", facts.row.rate_code),)))
    content.append(("amiBillingReady", "amiCapable" if facts.row.is_ami else "nonAmi"))
    if facts.is_held:
        content.append(("readCycle", facts.row.billing_cycle))
    return Entry(
        resource="UsagePoint",
        namespace=USAGE,
        href=href,
        up=ctx.usage_points,
        related=tuple(related),
        published=granted.granted_at,
        updated=max(granted.changed_at, facts.row.changed_at),
        content=tuple(content),
    )


def local_time_parameters(ctx: Context, zone: str) -> Entry:
    """The zone's offset and its clock changes of the present year."""
    return Entry(
        resource="LocalTimeParameters",
        namespace=USAGE,
        href=ctx.local_time(zone),
        up=f"{ctx.base}/LocalTimeParameters",
        related=(),
        published=ctx.entitlement.granted_at,
        updated=year_start(ctx, zone),
        content=local_time_content(zone, ctx.now.year),
    )


def local_time_content(zone: str, year: int) -> Content:
    """The same elements in the customer namespace."""
    rules = local_time(zone, year)
    return (
        ("dstEndRule", rules.dst_end),
        ("dstOffset", rules.dst_offset),
        ("dstStartRule", rules.dst_start),
        ("tzOffset", rules.tz_offset),
    )


def year_start(ctx: Context, zone: str) -> datetime:
    """When the words of a zone last changed: at the grant, or at new year if last year's were others."""
    granted, year = ctx.entitlement.granted_at, ctx.now.year
    if local_time(zone, year) == local_time(zone, year - 1):
        return granted
    return max(granted, datetime(year, 1, 1, tzinfo=ctx.now.tzinfo))


def reading_type(ctx: Context, series: ServedSeries) -> Entry:
    codes = series.codes
    currency = ctx.entitlement.tenant.section("billing", BillingSettings).currency
    return Entry(
        resource="ReadingType",
        namespace=USAGE,
        href=series.type_href,
        up=f"{ctx.base}/ReadingType",
        related=(Link("related", series.href, "espi-entry/MeterReading"),),
        published=series.made_at,
        updated=series.made_at,
        content=(
            ("accumulationBehaviour", codes.accumulation),
            ("commodity", codes.commodity),
            ("currency", currency_number(currency)),
            ("dataQualifier", codes.qualifier),
            ("defaultQuality", DEFAULT_QUALITY),
            ("flowDirection", codes.flow),
            ("intervalLength", codes.interval_s),
            ("kind", codes.kind),
            ("phase", codes.phase),
            ("powerOfTenMultiplier", codes.uom.power),
            ("timeAttribute", codes.time_attribute),
            ("uom", codes.uom.code),
        ),
    )


def meter_reading(ctx: Context, series: ServedSeries) -> Entry:
    point = ctx.usage_point(series.meter)
    return Entry(
        resource="MeterReading",
        namespace=USAGE,
        href=series.href,
        up=f"{point}/MeterReading",
        related=(
            Link("related", point, "espi-entry/UsagePoint"),
            Link("related", f"{series.href}/IntervalBlock", "espi-feed/IntervalBlock"),
            Link("related", series.type_href, "espi-entry/ReadingType"),
        ),
        published=series.made_at,
        updated=series.made_at,
        content=(),
    )
