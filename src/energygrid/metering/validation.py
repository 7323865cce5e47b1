"""Validating what an import changed: the bridge from stored days to the rules of `metering.vee`."""

from datetime import datetime

import numpy as np
from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.metering.calendar import Span, day_starts
from energygrid.metering.readings import DAY_S
from energygrid.metering.series import find_series
from energygrid.metering.vee.run import validate_and_estimate


def validate_days(db: Connection, tenant: Tenant, series_id: int, first: int, last: int, now: datetime) -> int:
    """Run the rules over block days first..last (days since 1970) of a series; how many readings were estimated."""
    series = find_series(db, tenant.id, series_id)
    if series.is_daily:
        start, end = day_starts(np.array([first, last + 1]), series.zone).tolist()
    else:
        start, end = first * DAY_S + series.offset_s, (last + 1) * DAY_S + series.offset_s
    return validate_and_estimate(db, tenant, series, Span.of(start, end), now).estimated.total()
