"""Readings for charts: days of a year, intervals of a day. Only what an entitlement covers; the rest is a gap."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from sqlalchemy import Connection

from energygrid.greenbutton.entitlement import Entitlement, HeldSpan, SharedMeter
from energygrid.greenbutton.own import queries
from energygrid.metering.aggregation import Totals, aggregate, how
from energygrid.metering.calendar import Grain, Span, date_of, day_number, day_span, edges, local_days
from energygrid.metering.grid import Readings
from energygrid.metering.quality import Quality
from energygrid.metering.readings import DAY_S, Bools, Commodity, Flow, Int64s, Kind
from energygrid.metering.series import Series, series_of_owners
from energygrid.metering.store import read_many

_FLOWS = (Flow.DELIVERED, Flow.RECEIVED, Flow.NET, Flow.TOTAL)
_KINDS = (Kind.ENERGY, Kind.VOLUME)


@dataclass(frozen=True, slots=True)
class Chart:
    """Series of one meter that fit on one pair of axes: the same kind, unit and interval."""

    meter: SharedMeter
    commodity: Commodity
    kind: Kind
    unit: str
    interval_s: int
    zone: str
    series: tuple[Series, ...]

    @property
    def key(self) -> str:
        return f"{self.kind}-{self.unit}-{self.interval_s}"


@dataclass(frozen=True, slots=True)
class Extent:
    """First and last local day with a reading, both included."""

    first: date
    last: date


def charts_of(db: Connection, entitlement: Entitlement) -> dict[str, list[Chart]]:
    """By usage point: its charts, consumption first and then the finest; a meter without readings has none."""
    meters = {meter.meter_id: meter for meter in entitlement.meters}
    found: dict[tuple[str, Kind, str, int], list[Series]] = {}
    for series in series_of_owners(db, entitlement.tenant.id, list(meters)):
        if series.interval_s:
            found.setdefault((series.owner_id, series.kind, series.unit, series.interval_s), []).append(series)
    charts: dict[str, list[Chart]] = {meter.usage_point: [] for meter in entitlement.meters}
    for (meter_id, kind, unit, interval_s), members in found.items():
        members.sort(key=lambda each: (_FLOWS.index(each.flow), each.channel))
        meter, first = meters[meter_id], members[0]
        chart = Chart(meter, first.commodity, kind, unit, interval_s, first.zone, tuple(members))
        charts[meter.usage_point].append(chart)
    for of_meter in charts.values():
        of_meter.sort(key=lambda each: (each.kind not in _KINDS, each.kind, each.interval_s, each.unit))
    return charts


def extent(db: Connection, chart: Chart) -> Extent | None:
    """How far the chart's readings reach; None when there is none."""
    stored = queries.block_days(db, [each.id for each in chart.series])
    if not stored:
        return None
    ends = (min(first for first, _ in stored.values()), max(last for _, last in stored.values()))
    days = [day for end in ends for day in _days_with_readings(db, chart, end)]
    return Extent(min(days), max(days)) if days else Extent(*ends)


def _days_with_readings(db: Connection, chart: Chart, day: date) -> list[date]:
    """Local days of the readings of one day block."""
    midnight = day_number(day) * DAY_S
    around = Span.of(midnight - DAY_S, midnight + 2 * DAY_S)
    days: set[int] = set()
    for readings in _cut(read_many(db, chart.series, around), chart.meter.spans):
        days.update(local_days(readings.start[~np.isnan(readings.value)], chart.zone).tolist())
    return [date_of(each) for each in days]


def days(db: Connection, chart: Chart, first: date, end: date) -> list[Totals]:
    """Totals of each local day in [first, end), one entry a series.

    A day of which some readings are missing has the total of those present; `present` and `expected` tell.
    """
    span = Span(day_span(first, chart.zone).start, day_span(end, chart.zone).start)
    bounds = edges(Grain.DAY, span, chart.zone)
    return [
        aggregate(
            readings.start,
            readings.value,
            readings.quality,
            chart.interval_s,
            bounds,
            how=how(chart.kind),
            allow_missing=1.0,
        )
        for readings in _cut(read_many(db, chart.series, span), chart.meter.spans)
    ]


def one_day(db: Connection, chart: Chart, day: date) -> list[Readings]:
    """The intervals of a local day of 23, 24 or 25 hours, one entry a series; a gap is NaN."""
    return _cut(read_many(db, chart.series, day_span(day, chart.zone)), chart.meter.spans)


def _cut(found: Sequence[Readings], spans: Sequence[HeldSpan]) -> list[Readings]:
    """Without the readings of times in which the meter was somebody else's."""
    return [_within(readings, spans) for readings in found]


def _within(readings: Readings, spans: Sequence[HeldSpan]) -> Readings:
    mine = held(readings.start, spans)
    if mine.all():
        return readings
    value = np.where(mine, readings.value, np.nan)
    quality = np.where(mine, readings.quality, Quality.MISSING).astype(np.uint8)
    return replace(readings, value=value, quality=quality)


def held(instants: Int64s, spans: Sequence[HeldSpan]) -> Bools:
    """Which instants lie in one of the spans."""
    mine = np.zeros(instants.shape, np.bool_)
    for span in spans:
        low = -np.inf if span.start is None else span.start.timestamp()
        high = np.inf if span.end is None else span.end.timestamp()
        mine |= (instants >= low) & (instants < high)
    return mine
