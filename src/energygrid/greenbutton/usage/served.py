"""Which series of a meter a third party is served, as MeterReadings, under which ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from energygrid.access.consents.espi_scope import EspiScope
from energygrid.greenbutton.entitlement import SharedMeter
from energygrid.greenbutton.usage import queries
from energygrid.greenbutton.usage.codes import MONTH_S, ReadingCodes, codes_of
from energygrid.greenbutton.usage.context import Context
from energygrid.greenbutton.usage.queries import AnyRow
from energygrid.metering.readings import DAY_S
from energygrid.metering.series import Series, series_of_owners
from energygrid.metering.settings import MeteringSettings

_REGISTERS = 9
"""The function block of register reads."""


@dataclass(frozen=True, slots=True)
class ServedSeries:
    """A series as one MeterReading.

    interval_s  of the intervals that are given, longer than the series' own where the consent is for no finer ones;
                0: reads of a register
    first_block block ids count from here, in days since 1970
    made_at     since when it can be read
    """

    meter: SharedMeter
    series: Series
    interval_s: int
    codes: ReadingCodes
    href: str
    type_href: str
    first_block: int
    made_at: datetime

    @property
    def id(self) -> str:
        return self.href.rpartition("/")[2]

    @property
    def by_month(self) -> bool:
        """Whether a block is a local month instead of a local day, which would hold a single reading."""
        return self.interval_s in {0, DAY_S, MONTH_S}


@dataclass(frozen=True, slots=True)
class ServedMeter:
    """A meter with its facts in the mirror and what of it is served.

    zone  of its local days
    """

    meter: SharedMeter
    row: AnyRow
    zone: str
    series: tuple[ServedSeries, ...]

    @property
    def is_held(self) -> bool:
        """Whether the customer has the meter still: only then are its present rate and cycle the customer's."""
        return self.meter.spans[-1].end is None


def served(
    db: Connection, ctx: Context, meters: Sequence[SharedMeter], *, with_series: bool = True
) -> list[ServedMeter]:
    """In the given order; series by age."""
    tenant = ctx.entitlement.tenant
    ids = [meter.meter_id for meter in meters]
    rows = queries.meters(db, tenant.id, ids)
    intervals = with_series and ctx.entitlement.scope.intervals
    made = queries.series_made(db, tenant.id, ids) if intervals else {}
    found: dict[str, list[Series]] = {}
    for series in series_of_owners(db, tenant.id, ids):
        found.setdefault(series.owner_id, []).append(series)
    zone = tenant.section("metering", MeteringSettings).zone
    result = []
    for meter in meters:
        stored = found.get(meter.meter_id, [])
        each = (_served(ctx, meter, series, made[series.id]) for series in stored) if intervals else ()
        series_zone = stored[0].zone if stored else zone
        given = tuple(series for series in each if series is not None)
        result.append(ServedMeter(meter, rows[meter.meter_id], series_zone, given))
    return result


def find(db: Connection, ctx: Context, meter: SharedMeter, reading_id: str) -> ServedSeries | None:
    return next((each for each in served(db, ctx, [meter])[0].series if each.id == reading_id), None)


def _served(ctx: Context, meter: SharedMeter, series: Series, made_at: datetime) -> ServedSeries | None:
    interval_s = given_interval(series.interval_s, ctx.entitlement.scope)
    codes = None if interval_s is None else codes_of(series, interval_s)
    if interval_s is None or codes is None:
        return None
    return ServedSeries(
        meter=meter,
        series=series,
        interval_s=interval_s,
        codes=codes,
        href=f"{ctx.usage_point(meter)}/MeterReading/{ctx.opaque('meter reading', series.id, interval_s)}",
        type_href=f"{ctx.base}/ReadingType/{ctx.opaque('reading type', series.id, interval_s)}",
        first_block=int(ctx.opaque("interval blocks", series.id, interval_s)),
        made_at=max(made_at, ctx.entitlement.granted_at),
    )


def given_interval(interval_s: int, scope: EspiScope) -> int | None:
    """The interval length in which a series may be given, None when it may not.

    A consent to some lengths is one to nothing finer: a finer series is added up to the shortest of them that its
    intervals fill; a series no finer than the shortest is given as it is. Register reads, which come at any distance,
    need their function block to be named then.
    """
    allowed = scope.interval_durations | ({MONTH_S} if scope.monthly else frozenset())
    if not allowed:
        return interval_s
    if interval_s == 0:
        return 0 if _REGISTERS in scope.blocks else None
    if interval_s >= min(allowed):
        return interval_s
    fitting = [each for each in allowed if each == MONTH_S or (each % interval_s == 0 and DAY_S % each == 0)]
    return min(fitting, default=None)
