"""The usage resources of an entitlement as lists and one by one; what is not there is None or an empty list."""

from sqlalchemy import Connection

from energygrid.greenbutton.atom import Entry
from energygrid.greenbutton.entitlement import SharedMeter
from energygrid.greenbutton.usage import entries, intervals
from energygrid.greenbutton.usage.bills import is_billed
from energygrid.greenbutton.usage.context import Context
from energygrid.greenbutton.usage.costs import Tariff, priced, tariffs_of
from energygrid.greenbutton.usage.outline import extents, records
from energygrid.greenbutton.usage.power_quality import power_quality_entries, reported
from energygrid.greenbutton.usage.served import ServedMeter, ServedSeries, find, served
from energygrid.greenbutton.usage.spans import instants
from energygrid.greenbutton.usage.summaries import summary_entries
from energygrid.greenbutton.window import EVERYTHING, Window


def usage_points(db: Connection, ctx: Context) -> list[Entry]:
    return _points(db, ctx, served(db, ctx, ctx.entitlement.meters, with_series=False))


def usage_point(db: Connection, ctx: Context, meter: SharedMeter) -> Entry:
    return _points(db, ctx, served(db, ctx, [meter], with_series=False))[0]


def _points(db: Connection, ctx: Context, meters: list[ServedMeter]) -> list[Entry]:
    bills = records(db, ctx, [each.meter for each in meters])[0].size > 0
    quality = reported(db, ctx, [each.meter for each in meters], {each.meter.meter_id: each.zone for each in meters})
    return [
        entries.usage_point(
            ctx,
            each,
            has_bills=bills and is_billed(db, ctx, each.meter, each.zone),
            has_power_quality=each.meter.meter_id in quality,
        )
        for each in meters
    ]


def local_time_parameters(db: Connection, ctx: Context) -> list[Entry]:
    """Of every zone that has a shared meter."""
    zones = dict.fromkeys(each.zone for each in served(db, ctx, ctx.entitlement.meters))
    return [entries.local_time_parameters(ctx, zone) for zone in zones]


def meter_readings(db: Connection, ctx: Context, meter: SharedMeter) -> list[Entry]:
    """Of the series that have readings."""
    return [entries.meter_reading(ctx, each) for each in _with_readings(db, served(db, ctx, [meter]))]


def meter_reading(db: Connection, ctx: Context, meter: SharedMeter, reading_id: str) -> Entry | None:
    series = find(db, ctx, meter, reading_id)
    return None if series is None else entries.meter_reading(ctx, series)


def reading_types(db: Connection, ctx: Context) -> list[Entry]:
    meters = served(db, ctx, ctx.entitlement.meters)
    return [entries.reading_type(ctx, each) for each in _with_readings(db, meters)]


def reading_type(db: Connection, ctx: Context, type_id: str) -> Entry | None:
    for meter in served(db, ctx, ctx.entitlement.meters):
        for series in meter.series:
            if series.type_href.rpartition("/")[2] == type_id:
                return entries.reading_type(ctx, series)
    return None


def interval_block(
    db: Connection, ctx: Context, meter: SharedMeter, reading_id: str, block_id: str, window: Window = EVERYTHING
) -> Entry | None:
    """One block; cut to the window's data time, None when it has no reading then."""
    facts = served(db, ctx, [meter])[0]
    series = next((each for each in facts.series if each.id == reading_id), None)
    run = None if series is None else intervals.one(db, series, instants(meter, window), block_id)
    if series is None or run is None:
        return None
    return next(priced(run, series, _tariff(db, ctx, facts)).entries())


def usage_summaries(db: Connection, ctx: Context, meter: SharedMeter, window: Window = EVERYTHING) -> list[Entry]:
    """Bills whose period touches the window, oldest first."""
    facts = served(db, ctx, [meter])
    return summary_entries(db, ctx, facts[0], _tariff(db, ctx, facts[0]), window)


def power_quality_summaries(
    db: Connection, ctx: Context, meter: SharedMeter, window: Window = EVERYTHING
) -> list[Entry]:
    """Reports whose period touches the window, oldest first."""
    facts = served(db, ctx, [meter])[0]
    found = reported(db, ctx, [meter], {meter.meter_id: facts.zone})
    return power_quality_entries(ctx, meter, found.get(meter.meter_id, []), facts.zone, window)


def _tariff(db: Connection, ctx: Context, meter: ServedMeter) -> Tariff | None:
    found = tariffs_of(db, ctx.entitlement.tenant, ctx.entitlement.scope, [meter])
    return found.get(meter.meter.meter_id)


def _with_readings(db: Connection, meters: list[ServedMeter]) -> list[ServedSeries]:
    found = extents(db, meters, EVERYTHING)
    return [series for meter in meters for series in meter.series if series.series.id in found]
