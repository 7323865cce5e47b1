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
from energygrid.flexibility.consumption.queries import Target
from energygrid.flexibility.consumption.records import INTERVAL_S, MOST_LISTED, Records, Rejected
from energygrid.metering.calendar import Span
from energygrid.metering.grid import Readings
from energygrid.metering.quality import Quality
from energygrid.metering.readings import Commodity, Flow, Kind, ReadingBatch, SeriesKey
from energygrid.metering.series import OwnerKind, Series, ensure_series
from energygrid.metering.store import read_many, write_readings

_FLOWS = (Flow.DELIVERED, Flow.RECEIVED)
"""Import and export, seen from the customer's side of the meter."""


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
    named = [records.assets[at] for at in np.unique(records.index).tolist()]  # refused records may name what is no UUID
    found = {each.uuid: each for each in queries.targets(db, tenant.id, named)}
    targets = [found.get(uuid) for uuid in records.assets]
    for reason, refused in (
        ("UNKNOWN_ASSET: there is no such asset", [each is None for each in targets]),
        ("ARCHIVED: the asset has been archived", [each is not None and each.archived for each in targets]),
        (
            "CONSENT_WITHDRAWN (403): the user has withdrawn consent",
            [each is not None and each.withdrawn for each in targets],
        ),
    ):
        records = records.refuse(np.array(refused, np.bool_)[records.index], reason)
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
    runs.readings_changed(db, tenant, [(each, *days) for each, days in sorted(report.touched.items())], now)
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
    db: Connection, tenant: Tenant, targets: Sequence[Target | None], records: Records, now: datetime
) -> tuple[list[Series], np.ndarray[tuple[int], np.dtype[np.int32]]]:
    """The series that the records go to, made where there is none, and the position of each record's."""
    channel = records.index * 2 + records.export
    wanted, index = np.unique(channel, return_inverse=True)
    series: list[Series | None] = []
    missing: dict[str, list[int]] = {}
    for place, code in enumerate(wanted.tolist()):
        target, export = targets[code // 2], code % 2
        assert target is not None
        known = target.received if export else target.delivered
        series.append(None if known is None else _known(tenant, target, _FLOWS[export], known))
        if known is None:
            missing.setdefault(target.owner_kind, []).append(place)
    for kind, places in missing.items():
        owners = [(targets[int(wanted[place]) // 2], _FLOWS[int(wanted[place]) % 2]) for place in places]
        keys = [_key(target.owner_id, flow) for target, flow in owners if target is not None]
        zones = {target.owner_id: target.zone for target, _ in owners if target is not None}
        owner_kind: OwnerKind = "meter" if kind == "meter" else "asset"
        made = ensure_series(db, tenant.id, keys, zones=zones, offsets=[0] * len(keys), now=now, owner_kind=owner_kind)
        for place, each in zip(places, made, strict=True):
            series[place] = each
    return [each for each in series if each is not None], index.astype(np.int32)


def _key(owner_id: str, flow: Flow) -> SeriesKey:
    return SeriesKey(owner_id, Commodity.ELECTRICITY, flow, Kind.ENERGY, "kWh", INTERVAL_S)


def _known(tenant: Tenant, target: Target, flow: Flow, series_id: int) -> Series:
    return Series(
        tenant_id=tenant.id,
        id=series_id,
        owner_kind="meter" if target.owner_kind == "meter" else "asset",
        owner_id=target.owner_id,
        commodity=Commodity.ELECTRICITY,
        flow=flow,
        kind=Kind.ENERGY,
        unit="kWh",
        interval_s=INTERVAL_S,
        channel="",
        offset_s=0,
        zone=target.zone,
    )


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


def require_asset(db: Connection, tenant: Tenant, asset: UUID) -> Target:
    """Raises NotFound UNKNOWN_ASSET."""
    found = queries.targets(db, tenant.id, [str(asset)])
    if not found:
        raise NotFound("UNKNOWN_ASSET", "there is no such asset")
    return found[0]


def read(
    db: Connection, tenant: Tenant, asset: UUID, span: Span, *, as_of: datetime | None = None
) -> dict[str, Readings]:
    """An asset's half-hours by channel, `import` and `export`; a channel without series is absent.

    Raises NotFound UNKNOWN_ASSET.
    """
    target = require_asset(db, tenant, asset)
    channels = {
        name: _known(tenant, target, flow, series_id)
        for name, flow, series_id in (
            ("import", Flow.DELIVERED, target.delivered),
            ("export", Flow.RECEIVED, target.received),
        )
        if series_id is not None
    }
    readings = read_many(db, list(channels.values()), span, as_of=as_of) if channels else []
    return dict(zip(channels, readings, strict=True))
