"""What a feed is going to say, found by a few small queries before any of it is read.

The outline gives a feed its version, the time of its newest part and the series that it has anything of. What is read
later is read as it was known at the outline's instant, so that feeds of one version have the same bytes even when data
change while they are sent. A change that reaches the database late, with an earlier time, cannot be told apart then:
the feed looks for one when it ends, and breaks off instead of ending.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection

from energygrid.billing.settings import BillingSettings
from energygrid.errors import Unavailable
from energygrid.greenbutton.entitlement import SharedMeter
from energygrid.greenbutton.usage import queries
from energygrid.greenbutton.usage.context import Context
from energygrid.greenbutton.usage.costs import Tariff, tariffs_of
from energygrid.greenbutton.usage.dst import local_time
from energygrid.greenbutton.usage.queries import Extent, Records
from energygrid.greenbutton.usage.served import ServedMeter, ServedSeries, served
from energygrid.greenbutton.usage.spans import FIRST, instant, instants
from energygrid.greenbutton.window import Window
from energygrid.metering.calendar import date_of
from energygrid.metering.readings import DAY_S

_FORMAT = 1
"""To be raised when the same content is written in other bytes."""
_NO_RECORDS = Records(0, None, None)


@dataclass(frozen=True, slots=True)
class Outline:
    """`extents`: by series; one that has nothing has none. `readings` is how many there may be at most."""

    window: Window
    meters: tuple[ServedMeter, ...]
    extents: Mapping[int, Extent]
    bills: Records
    power_quality: Records
    tariffs: Mapping[str, Tariff]
    as_of: datetime
    updated: datetime
    version: str

    @property
    def readings(self) -> int:
        each = {series.series.id: series.series for meter in self.meters for series in meter.series}
        return sum(
            extent.size * (each[series_id].intervals if each[series_id].interval_s else 1)
            for series_id, extent in self.extents.items()
        )


def outline(db: Connection, ctx: Context, meters: Sequence[SharedMeter], window: Window) -> Outline:
    found = served(db, ctx, meters)
    reach = extents(db, found, window)
    bills, power_quality = records(db, ctx, meters)
    tariffs = tariffs_of(db, ctx.entitlement.tenant, ctx.entitlement.scope, found)
    granted, rows = ctx.entitlement, [meter.row for meter in found]
    times = [records.known_at for records in (bills, power_quality) if records.known_at is not None]
    known = [extent.known_at for extent in reach.values()]
    zones = sorted({meter.zone for meter in found})
    facts = (
        _FORMAT,
        ctx.base,
        granted.id,
        granted.scope.text,
        sorted(granted.scope.blocks),
        granted.granted_at,
        granted.changed_at,
        granted.tenant.section("billing", BillingSettings).currency,
        window,
        [(each.meter, tuple(each.row), each.zone, [(s.series, s.interval_s) for s in each.series]) for each in found],
        [(zone, local_time(zone, ctx.now.year)) for zone in zones],
        sorted(reach.items()),
        bills,
        power_quality,
        sorted(tariffs.items()),
    )
    priced = [changed for tariff in tariffs.values() for changed in tariff.changed_at]
    return Outline(
        window=window,
        meters=tuple(found),
        extents=reach,
        bills=bills,
        power_quality=power_quality,
        tariffs=tariffs,
        as_of=max(known, default=ctx.now),
        updated=max([granted.changed_at, *(row.changed_at for row in rows), *times, *known, *priced]),
        version=hashlib.sha256(repr(facts).encode()).hexdigest(),
    )


def require_unchanged(db: Connection, ctx: Context, before: Outline) -> None:
    """Raises Unavailable("DATA_CHANGED") when what was read in parts since may not fit together."""
    meters = [each.meter for each in before.meters]
    now = extents(db, before.meters, before.window)
    if now != before.extents:
        now = extents(db, before.meters, before.window, before.as_of)
    granted = ctx.entitlement
    tariffs = tariffs_of(db, granted.tenant, granted.scope, before.meters)
    stored = records(db, ctx, meters)
    if (now, stored, tariffs) != (before.extents, (before.bills, before.power_quality), before.tariffs):
        raise Unavailable("DATA_CHANGED", "the data changed while they were read; ask again", retry_after=1)


def extents(
    db: Connection, meters: Sequence[ServedMeter], window: Window, as_of: datetime | None = None
) -> dict[int, Extent]:
    """What of each series lies in its spans and the window, a day wide of it: a block of a day draws on two."""
    since = instant(FIRST if window.updated_min is None else window.updated_min)
    blocks, registers = [], []
    for meter in meters:
        spans = instants(meter.meter, window)
        if not spans:
            continue
        low, high = spans[0][0], spans[-1][1]
        for series in meter.series:
            if series.series.interval_s:
                blocks.append((series.series.id, date_of(low // DAY_S - 1), date_of(high // DAY_S + 1)))
            else:
                registers.append((series.series.id, instant(low), instant(high)))
    found = queries.block_extents(db, blocks, since, as_of) if blocks else []
    if registers:
        found += queries.register_extents(db, registers, since, as_of or _END)
    return {extent.series_id: extent for extent in found}


_END = datetime(9999, 1, 1, tzinfo=UTC)


def records(db: Connection, ctx: Context, meters: Sequence[SharedMeter]) -> tuple[Records, Records]:
    """Bills and power quality records, of what the scope lets see."""
    granted, ids = ctx.entitlement, [meter.meter_id for meter in meters]
    accounts = sorted({meter.account_number for meter in meters if meter.account_number is not None})
    bills = quality = _NO_RECORDS
    if granted.scope.summaries:
        bills = queries.bills_of(db, granted.tenant.id, ids, accounts)
    if granted.scope.power_quality:
        quality = queries.power_quality_of(db, granted.tenant.id, ids)
    return bills, quality


def series_with_data(outline: Outline, meter: ServedMeter) -> list[tuple[ServedSeries, Extent]]:
    return [(each, outline.extents[each.series.id]) for each in meter.series if each.series.id in outline.extents]
