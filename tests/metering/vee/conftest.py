"""A made-up household with a regular day, so that what a like day gives is known exactly."""

from collections.abc import Callable
from datetime import date

import numpy as np
import pytest

from energygrid.metering.calendar import day_number, day_starts, local_days, to_local, weekdays
from energygrid.metering.quality import Quality
from energygrid.metering.readings import DAY_S
from energygrid.metering.vee.stretch import Stretch

NEW_YORK = "America/New_York"


@pytest.fixture
def household() -> Callable[..., Stretch]:
    """Readings that depend on the wall clock and on whether the day is a weekday, in thousandths of a kWh."""

    def make(first: date, days: int, *, zone: str = NEW_YORK, interval_s: int = 900, scale: float = 1.0) -> Stretch:
        start, end = day_starts(day_number(first) + np.array([0, days]), zone)
        if interval_s == DAY_S:
            instants = day_starts(day_number(first) + np.arange(days), zone)
        else:
            instants = np.arange(start, end, interval_s)
        clock = to_local(instants, zone) % DAY_S / DAY_S
        weekend = weekdays(local_days(instants, zone)) >= 5
        value = np.round(scale * (0.5 + 0.4 * np.sin(2 * np.pi * clock) + 0.3 * weekend), 3)
        quality = np.full(len(instants), Quality.ACTUAL, np.uint8)
        return Stretch(zone, interval_s, instants, value, quality, np.zeros(len(instants), np.bool_))

    return make
