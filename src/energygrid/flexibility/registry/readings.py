"""When the readings of assets begin and end."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import numpy as np
from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.flexibility.registry.queries import readings as queries
from energygrid.metering.blocks import unpack_values

_SLOTS = 48
_SLOT = timedelta(minutes=30)


def ends(db: Connection, tenant: Tenant, assets: Sequence[UUID]) -> dict[UUID, tuple[datetime, datetime]]:
    """Start of the first and of the last half-hour of each asset that has any, in either channel."""
    rows = queries.ends(db, tenant.id, assets)
    if not rows:
        return {}
    values = unpack_values([body for row in rows for body in (row.first_values, row.last_values)], _SLOTS)
    present = ~np.isnan(values)
    first = present[::2].argmax(axis=1).tolist()
    last = (_SLOTS - 1 - present[1::2, ::-1].argmax(axis=1)).tolist()
    found: dict[UUID, tuple[datetime, datetime]] = {}
    for row, at, until in zip(rows, first, last, strict=True):
        begin, end = _instant(row.first_day, at), _instant(row.last_day, until)
        before = found.get(row.asset_uuid, (begin, end))
        found[row.asset_uuid] = (min(begin, before[0]), max(end, before[1]))
    return found


def _instant(day: date, slot: int) -> datetime:
    return datetime.combine(day, time(), UTC) + slot * _SLOT
