"""SQL of how accurate baselines are: what was computed for assets, and how new their readings are."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import Connection

from energygrid.database import arrays
from energygrid.database.driver import driver


class Measured(NamedTuple):
    """A row of `flex_accuracy`."""

    asset_uuid: UUID
    method: str
    computed_at: datetime
    basis: Mapping[str, Any]
    figures: Mapping[str, Any]


class Newest(NamedTuple):
    """The last UTC day of a series, and when the newest of its last months' readings was taken in."""

    day: date
    known_at: datetime


# Both by the key of the blocks: a series may have years of them. 200 days are more than any rule set looks at.
_NEWEST = """
    SELECT given.id, latest.day,
           (SELECT max(b.known_at) FROM reading_block b WHERE b.series_id = given.id AND b.day > latest.day - 200)
    FROM unnest(%b::bigint[]) AS given (id)
    CROSS JOIN LATERAL (
        SELECT b.day FROM reading_block b WHERE b.series_id = given.id ORDER BY b.day DESC LIMIT 1
    ) AS latest
"""
_STORE = """
    INSERT INTO flex_accuracy (tenant_id, asset_uuid, method, computed_at, basis, figures)
    VALUES (%s, %s, %s, %s, %s, %s)
    ON CONFLICT (tenant_id, asset_uuid, method) DO UPDATE
    SET computed_at = excluded.computed_at, basis = excluded.basis, figures = excluded.figures
"""
_OF_ASSET = """
    SELECT asset_uuid, method, computed_at, basis, figures FROM flex_accuracy WHERE tenant_id = %s AND asset_uuid = %s
"""
_OF_ASSETS = """
    SELECT asset_uuid, figures FROM flex_accuracy WHERE tenant_id = %s AND method = %s AND asset_uuid = ANY(%s)
"""
_OF_PART = """
    SELECT assets FROM flex_run_part
    WHERE tenant_id = %s AND event_uuid = %s AND kind = %s AND revision = %s AND part = %s
"""


def newest(db: Connection, series: Sequence[int]) -> dict[int, Newest]:
    """Of those of the series that have any reading."""
    with driver(db).cursor(binary=True) as cursor:
        return {row[0]: Newest(*row[1:]) for row in cursor.execute(_NEWEST, (list(series),))}


def store(db: Connection, tenant_id: int, measured: Sequence[Measured]) -> None:
    """In place of what was stored of the same assets and methods."""
    rows = [
        (tenant_id, each.asset_uuid, each.method, each.computed_at, Jsonb(each.basis), Jsonb(each.figures))
        for each in measured
    ]
    with driver(db).cursor() as cursor:
        cursor.executemany(_STORE, rows)


def of_asset(db: Connection, tenant_id: int, asset: UUID) -> list[Measured]:
    return [Measured(*row) for row in driver(db).execute(_OF_ASSET, (tenant_id, asset))]


def of_assets(db: Connection, tenant_id: int, method: str, assets: Sequence[UUID]) -> dict[UUID, Mapping[str, Any]]:
    """Figures by one method, of those assets that have any."""
    with arrays.columns(db) as cursor:
        return dict(cursor.execute(_OF_ASSETS, (tenant_id, method, list(assets))))


def of_part(db: Connection, tenant_id: int, event: UUID, kind: str, revision: int, part: int) -> list[UUID]:
    """The assets of one part of a run; none when it is gone."""
    row = driver(db).execute(_OF_PART, (tenant_id, event, kind, revision, part)).fetchone()
    return [] if row is None else list(row[0])
