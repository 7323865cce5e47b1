"""SQL of consumption."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from psycopg import Connection as Driver
from sqlalchemy import Connection, delete, insert, select

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


# An asset's user has withdrawn meter data when the newest word on it is a withdrawal.
_TARGETS = """
    SELECT a.uuid::text, a.owner_kind, a.owner_id, a.zone, a.archived_at IS NOT NULL,
           coalesce((
               SELECT c.withdrawn_at IS NOT NULL FROM flex_consent c
               WHERE c.tenant_id = a.tenant_id AND c.asset_uuid = a.uuid AND c.scope = 'METER_DATA'
               ORDER BY c.granted_at DESC, c.withdrawn_at NULLS FIRST LIMIT 1
           ), false),
           min(s.id) FILTER (WHERE s.flow = 'delivered'), min(s.id) FILTER (WHERE s.flow = 'received')
    FROM flex_asset a
    LEFT JOIN series s ON s.tenant_id = a.tenant_id AND s.owner_kind = a.owner_kind AND s.owner_id = a.owner_id
        AND s.commodity = 'electricity' AND s.kind = 'energy' AND s.unit = 'kWh' AND s.interval_s = 1800
        AND s.channel = ''
    WHERE a.tenant_id = %b AND a.uuid = ANY(%b::uuid[])
    GROUP BY a.tenant_id, a.uuid
"""


def targets(db: Connection, tenant_id: int, uuids: Sequence[str]) -> list[Target]:
    """Those of the assets that are the tenant's."""
    driver = db.connection.driver_connection
    assert isinstance(driver, Driver)
    with driver.cursor(binary=True) as cursor:
        cursor.execute(_TARGETS, (tenant_id, list(uuids)))
        return [Target(*row) for row in cursor]


def insert_ingest(db: Connection, **values: object) -> None:
    db.execute(insert(flex_ingest).values(**values))


def has_ingest(db: Connection, tenant_id: int, ingest_id: UUID) -> bool:
    at = (flex_ingest.c.tenant_id == tenant_id) & (flex_ingest.c.id == ingest_id)
    return db.execute(select(flex_ingest.c.id).where(at)).first() is not None


def forget_ingests(db: Connection, before: datetime) -> int:
    return db.execute(delete(flex_ingest).where(flex_ingest.c.received_at < before)).rowcount
