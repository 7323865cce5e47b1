"""A year of quarter hours to local months, beside one pass of numpy over the same values."""

from datetime import UTC, datetime

import numpy as np

from bench.figures import Figure, seconds, show
from bench.ingest import ZONE
from bench.installation import Installation
from energygrid.metering.aggregation import aggregate
from energygrid.metering.calendar import Grain, Span, edges
from energygrid.metering.quality import Quality
from energygrid.metering.readings import DAY_S


def run(_: Installation, meters: int, __: int) -> None:
    first = int(datetime(2025, 1, 1, 5, tzinfo=UTC).timestamp())
    start = first + np.arange(365 * 96, dtype=np.int64) * 900
    value = np.random.default_rng(3).gamma(2, 0.08, len(start))
    quality = np.full(len(start), Quality.ACTUAL, np.uint8)
    span = Span.of(first, first + 365 * DAY_S)
    series = min(meters, 1000)

    def months() -> None:
        bounds = edges(Grain.MONTH, span, ZONE)
        for _ in range(series):
            aggregate(start, value, quality, 900, bounds)

    def one_pass() -> None:
        for _ in range(series):
            value.sum()

    show(
        f"aggregation, {series:,} meter-years to months",
        [
            Figure(
                "local months with missing and quality rules",
                seconds(months, runs=3) / series * 1e3,
                seconds(one_pass, runs=3) / series * 1e3,
                "ms a meter-year",
                "one numpy sum",
                "",
                False,
            )
        ],
    )
