"""Use cases of consumption: an upload of many assets' half-hours, and one asset's half-hours read back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

import numpy as np
from sqlalchemy import Connection

from energygrid.access import audit
from energygrid.access.caller import Actor, Tenant
from energygrid.errors import NotFound
from energygrid.flexibility import runs
from energygrid.flexibility.consumption import queries
from energygrid.flexibility.consumption.queries import FLOWS, Owner, Targets
from energygrid.flexibility.consumption.records import INTERVAL_S, MOST_LISTED, Records, Rejected
from energygrid.metering.calendar import Span
from energygrid.metering.grid import Grid, Gridded, Readings
from energygrid.metering.quality import Quality
from energygrid.metering.readings import Commodity, Flow, Int32s, Kind, ReadingBatch, SeriesKey
from energygrid.metering.series import OwnerKind, ensure_series, series_by_ids
from energygrid.metering.store import read_many, write_readings


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of an upload; `rejected` lists the first thousand of `rejected_count`."""

    ingest_id: UUID
    accepted: int
    updated: int
    unchanged: int
    rejected_count: int
    rejected: Sequence[Rejected]


def take(db: Connection, tenant: Tenant, records: Records, *, who: Actor, now: datetime) -> Receipt:
    """Store an upload in the caller's transaction; whoever reads after its commit sees all of it.

    The same value again changes nothing; another value becomes the half-hour's newest revision. Of several records of
    one half-hour the last counts.
    """
    records = records.without_unused()  # refused records may name what is no UUID
    targets = queries.targets(db, tenant.id, records.assets)
    for reason, refused in (
        ("UNKNOWN_ASSET: there is no such asset", targets.unknown),
        ("ARCHIVED: the asset has been archived", targets.archived),
        ("CONSENT_WITHDRAWN (403): the user has withdrawn consent", targets.withdrawn),
    ):
        records = records.refuse(refused[records.index], reason)
    series, index = _series(db, tenant, targets, records, now)
    batch = ReadingBatch(
        series=[],  # the store is given stored ones
        index=index,
        start=records.start,
        value=records.value,
        quality=np.full(len(records), Quality.ACTUAL, np.uint8),
        row=records.row,
    )
    report = write_readings(db, series, batch, known_at=now)
    runs.readings_changed(db, tenant, report.touched, now)
    off = [Rejected(each.row, None, None, f"{each.code}: {each.message}") for each in report.rejects]
    rejected = records.rejected + off
    receipt = Receipt(
        ingest_id=uuid4(),
        accepted=report.accepted,
        updated=report.replaced,
        unchanged=report.unchanged + report.repeated,
        rejected_count=len(records.rejected) + report.rejected,
        rejected=sorted(rejected, key=lambda each: each.index)[:MOST_LISTED],
    )
    _note(db, tenant, receipt, who, now)
    return receipt


def _series(
    db: Connection, tenant: Tenant, targets: Targets, records: Records, now: datetime
) -> tuple[Gridded, Int32s]:
    """The series that the records go to, made where there is none, and the position of each record's."""
    wanted, index = np.unique(records.index * 2 + records.export, return_inverse=True)
    ids, offsets = targets.series.reshape(-1)[wanted], targets.offset_s.reshape(-1)[wanted]
    missing: dict[OwnerKind, list[tuple[int, Owner, Flow]]] = {}
    for place in np.flatnonzero(ids == 0).tolist():
        code = int(wanted[place])
        owner = targets.owner(code // 2)
        missing.setdefault(owner.kind, []).append((place, owner, FLOWS[code % 2]))
    for kind, new in missing.items():
        keys = [
            SeriesKey(owner.id, Commodity.ELECTRICITY, flow, Kind.ENERGY, "kWh", INTERVAL_S) for _, owner, flow in new
        ]
        zones = {owner.id: owner.zone for _, owner, _ in new}
        made = ensure_series(db, tenant.id, keys, zones=zones, offsets=[0] * len(keys), now=now, owner_kind=kind)
        places = [place for place, _, _ in new]
        ids[places], offsets[places] = [each.id for each in made], [each.offset_s for each in made]
    starts, grid = np.unique(offsets, return_inverse=True)
    grids = [Grid(INTERVAL_S, offset_s, None) for offset_s in starts.tolist()]
    return Gridded(ids, grid, grids), index.astype(np.int32)


def _note(db: Connection, tenant: Tenant, receipt: Receipt, who: Actor, now: datetime) -> None:
    counts = {
        "accepted": receipt.accepted,
        "updated": receipt.updated,
        "unchanged": receipt.unchanged,
        "rejected": receipt.rejected_count,
    }
    queries.insert_ingest(db, tenant_id=tenant.id, id=receipt.ingest_id, received_at=now, actor=who.name, **counts)
    audit.record(
        db,
        tenant.id,
        actor=who.name,
        action="consumption.taken",
        subject=f"ingest/{receipt.ingest_id}",
        request_id=who.request_id,
        now=now,
        facts=counts,
    )


def require_ingest(db: Connection, tenant: Tenant, ingest_id: UUID) -> None:
    """Raises NotFound UNKNOWN_INGEST. A receipt is given after the commit, so what it stands for can be read."""
    if not queries.has_ingest(db, tenant.id, ingest_id):
        raise NotFound("UNKNOWN_INGEST", f"there is no upload {ingest_id}")


def require_asset(db: Connection, tenant: Tenant, asset: UUID) -> Targets:
    """Raises NotFound UNKNOWN_ASSET."""
    found = queries.targets(db, tenant.id, [str(asset)])
    if found.unknown.any():
        raise NotFound("UNKNOWN_ASSET", "there is no such asset")
    return found


def read(
    db: Connection, tenant: Tenant, asset: UUID, span: Span, *, as_of: datetime | None = None
) -> dict[str, Readings]:
    """An asset's half-hours by channel, `import` and `export`; a channel without series is absent.

    Raises NotFound UNKNOWN_ASSET.
    """
    found = require_asset(db, tenant, asset)
    channels = dict(zip(found.series[0].tolist(), ("import", "export"), strict=True))
    series = series_by_ids(db, tenant.id, [each for each in channels if each])
    readings = read_many(db, series, span, as_of=as_of) if series else []
    return {channels[each.id]: values for each, values in zip(series, readings, strict=True)}
