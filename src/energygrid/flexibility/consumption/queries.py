"""SQL of consumption."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import numpy as np
from sqlalchemy import Connection, delete, insert, select

from energygrid.database import arrays
from energygrid.flexibility.consumption.tables import flex_ingest
from energygrid.metering.readings import Bools, Flow, Int64s
from energygrid.metering.series import OwnerKind

FLOWS = (Flow.DELIVERED, Flow.RECEIVED)
"""Import and export, seen from the customer's side of the meter."""


class Owner(NamedTuple):
    """Whose readings those of an asset are: the asset itself, or a meter of the mirror."""

    kind: OwnerKind
    id: str
    zone: str


@dataclass(frozen=True, slots=True)
class Targets:
    """Assets that readings may go to, one for each UUID that was asked for; all (n,).

    group     position in `groups`, the kinds and zones of owners; -1 where the tenant has no such asset
    owner_id  "" where there is none
    series    (n, 2) the series of import and of export, 0 where there is none yet;  offset_s  (n, 2) where they start
    """

    groups: list[tuple[OwnerKind, str]]
    group: Int64s
    owner_id: list[str]
    archived: Bools
    withdrawn: Bools
    series: Int64s
    offset_s: Int64s

    @property
    def unknown(self) -> Bools:
        return self.group < 0

    def owner(self, at: int) -> Owner:
        kind, zone = self.groups[int(self.group[at])]
        return Owner(kind, self.owner_id[at], zone)


# Three statements on one table each: joined, they would be at the mercy of what the planner believes about tables that
# grow by tens of thousands of rows at once.
_ASSETS = """
    SELECT owner_kind, zone, archived_at IS NOT NULL, array_agg(uuid::text),
           array_agg(CASE owner_kind WHEN 'meter' THEN owner_id END)
    FROM flex_asset WHERE tenant_id = %b AND uuid = ANY(%b::uuid[])
    GROUP BY 1, 2, 3
"""
_SERIES = """
    SELECT flow, offset_s, array_agg(owner_id), array_agg(id) FROM series
    WHERE tenant_id = %b AND owner_kind = %b AND owner_id = ANY({}) AND flow = ANY(%b)
      AND commodity = 'electricity' AND kind = 'energy' AND unit = 'kWh' AND interval_s = 1800 AND channel = ''
    GROUP BY 1, 2
"""
_OWN = _SERIES.format("%b::uuid[]::text[]")  # an asset's own readings go by its UUID
_METERS = _SERIES.format("%b::text[]")
# The newest word of a user on meter data is a withdrawal.
_WITHDRAWN = """
    SELECT array_agg(asset_uuid::text) FROM (
        SELECT DISTINCT ON (asset_uuid) asset_uuid, withdrawn_at FROM flex_consent
        WHERE tenant_id = %b AND asset_uuid = ANY(%b::uuid[]) AND scope = 'METER_DATA'
        ORDER BY asset_uuid, granted_at DESC, withdrawn_at DESC NULLS FIRST
    ) AS newest
    WHERE withdrawn_at IS NOT NULL
"""


def targets(db: Connection, tenant_id: int, uuids: Sequence[str]) -> Targets:
    """The assets of distinct UUIDs in canonical text."""
    position = {uuid: at for at, uuid in enumerate(uuids)}
    named = arrays.uuids(bytes.fromhex("".join(uuids).replace("-", "")))
    with arrays.columns(db) as cursor:
        assets = cursor.execute(_ASSETS, (tenant_id, named)).fetchall()
        meters = [owner for kind, *_, ids in assets if kind == "meter" for owner in ids]
        series = {
            "asset": cursor.execute(_OWN, (tenant_id, "asset", named, list(FLOWS))).fetchall(),
            "meter": cursor.execute(_METERS, (tenant_id, "meter", arrays.texts(meters), list(FLOWS))).fetchall(),
        }
        withdrawn = cursor.execute(_WITHDRAWN, (tenant_id, named)).fetchone()
    count = len(uuids)
    found = Targets(
        [(kind, zone) for kind, zone, *_ in assets],
        np.full(count, -1),
        [""] * count,
        *np.zeros((2, count), np.bool_),
        *np.zeros((2, count, 2), np.int64),
    )
    for group, (kind, _, archived, of, meters) in enumerate(assets):
        owner_ids = meters if kind == "meter" else of
        places = [position[uuid] for uuid in of]
        for place, owner_id in zip(places, owner_ids, strict=True):
            found.owner_id[place] = owner_id
        at = np.array(places)
        found.group[at], found.archived[at] = group, archived
        for flow, offset_s, series_owners, series_ids in series[kind]:
            known = dict(zip(series_owners, series_ids.tolist(), strict=True))
            ids = np.array([known.get(owner_id, 0) for owner_id in owner_ids], np.int64)
            found.series[at[ids > 0], FLOWS.index(flow)] = ids[ids > 0]
            found.offset_s[at[ids > 0], FLOWS.index(flow)] = offset_s
    if withdrawn is not None and withdrawn[0] is not None:
        found.withdrawn[[position[uuid] for uuid in withdrawn[0]]] = True
    return found


def insert_ingest(db: Connection, **values: object) -> None:
    db.execute(insert(flex_ingest).values(**values))


def has_ingest(db: Connection, tenant_id: int, ingest_id: UUID) -> bool:
    at = (flex_ingest.c.tenant_id == tenant_id) & (flex_ingest.c.id == ingest_id)
    return db.execute(select(flex_ingest.c.id).where(at)).first() is not None


def forget_ingests(db: Connection, before: datetime) -> int:
    return db.execute(delete(flex_ingest).where(flex_ingest.c.received_at < before)).rowcount
