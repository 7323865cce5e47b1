"""SQL of when the readings of assets begin and end."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from energygrid.database.driver import driver


class Ends(NamedTuple):
    """The first and the last day block of one series of an asset."""

    asset_uuid: UUID
    first_day: date
    first_values: bytes
    last_day: date
    last_values: bytes


def ends(db: Connection, tenant_id: int, assets: Sequence[UUID]) -> list[Ends]:
    with driver(db).cursor(binary=True) as cursor:
        cursor.execute(_ENDS, (tenant_id, list(assets)))
        return [Ends(*row) for row in cursor]


_ENDS = """
    SELECT a.uuid, first.day, first.values, last.day, last.values
    FROM flex_asset a
    JOIN series s ON s.tenant_id = a.tenant_id AND s.owner_kind = a.owner_kind AND s.owner_id = a.owner_id
        AND s.commodity = 'electricity' AND s.kind = 'energy' AND s.unit = 'kWh' AND s.interval_s = 1800
        AND s.channel = ''
    CROSS JOIN LATERAL (
        SELECT day, values FROM reading_block WHERE series_id = s.id ORDER BY day LIMIT 1
    ) first
    CROSS JOIN LATERAL (
        SELECT day, values FROM reading_block WHERE series_id = s.id ORDER BY day DESC LIMIT 1
    ) last
    WHERE a.tenant_id = %b AND a.uuid = ANY(%b::uuid[])
"""
