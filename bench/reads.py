"""A meter's year out of the store, beside fetching the same bytes with bare psycopg."""

from datetime import UTC, datetime

import numpy as np
import psycopg

from bench.database import libpq, open_database
from bench.figures import Figure, seconds, show
from bench.ingest import ZONE, meter_id
from bench.installation import Installation
from energygrid.access.tenants import find_tenant
from energygrid.database.engine import Database
from energygrid.metering.calendar import Span
from energygrid.metering.quality import Quality
from energygrid.metering.readings import DAY_S, Commodity, Flow, Kind, ReadingBatch, SeriesKey
from energygrid.metering.series import Series, ensure_series
from energygrid.metering.store import read, read_many, write_readings

START = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp())
YEAR = Span.of(START, START + 365 * DAY_S)
_BYTES = "SELECT day, known_at, values, quality FROM reading_block WHERE series_id = %s ORDER BY day"
_DAY_BYTES = "SELECT series_id, values, quality FROM reading_block WHERE series_id = ANY(%s) AND day = '2025-01-02'"


def year_series(database: Database, meters: int) -> list[Series]:
    """Hourly series of all meters, the first with a year of quarter hours beside."""
    tenant = database.read(find_tenant, "sandbox")
    keys = [
        SeriesKey(meter_id(number), Commodity.ELECTRICITY, Flow.TOTAL, Kind.ENERGY, "kWh", 900 if number == 0 else 3600)
        for number in range(meters)
    ]
    zones = {key.meter_id: ZONE for key in keys}
    now = datetime.now(UTC)
    series = database.write(ensure_series, tenant.id, keys, zones=zones, offsets=[0] * meters, now=now)
    _fill(database, series[:1], 365, now)
    _fill(database, series[1:], 3, now)
    return series


def _fill(database: Database, series: list[Series], days: int, now: datetime) -> None:
    if not series:
        return
    start = START + np.arange(days * DAY_S // series[0].interval_s, dtype=np.int64) * series[0].interval_s
    n = len(start)
    values = np.round(np.random.default_rng(3).gamma(2, 0.08, n * len(series)), 3)
    batch = ReadingBatch(
        series=[each.key for each in series],
        index=np.repeat(np.arange(len(series), dtype=np.int32), n),
        start=np.tile(start, len(series)),
        value=values,
        quality=np.full(len(values), Quality.ACTUAL, np.uint8),
        row=np.arange(len(values)),
    )
    database.write(write_readings, series, batch, known_at=now)


def run(running: Installation, meters: int, _: int) -> None:
    with open_database(running) as url:
        database = Database(url, pool_size=2)
        series = year_series(database, meters)
        reached = seconds(lambda: database.read(read, series[0], YEAR), runs=51, warm_up=5)
        with psycopg.connect(libpq(url), autocommit=True) as db, db.cursor(binary=True) as cursor:
            limit = seconds(lambda: cursor.execute(_BYTES, [series[0].id]).fetchall(), runs=51, warm_up=5)
            ids = [each.id for each in series[1:]]
            day = Span.of(START + DAY_S, START + 2 * DAY_S)
            all_day = seconds(lambda: database.read(read_many, series[1:], day), runs=5)
            all_limit = seconds(lambda: cursor.execute(_DAY_BYTES, [ids]).fetchall(), runs=5)
        database.close()
    show(
        f"reading, {meters:,} meters stored",
        [
            _figure("meter-year of quarter hours", reached, limit, "< 3"),
            _figure("one day of all meters, hourly", all_day, all_limit),
        ],
    )


def _figure(what: str, reached: float, limit: float, aim: str = "") -> Figure:
    return Figure(what, reached * 1e3, limit * 1e3, "ms", "the same bytes by bare psycopg", aim, more_is_better=False)
