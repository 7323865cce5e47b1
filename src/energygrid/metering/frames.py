"""A meter's readings as one table: what exports write and downloads show."""

from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum

import numpy as np
import polars as pl
from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.errors import Invalid, NotFound
from energygrid.metering.aggregation import aggregate, how
from energygrid.metering.calendar import Grain, Span, day_span, edges
from energygrid.metering.quality import Quality
from energygrid.metering.readings import Float64s, Int64s, UInt8s
from energygrid.metering.series import Series, series_of_owners
from energygrid.metering.store import read_many
from energygrid.metering.units import convert

_QUALITY_NAMES = np.array([quality.name.lower() for quality in Quality])

_DECIMALS = 9


class ExportGrain(StrEnum):
    """Rows of a table: the readings as they are, or local periods of the series' zone."""

    INTERVAL = "interval"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


_YEARS = range(1970, 2101)


def meter_frame(
    db: Connection,
    tenant: Tenant,
    meter_id: str,
    first: date,
    end: date,
    *,
    grain: ExportGrain = ExportGrain.INTERVAL,
    unit: str | None = None,
    as_of: datetime | None = None,
) -> pl.DataFrame:
    """All interval series of a meter over local days `[first, end)`, oldest first, a series after the other.

    grain  a period with a reading missing is empty, never a part sum
    unit   convert to this unit; a series that cannot be converted raises Invalid
    Columns: meter, commodity, flow, kind, channel, interval_s, unit, start (UTC), value (null = missing), quality.
    Raises NotFound("UNKNOWN_METER") when nothing is stored of the meter, Invalid("BAD_SPAN") outside the years that
    readings may lie in.
    """
    if not _YEARS.start <= first.year <= end.year < _YEARS.stop:
        message = f"days lie in the years {_YEARS.start} to {_YEARS.stop - 1}, the last one not before the first"
        raise Invalid("BAD_SPAN", message, start=first, end=end)
    found = [series for series in series_of_owners(db, tenant.id, [meter_id]) if series.interval_s]
    if not found:
        raise NotFound("UNKNOWN_METER", f"no readings of a meter {meter_id} are stored", meterId=meter_id)
    return pl.concat([_frame(db, series, first, end, grain, unit, as_of) for series in found])


def _frame(
    db: Connection,
    series: Series,
    first: date,
    end: date,
    grain: ExportGrain,
    unit: str | None,
    as_of: datetime | None,
) -> pl.DataFrame:
    span = Span(day_span(first, series.zone).start, day_span(end, series.zone).start)
    readings = read_many(db, [series], span, as_of=as_of)[0]
    start, value, quality = readings.start, readings.value, readings.quality
    if grain is not ExportGrain.INTERVAL:
        bounds = edges(Grain(grain), span, series.zone)
        totals = aggregate(start, value, quality, series.interval_s, bounds, how=how(series.kind))
        # Meters tell at most nine decimals; what a sum has beyond them is the error of binary fractions.
        start, value, quality = bounds[:-1], np.round(totals.value, _DECIMALS), totals.quality
    if unit is not None:
        value = convert(value, series.unit, unit)
    return _columns(series, unit or series.unit, start, value, quality)


def _columns(series: Series, unit: str, start: Int64s, value: Float64s, quality: UInt8s) -> pl.DataFrame:
    facts: Sequence[tuple[str, object]] = (
        ("meter", series.owner_id),
        ("commodity", str(series.commodity)),
        ("flow", str(series.flow)),
        ("kind", str(series.kind)),
        ("channel", series.channel),
        ("interval_s", series.interval_s),
        ("unit", unit),
    )
    readings = pl.DataFrame(
        {
            "start": pl.from_epoch(pl.Series(start, dtype=pl.Int64), time_unit="s").dt.replace_time_zone("UTC"),
            "value": pl.Series(value, dtype=pl.Float64).fill_nan(None),
            "quality": pl.Series(_QUALITY_NAMES[quality], dtype=pl.String),
        }
    )
    return readings.select(*(pl.lit(fact).alias(name) for name, fact in facts), pl.all())
