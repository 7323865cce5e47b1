"""Validating what an import changed: the bridge from stored days to the rules of `metering.vee`."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.metering.calendar import Span, day_starts
from energygrid.metering.readings import DAY_S
from energygrid.metering.series import Series, series_by_ids
from energygrid.metering.vee.run import validate_many


def validate_days(db: Connection, tenant: Tenant, touched: Sequence[tuple[int, int, int]], now: datetime) -> int:
    """Run the rules over (series id, first, last block day since 1970) each; how many readings were estimated."""
    spans = [(series, span_of(series, first, last)) for series, first, last in _known(db, tenant, touched)]
    return validate_many(db, tenant, spans, now=now).estimated.total()


def _known(db: Connection, tenant: Tenant, touched: Sequence[tuple[int, int, int]]) -> list[tuple[Series, int, int]]:
    series = {each.id: each for each in series_by_ids(db, tenant.id, [series_id for series_id, _, _ in touched])}
    return [(series[series_id], first, last) for series_id, first, last in touched if series_id in series]


def span_of(series: Series, first: int, last: int) -> Span:
    """The instants of a series' block days [first, last], in days since 1970."""
    if series.is_daily:
        start, end = day_starts(np.array([first, last + 1]), series.zone).tolist()
        return Span.of(start, end)
    return Span.of(first * DAY_S + series.offset_s, (last + 1) * DAY_S + series.offset_s)
