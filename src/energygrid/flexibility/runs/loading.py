"""Readings of thousands of assets as one matrix, with the revision of each day that they come from.

Day blocks are days of UTC; laid one after the other they are elapsed time, and so are the local days of `LocalDays`:
these are a slice of them, whatever the clocks do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from energygrid.flexibility.baselines.days import LocalDays, Usage
from energygrid.flexibility.runs.queries import loading
from energygrid.flexibility.runs.queries.loading import Blocks
from energygrid.metering.blocks import unpack_joined
from energygrid.metering.calendar import date_of, local_days
from energygrid.metering.readings import DAY_S, Bools, Float64s

SLOTS = 48
"""Half-hours of a plain day."""

Revisions = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Days:
    """The UTC days that local days lie in: `count` from `first` (days since 1970) on."""

    local: LocalDays
    first: int
    count: int

    @classmethod
    def of(cls, local: LocalDays) -> "Days":
        first, last = int(local.starts[0]) // DAY_S, (int(local.starts[-1]) - 1) // DAY_S
        return cls(local, first, last - first + 1)

    @property
    def bounds(self) -> tuple[date, date]:
        return date_of(self.first), date_of(self.first + self.count - 1)

    @property
    def cut(self) -> slice:
        """Where the local days lie in the half-hours of the UTC days."""
        start = (int(self.local.starts[0]) - self.first * DAY_S) // 1800
        return slice(start, start + int(self.local.offset[-1]))

    def utc(self, day: int) -> slice:
        """The UTC days that the local day number `day` (its index) lies in."""
        start, end = int(self.local.starts[day]), int(self.local.starts[day + 1]) - 1
        return slice(start // DAY_S - self.first, end // DAY_S - self.first + 1)


@dataclass(frozen=True, slots=True)
class Loaded:
    """Of H series: their usage, and (H, U) the revision of each UTC day's block; 0: there is none."""

    usage: Usage
    revisions: Revisions


def load(db: Connection, series: Sequence[int | None], days: Days, *, revisions: Revisions | None = None) -> Loaded:
    """Readings of each series, NaN where there is none.

    revisions  (H, U) the ones to read instead of the newest; one that is no longer stored is 0 in the answer
    """
    position = {each: place for place, each in enumerate(series) if each is not None}
    found = loading.blocks(db, list(position), *days.bounds, ever=revisions is not None) if position else []
    kwh = np.full((len(series), days.count * SLOTS), np.nan)
    known = np.zeros((len(series), days.count), np.int32)
    if found:
        _lay_out(found, position, kwh.reshape(-1, SLOTS), known.reshape(-1), days.count, revisions)
    return Loaded(Usage(days.local, kwh[:, days.cut]), known)


def days_of_events(
    db: Connection, tenant_id: int, assets: Sequence[UUID], days: LocalDays, *, apart_from: UUID | None = None
) -> Bools:
    """(H, D) days on which each asset has an event that it takes part in."""
    found = np.zeros((len(assets), len(days.number)), np.bool_)
    position = {uuid: row for row, uuid in enumerate(assets)}
    for event in loading.events(db, tenant_id, assets, days.span.start, days.span.end, apart_from=apart_from):
        touched = np.array([event.starts_at.timestamp(), event.ends_at.timestamp() - 1], np.int64)
        first, last = (local_days(touched, days.zone) - days.number[0]).tolist()
        found[position[event.asset_uuid], max(first, 0) : last + 1] = True
    return found


def _lay_out(
    found: Sequence[Blocks],
    position: dict[int, int],
    rows: Float64s,
    known: Revisions,
    count: int,
    wanted: Revisions | None,
) -> None:
    """Write each block into its row, one of `count` for each series."""
    day = np.frombuffer(b"".join(each.days for each in found), ">i2").astype(np.int64)
    revision = np.frombuffer(b"".join(each.revisions for each in found), ">i4")
    size = np.frombuffer(b"".join(each.sizes for each in found), ">i2").astype(np.int64)
    owner = np.array([position[each.series_id] for each in found])
    row = np.repeat(owner, [len(each.days) // 2 for each in found]) * count + day
    values = unpack_joined(b"".join(each.values for each in found), size, SLOTS)
    if wanted is not None:
        asked = revision == wanted.reshape(-1)[row]
        row, revision, values = row[asked], revision[asked], values[asked]
    rows[row] = values
    known[row] = revision
