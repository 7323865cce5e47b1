"""The readings of a feed as one table: CSV, and Parquet.

Columns: usage_point, meter_reading (ids as in the feed), commodity, flow_direction (ESPI's codes), start (UTC),
duration [s], value [unit], unit, cost [of the currency that the ReadingType names; empty: none], quality (ESPI's
code), tou.
"""

import tempfile
from collections.abc import Iterator

import numpy as np
import polars as pl
from polars.io.plugins import register_io_source

from energygrid.greenbutton.feed import Feed
from energygrid.greenbutton.usage.runs import NO_COST, IntervalRun
from energygrid.metering.readings import Int64s

UNITS = {
    5: "A",
    6: "K",
    29: "V",
    31: "J",
    38: "W",
    39: "Pa",
    42: "m3",
    61: "VA",
    63: "VAr",
    65: "cosTheta",
    71: "VAh",
    72: "Wh",
    73: "VArh",
    119: "ft3",
    128: "USGal",
    130: "ImperialGal",
    132: "BTU",
    134: "litre",
    169: "therm",
}
"""UnitSymbolKind in words, of the units that readings are given in."""

_COLUMNS: list[tuple[str, pl.DataType]] = [
    ("usage_point", pl.String()),
    ("meter_reading", pl.String()),
    ("commodity", pl.Int16()),
    ("flow_direction", pl.Int16()),
    ("start", pl.Datetime("ms", "UTC")),
    ("duration", pl.Int32()),
    ("value", pl.Float64()),
    ("unit", pl.String()),
    ("cost", pl.Float64()),
    ("quality", pl.Int16()),
    ("tou", pl.Int16()),
]
SCHEMA = pl.Schema(_COLUMNS)
_MONEY = 100_000
_PIECE = 1 << 20
_ROWS_OF_GROUP = 128 * 1024


def csv(feed: Feed) -> Iterator[bytes]:
    """With a header, also when there are no readings."""
    yield (",".join(SCHEMA) + "\n").encode()
    for each in feed.entries():
        if isinstance(each, IntervalRun) and len(each.start):
            frame = table(each).with_columns(pl.col("start").dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
            yield frame.write_csv(include_header=False).encode()


def parquet(feed: Feed) -> Iterator[bytes]:
    """Written to a temporary file first, since a Parquet file ends with its index; a row group in memory at a time."""

    def frames(
        with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        del with_columns, predicate, n_rows, batch_size  # all of it is wanted
        runs = (each for each in feed.entries() if isinstance(each, IntervalRun) and len(each.start))
        yield from map(table, runs)

    with tempfile.TemporaryFile() as file:
        source = register_io_source(frames, schema=SCHEMA)
        source.sink_parquet(file, compression="zstd", row_group_size=_ROWS_OF_GROUP)
        file.seek(0)
        while piece := file.read(_PIECE):
            yield piece


def table(run: IntervalRun) -> pl.DataFrame:
    """The readings of a run, a row each."""
    uom = run.codes.uom
    value = run.value * 10.0**uom.power if uom.power >= 0 else run.value / 10.0**-uom.power
    rows = {
        "usage_point": run.usage_point,
        "meter_reading": run.meter_reading,
        "commodity": run.codes.commodity,
        "flow_direction": run.codes.flow,
        "start": pl.from_epoch(pl.Series(run.start), time_unit="s").cast(pl.Datetime("ms")).dt.replace_time_zone("UTC"),
        "duration": run.duration,
        "value": value,
        "unit": UNITS.get(uom.code, str(uom.code)),
        "cost": _given(run.cost, len(run.start)) / _MONEY,
        "quality": run.quality,
        "tou": _given(run.tou, len(run.start)),
    }
    height = len(run.start)
    columns = {
        name: column if not isinstance(column, str | int) else pl.repeat(column, height, eager=True)
        for name, column in rows.items()
    }
    return pl.DataFrame(columns).cast(SCHEMA)


def _given(column: Int64s | None, count: int) -> pl.Series:
    """Null where there is none."""
    if column is None:
        return pl.Series(np.zeros(count, np.int64), dtype=pl.Int64).clear(count)
    return pl.Series(column).replace(NO_COST, None)
