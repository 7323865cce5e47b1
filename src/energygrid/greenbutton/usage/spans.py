"""Windows and spans as instants."""

import math
from datetime import UTC, datetime

import numpy as np

from energygrid.greenbutton.entitlement import SharedMeter
from energygrid.greenbutton.window import Window
from energygrid.metering.readings import Bools, Int64s

FIRST, LAST = 0, 4_102_444_800
"""Data times are of the years 1970 to 2099."""


def instants(meter: SharedMeter, window: Window) -> list[tuple[int, int]]:
    """The spans of a meter within the window's data time: half-open, rising, apart; epoch seconds."""
    low = FIRST if window.published_min is None else max(FIRST, window.published_min)
    high = LAST if window.published_max is None else min(LAST, window.published_max)
    cut = (
        (
            low if span.start is None else max(low, math.ceil(span.start.timestamp())),
            high if span.end is None else min(high, math.floor(span.end.timestamp())),
        )
        for span in meter.spans
    )
    return [(start, end) for start, end in cut if start < end]


def within(start: Int64s, end: Int64s, spans: list[tuple[int, int]]) -> Bools:
    """Which of (n,) intervals lie wholly in a span."""
    inside = np.zeros(len(start), np.bool_)
    for low, high in spans:
        inside |= (start >= low) & (end <= high)
    return inside


def instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(min(max(seconds, FIRST), LAST), UTC)
