"""SQL of consumption."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, delete, insert, select

from energygrid.database import arrays
from energygrid.database.driver import driver
from energygrid.flexibility.consumption.tables import flex_ingest


class Target(NamedTuple):
    """An asset that readings may go to, with the series of each channel that it has already."""

    uuid: str
    owner_kind: str
    owner_id: str
    zone: str
    archived: bool
    withdrawn: bool
    delivered: int | None
    received: int | None


# Three statements on one table each: joined, they would be at the mercy of what the planner believes about tables that
# grow by tens of thousands of rows at once.
_ASSETS = """
    SELECT uuid::text, owner_kind, owner_id, zone, archived_at IS NOT NULL
    FROM flex_asset WHERE tenant_id = %b AND uuid = ANY(%b::text[]::uuid[])
"""
_SERIES = """
    SELECT owner_kind, owner_id, flow, id FROM series
    WHERE tenant_id = %b AND owner_kind = ANY(%b::text[]) AND owner_id = ANY(%b::text[])
      AND commodity = 'electricity' AND kind = 'energy' AND unit = 'kWh' AND interval_s = 1800 AND channel = ''
"""
# The newest word of a user on meter data is a withdrawal.
_WITHDRAWN = """
    SELECT asset_uuid::text FROM (
        SELECT DISTINCT ON (asset_uuid) asset_uuid, withdrawn_at FROM flex_consent
        WHERE tenant_id = %b AND asset_uuid = ANY(%b::text[]::uuid[]) AND scope = 'METER_DATA'
        ORDER BY asset_uuid, granted_at DESC, withdrawn_at DESC NULLS FIRST
    ) AS newest
    WHERE withdrawn_at IS NOT NULL
"""


def targets(db: Connection, tenant_id: int, uuids: Sequence[str]) -> list[Target]:
    """Those of the assets that are the tenant's."""
    named = arrays.texts(uuids)
    with driver(db).cursor(binary=True) as cursor:
        assets = cursor.execute(_ASSETS, (tenant_id, named)).fetchall()
        kinds, owners = (arrays.texts(list({row[at] for row in assets})) for at in (1, 2))
        known = cursor.execute(_SERIES, (tenant_id, kinds, owners)).fetchall()
        withdrawn = {row[0] for row in cursor.execute(_WITHDRAWN, (tenant_id, named))}
    series = {(kind, owner, flow): series_id for kind, owner, flow, series_id in known}
    return [
        Target(
            uuid,
            kind,
            owner,
            zone,
            archived,
            uuid in withdrawn,
            series.get((kind, owner, "delivered")),
            series.get((kind, owner, "received")),
        )
        for uuid, kind, owner, zone, archived in assets
    ]


def insert_ingest(db: Connection, **values: object) -> None:
    db.execute(insert(flex_ingest).values(**values))


def has_ingest(db: Connection, tenant_id: int, ingest_id: UUID) -> bool:
    at = (flex_ingest.c.tenant_id == tenant_id) & (flex_ingest.c.id == ingest_id)
    return db.execute(select(flex_ingest.c.id).where(at)).first() is not None


def forget_ingests(db: Connection, before: datetime) -> int:
    return db.execute(delete(flex_ingest).where(flex_ingest.c.received_at < before)).rowcount
