"""Series: what a stream of readings is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection

from energygrid.errors import NotFound
from energygrid.metering import queries
from energygrid.metering.readings import DAY_S, Commodity, Flow, Kind, SeriesKey

OwnerKind = Literal["meter", "asset"]


@dataclass(frozen=True, slots=True)
class Series:
    """A stored series.

    interval_s  86,400 = one local calendar day of `zone`; 0 = register reads
    offset_s    where the first interval of a UTC day starts: 0 unless the zone's hours are not whole UTC hours
    """

    tenant_id: int
    id: int
    owner_kind: OwnerKind
    owner_id: str
    commodity: Commodity
    flow: Flow
    kind: Kind
    unit: str
    interval_s: int
    channel: str
    offset_s: int
    zone: str

    @property
    def is_daily(self) -> bool:
        return self.interval_s == DAY_S

    @property
    def intervals(self) -> int:
        """Intervals of one day block."""
        return DAY_S // self.interval_s

    @property
    def key(self) -> SeriesKey:
        return SeriesKey(self.owner_id, self.commodity, self.flow, self.kind, self.unit, self.interval_s, self.channel)


def ensure_series(
    db: Connection,
    tenant_id: int,
    keys: Sequence[SeriesKey],
    *,
    zones: Mapping[str, str],
    offsets: Sequence[int],
    now: datetime,
    owner_kind: OwnerKind = "meter",
) -> list[Series]:
    """The series of each key, made where there is none.

    zones    time zone of each owner
    offsets  `offset_s` for each key, used when it is made
    """
    found = _by_key(db, tenant_id, owner_kind, keys)
    missing = {key: offset for key, offset in zip(keys, offsets, strict=True) if key not in found}
    if missing:
        queries.insert_series(
            db,
            tenant_id,
            owner_kind,
            [(key, offset, zones[key.meter_id]) for key, offset in sorted(missing.items(), key=lambda e: _order(e[0]))],
            now,
        )
        found = _by_key(db, tenant_id, owner_kind, keys)
    return [found[key] for key in keys]


def _order(key: SeriesKey) -> tuple[str, ...]:
    """One order for all writers, so that two that make the same series do not wait for each other in a circle."""
    return (key.meter_id, key.commodity, key.flow, key.kind, key.unit, str(key.interval_s), key.channel)


def _by_key(
    db: Connection, tenant_id: int, owner_kind: OwnerKind, keys: Sequence[SeriesKey]
) -> dict[SeriesKey, Series]:
    owners = list(dict.fromkeys(key.meter_id for key in keys))
    return {series.key: series for series in series_of_owners(db, tenant_id, owners, owner_kind=owner_kind)}


def series_of_owners(
    db: Connection, tenant_id: int, owner_ids: Sequence[str], *, owner_kind: OwnerKind = "meter"
) -> list[Series]:
    """All series of some meters (or assets), oldest first."""
    return [_series(*row) for row in queries.series_of_owners(db, tenant_id, owner_kind, owner_ids)]


def series_by_ids(db: Connection, tenant_id: int, series_ids: Sequence[int]) -> list[Series]:
    """Those of the series that are the tenant's."""
    return [_series(*row) for row in queries.series_by_ids(db, tenant_id, series_ids)]


def find_series(db: Connection, tenant_id: int, series_id: int) -> Series:
    found = series_by_ids(db, tenant_id, [series_id])
    if not found:
        raise NotFound("UNKNOWN_SERIES", f"there is no series {series_id}", seriesId=series_id)
    return found[0]


def _series(
    tenant_id: int,
    series_id: int,
    owner_kind: OwnerKind,
    owner_id: str,
    commodity: str,
    flow: str,
    kind: str,
    *grid: Any,
) -> Series:
    return Series(tenant_id, series_id, owner_kind, owner_id, Commodity(commodity), Flow(flow), Kind(kind), *grid)
