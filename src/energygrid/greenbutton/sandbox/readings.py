"""The readings of the sandbox's household."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from energygrid.greenbutton.sandbox import curves
from energygrid.greenbutton.sandbox.home import Household, months
from energygrid.metering.calendar import Span, day_span
from energygrid.metering.quality import Quality
from energygrid.metering.readings import (
    Commodity,
    Float64s,
    Flow,
    Int64s,
    Kind,
    ReadingBatch,
    RegisterReads,
    SeriesKey,
    UInt8s,
)
from energygrid.metering.series import Series, ensure_series
from energygrid.metering.store import read_many, write_readings, write_register_reads

_GAP, _ESTIMATED, _CORRECTED = 20, 16, 12
"""Days before the first load on which some hours are missing, some estimated, and all corrected afterwards."""
_TOO_HIGH = 1.15
"""What the estimate of the corrected day was, against the truth."""

_DIAL_SET, _DIAL_SHOWED = date(2024, 1, 1), 10_000.0

Curve = Callable[[Int64s, str], Float64s]


def load(db: Connection, home: Household, first: date, today: date, now: datetime) -> None:
    """Readings of the local days [first, today), as far as later ones are not known yet."""
    keys = list(_curves(home))
    made = ensure_series(
        db,
        home.tenant.id,
        keys,
        zones={key.meter_id: home.zone for key in keys},
        offsets=[0] * len(keys),
        now=now,
    )
    span = Span(day_span(first, home.zone).start, day_span(today, home.zone).start)
    known = _known_until(db, made, span)
    for series, curve, until in zip(made, _curves(home).values(), known, strict=True):
        low, high = span.instants()
        if until is not None:
            _write(db, series, curve, home.zone, max(low, until), high, now)
            continue
        _write(db, series, curve, home.zone, low, high, now - timedelta(days=1), first_load=today)
        if series.flow is not Flow.RECEIVED:
            day = day_span(today - timedelta(days=_CORRECTED), home.zone)
            _write(db, series, curve, home.zone, *day.instants(), now)
    _read_registers(db, home, first, today, now)


def _curves(home: Household) -> dict[SeriesKey, Curve]:
    def power(flow: Flow) -> SeriesKey:
        return SeriesKey(home.electric, Commodity.ELECTRICITY, flow, Kind.ENERGY, "kWh", curves.QUARTER_S)

    def volume(meter: str, commodity: Commodity, unit: str) -> SeriesKey:
        return SeriesKey(meter, commodity, Flow.DELIVERED, Kind.VOLUME, unit, curves.HOUR_S)

    return {
        power(Flow.DELIVERED): curves.delivered,
        power(Flow.RECEIVED): curves.received,
        power(Flow.NET): curves.net,
        volume(home.gas, Commodity.GAS, "ccf"): curves.gas,
        volume(home.water, Commodity.WATER, "gal"): curves.water,
    }


def _known_until(db: Connection, series: Sequence[Series], span: Span) -> list[int | None]:
    """The end of the last stored reading of each series."""
    ends: list[int | None] = []
    for each, found in zip(series, read_many(db, series, span), strict=True):
        there = found.start[found.quality != Quality.MISSING]
        ends.append(int(there[-1]) + each.interval_s if len(there) else None)
    return ends


def _write(
    db: Connection,
    series: Series,
    curve: Curve,
    zone: str,
    low: int,
    high: int,
    known_at: datetime,
    *,
    first_load: date | None = None,
) -> None:
    """Readings that start in [low, high). A first load has the days that are not all well."""
    start = np.arange(low, high, series.interval_s, dtype=np.int64)
    value, quality = curve(start, zone), np.full(len(start), Quality.ACTUAL, np.uint8)
    if first_load is not None:
        start, value, quality = _with_trouble(start, value, quality, first_load, zone)
    if len(start):
        batch = ReadingBatch(
            series=[series.key],
            index=np.zeros(len(start), np.int32),
            start=start,
            value=value,
            quality=quality,
            row=np.arange(1, len(start) + 1),
        )
        write_readings(db, [series], batch, known_at=known_at)


def _with_trouble(
    start: Int64s, value: Float64s, quality: UInt8s, today: date, zone: str
) -> tuple[Int64s, Float64s, UInt8s]:
    def hours(days_ago: int, first: int, after: int) -> NDArray[np.bool_]:
        midnight = int(day_span(today - timedelta(days=days_ago), zone).start.timestamp())
        return (start >= midnight + first * curves.HOUR_S) & (start < midnight + after * curves.HOUR_S)

    day = day_span(today - timedelta(days=_CORRECTED), zone).instants()
    corrected = (start >= day[0]) & (start < day[1])
    quality[hours(_ESTIMATED, 9, 15) | corrected] = Quality.ESTIMATED
    value[corrected] = np.round(value[corrected] * _TOO_HIGH, 3)
    there = ~hours(_GAP, 2, 6)
    return start[there], value[there], quality[there]


def _read_registers(db: Connection, home: Household, first: date, today: date, now: datetime) -> None:
    """What the electricity meter's dial showed at the beginning of each month, known at once."""
    key = SeriesKey(home.electric, Commodity.ELECTRICITY, Flow.DELIVERED, Kind.ENERGY, "kWh", 0)
    made = ensure_series(db, home.tenant.id, [key], zones={home.electric: home.zone}, offsets=[0], now=now)
    since = [day_span(day, home.zone).start for day in months(first, today)]
    for at, value in zip(since, _dial([int(each.timestamp()) for each in since], home.zone), strict=True):
        reads = RegisterReads(
            series=[key],
            index=np.zeros(1, np.int32),
            at=np.array([int(at.timestamp())], np.int64),
            value=np.array([value]),
            quality=np.full(1, Quality.ACTUAL, np.uint8),
            row=np.ones(1, np.int64),
        )
        write_register_reads(db, made, reads, known_at=at)


def _dial(at: Sequence[int], zone: str) -> list[float]:
    """What it shows at rising instants [kWh]."""
    since = int(day_span(_DIAL_SET, zone).start.timestamp())
    counted = np.cumsum(curves.delivered(np.arange(since, at[-1], curves.QUARTER_S), zone))
    return [_DIAL_SHOWED + round(float(counted[(each - since) // curves.QUARTER_S - 1]), 3) for each in at]
