"""SQL of what a run reads: members, their series, their day blocks, their events."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from energygrid.database import arrays
from energygrid.database.driver import driver


class Member(NamedTuple):
    """An asset of a run; a series is None where it has none."""

    uuid: UUID
    asset_id: str
    zone: str
    delivered: int | None
    received: int | None


class Blocks(NamedTuple):
    """Day blocks of one series, in the order of their days; each member joins one entry a block.

    days       big-endian int16, from the first day asked for
    revisions  big-endian int32
    sizes      big-endian int16, bytes in `values`
    """

    series_id: int
    days: bytes
    revisions: bytes
    sizes: bytes
    values: bytes


class Taken(NamedTuple):
    """An event that an asset takes part in."""

    asset_uuid: UUID
    starts_at: datetime
    ends_at: datetime


_MEMBERS = """
    SELECT a.uuid, a.asset_id, a.zone,
           min(s.id) FILTER (WHERE s.flow = 'delivered'), min(s.id) FILTER (WHERE s.flow = 'received')
    FROM flex_asset a
    LEFT JOIN series s ON s.tenant_id = a.tenant_id AND s.owner_kind = a.owner_kind AND s.owner_id = a.owner_id
        AND s.commodity = 'electricity' AND s.kind = 'energy' AND s.unit = 'kWh' AND s.interval_s = 1800
        AND s.channel = '' AND s.offset_s = 0
    WHERE a.tenant_id = %b AND a.uuid = ANY(%b::uuid[])
    GROUP BY a.tenant_id, a.uuid
    ORDER BY a.uuid
"""

# One row a series: a row a block costs three times as much to hand over.
_BLOCKS = """
    SELECT series_id, string_agg(int2send((day - %b::date)::int2), ''), string_agg(int4send(revision), ''),
           string_agg(int2send(octet_length(values)::int2), ''), string_agg(values, '')
    FROM (
        SELECT series_id, day, revision, values FROM {table}
        WHERE series_id = ANY(%b::bigint[]) AND day >= %b AND day <= %b
        ORDER BY series_id, day
    ) AS block
    GROUP BY series_id
"""
_NOW = _BLOCKS.format(table="reading_block")
_EVER = _BLOCKS.format(
    table="""(
        SELECT series_id, day, revision, values FROM reading_block
        UNION ALL SELECT series_id, day, revision, values FROM reading_revision
    ) AS kept"""
)

_EVENTS = """
    SELECT p.asset_uuid, e.starts_at, e.ends_at
    FROM flex_event_asset p
    JOIN flex_event e ON e.tenant_id = p.tenant_id AND e.uuid = p.event_uuid
    WHERE p.tenant_id = %b AND p.asset_uuid = ANY(%b::uuid[]) AND e.uuid IS DISTINCT FROM %b
      AND (p.state = 'OPT_IN' OR (p.state = 'PENDING' AND NOT e.opt_in_required))
      AND e.status IN ('SCHEDULED', 'STARTED', 'ENDED') AND e.starts_at < %b AND e.ends_at > %b
"""

# Not those whose user has withdrawn meter data: the newest word on it is a withdrawal.
_MEMBERS_OF_RUN = """
    SELECT p.asset_uuid
    FROM flex_event_asset p
    JOIN flex_event e ON e.tenant_id = p.tenant_id AND e.uuid = p.event_uuid
    WHERE p.tenant_id = %b AND p.event_uuid = %b
      AND {who}
      AND NOT coalesce((
          SELECT c.withdrawn_at IS NOT NULL FROM flex_consent c
          WHERE c.tenant_id = p.tenant_id AND c.asset_uuid = p.asset_uuid AND c.scope = 'METER_DATA'
          ORDER BY c.granted_at DESC, c.withdrawn_at NULLS FIRST LIMIT 1
      ), false)
    ORDER BY p.asset_uuid
"""
_PARTICIPANTS = _MEMBERS_OF_RUN.format(
    who="(p.state = 'OPT_IN' OR (p.state = 'PENDING' AND (%b OR NOT e.opt_in_required)))"
)
_CONTROLS = _MEMBERS_OF_RUN.format(who="p.state = 'INELIGIBLE' AND starts_with(p.reason, 'CONTROL_GROUP:')")


def participants(db: Connection, tenant_id: int, event: UUID, *, invited: bool = False) -> list[UUID]:
    """Assets that take part and whose readings may be used; with `invited` also those that may still opt in.

    In the order of their UUIDs.
    """
    with driver(db).cursor(binary=True) as cursor:
        return [row[0] for row in cursor.execute(_PARTICIPANTS, (tenant_id, event, invited))]


def controls(db: Connection, tenant_id: int, event: UUID) -> list[UUID]:
    """Assets that others are compared with and whose readings may be used, in the order of their UUIDs."""
    with driver(db).cursor(binary=True) as cursor:
        return [row[0] for row in cursor.execute(_CONTROLS, (tenant_id, event))]


def members(db: Connection, tenant_id: int, assets: Sequence[UUID]) -> list[Member]:
    """In the order of their UUIDs."""
    with arrays.columns(db) as cursor:
        return [Member(*row) for row in cursor.execute(_MEMBERS, (tenant_id, list(assets)))]


def blocks(db: Connection, series: Sequence[int], first: date, last: date, *, ever: bool = False) -> list[Blocks]:
    """Of the days first..last; with `ever` also those that were replaced since."""
    with arrays.columns(db) as cursor:
        cursor.execute(_EVER if ever else _NOW, (first, list(series), first, last))
        return [Blocks(*row) for row in cursor]


def events(
    db: Connection,
    tenant_id: int,
    assets: Sequence[UUID],
    start: datetime,
    end: datetime,
    *,
    apart_from: UUID | None = None,
) -> list[Taken]:
    """Those that touch [start, end)."""
    with arrays.columns(db) as cursor:
        cursor.execute(_EVENTS, (tenant_id, list(assets), apart_from, end, start))
        return [Taken(*row) for row in cursor]
