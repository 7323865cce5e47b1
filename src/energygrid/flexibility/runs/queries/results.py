"""SQL of statements: writing them, keeping the ones they replace, adding them up."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from energygrid.database import arrays
from energygrid.database.driver import driver
from energygrid.flexibility.runs.queries.runs import Touched, packed
from energygrid.flexibility.runs.statement import Statement

_COLUMNS = ", ".join(Statement._fields)
_TYPES = [
    *("int8", "uuid", "text", "text", "uuid", "int4", "timestamptz", "text"),
    *("int8", "int8", "int8", "int8", "int8", "numeric", "bytea"),
    *("int4", "text", "text", "bytea"),
]
_AT = "tenant_id = %s AND event_uuid = %s AND kind = %s"


def insert(db: Connection, statements: Sequence[Statement]) -> None:
    command = f"COPY flex_statement ({_COLUMNS}) FROM STDIN (FORMAT binary)"
    with driver(db).cursor() as cursor, cursor.copy(command) as copy:
        copy.set_types(_TYPES)
        for statement in statements:
            copy.write_row(statement)


def of_assets(db: Connection, tenant_id: int, event: UUID, kind: str, assets: Sequence[UUID]) -> list[Statement]:
    """Newest statements, in the order of their assets and methods."""
    query = f"""
        SELECT {_COLUMNS} FROM flex_statement WHERE {_AT} AND asset_uuid = ANY(%s::uuid[]) ORDER BY asset_uuid, method
    """  # noqa: S608
    with arrays.columns(db) as cursor:
        return [Statement(*row) for row in cursor.execute(query, (tenant_id, event, kind, list(assets)))]


def replace(db: Connection, tenant_id: int, event: UUID, kind: str, keys: Sequence[tuple[str, UUID]]) -> None:
    """Move the statements of (method, asset) to the revisions; new ones may take their place."""
    moved = f"""
        WITH old AS (
            DELETE FROM flex_statement s USING unnest(%s::text[], %s::uuid[]) AS gone (method, asset_uuid)
            WHERE s.tenant_id = %s AND s.event_uuid = %s AND s.kind = %s
              AND s.method = gone.method AND s.asset_uuid = gone.asset_uuid
            RETURNING s.*
        )
        INSERT INTO flex_statement_revision ({_COLUMNS}) SELECT {_COLUMNS} FROM old
    """  # noqa: S608
    methods, assets = [key[0] for key in keys], [key[1] for key in keys]
    driver(db).execute(moved, (methods, assets, tenant_id, event, kind))


def leavers(
    db: Connection, tenant_id: int, event: UUID, kind: str, methods: Sequence[str], assets: Sequence[UUID]
) -> list[tuple[str, UUID]]:
    """(method, asset) of statements that are of no such method or no such asset."""
    query = f"""
        SELECT method, asset_uuid FROM flex_statement
        WHERE {_AT} AND NOT (method = ANY(%s) AND asset_uuid = ANY(%s::uuid[]))
    """  # noqa: S608
    with arrays.columns(db) as cursor:
        return list(cursor.execute(query, (tenant_id, event, kind, list(methods), list(assets))))


def assets(db: Connection, tenant_id: int, event: UUID, kind: str) -> list[UUID]:
    """Assets with any statement, by UUID."""
    query = f"SELECT DISTINCT asset_uuid FROM flex_statement WHERE {_AT} ORDER BY 1"  # noqa: S608
    return [row[0] for row in driver(db).execute(query, (tenant_id, event, kind))]


def waiting(db: Connection, tenant_id: int, event: UUID, kind: str) -> list[UUID]:
    """Assets with a statement that waits for readings, by UUID."""
    query = f"SELECT DISTINCT asset_uuid FROM flex_statement WHERE {_AT} AND state = 'PENDING' ORDER BY 1"  # noqa: S608
    return [row[0] for row in driver(db).execute(query, (tenant_id, event, kind))]


class Summed(NamedTuple):
    """Of one method; energy in millionths of a kWh."""

    method: str
    processed: int
    pending: int
    expired: int
    participated: int
    high_usage: int
    delivered: int
    amount: Decimal


_SUMS = f"""
    SELECT method, count(*) FILTER (WHERE state = 'PROCESSED'), count(*) FILTER (WHERE state = 'PENDING'),
           count(*) FILTER (WHERE state = 'EXPIRED'), count(*) FILTER (WHERE delivered > 0),
           count(*) FILTER (WHERE state = 'PROCESSED' AND actual > baseline),
           sum(delivered)::bigint, sum(amount)
    FROM flex_statement WHERE {_AT} GROUP BY method
"""  # noqa: S608


def sums(db: Connection, tenant_id: int, event: UUID, kind: str) -> dict[str, Summed]:
    rows = driver(db).execute(_SUMS, (tenant_id, event, kind))
    return {row[0]: Summed(*row) for row in rows}


def each_part(
    db: Connection, tenant_id: int, event: UUID, kind: str
) -> Iterator[list[tuple[str, bytes | None, bytes]]]:
    """(method, curves, digest) of every statement, in the order of assets and methods, some thousand at a time."""
    query = f"SELECT method, curves, digest FROM flex_statement WHERE {_AT} ORDER BY asset_uuid, method"  # noqa: S608
    with driver(db).cursor("statements", binary=True) as cursor:
        cursor.execute(query, (tenant_id, event, kind))
        while rows := cursor.fetchmany(5_000):
            yield rows


def proofs(db: Connection, tenant_id: int, event: UUID, kind: str, method: str) -> Iterator[str]:
    """The evidence of every statement by a method, in the order of assets."""
    query = f"SELECT evidence FROM flex_statement WHERE {_AT} AND method = %s ORDER BY asset_uuid"  # noqa: S608
    with driver(db).cursor("proofs", binary=True) as cursor:
        cursor.execute(query, (tenant_id, event, kind, method))
        while rows := cursor.fetchmany(5_000):
            yield from (row[0] for row in rows)


_KEPT = f"""
    SELECT DISTINCT ON (asset_uuid, method) {_COLUMNS} FROM (
        SELECT {_COLUMNS} FROM flex_statement WHERE {_AT} AND asset_uuid = ANY(%s::uuid[])
        UNION ALL
        SELECT {_COLUMNS} FROM flex_statement_revision WHERE {_AT} AND asset_uuid = ANY(%s::uuid[])
    ) AS kept
    WHERE known_at <= %s
    ORDER BY asset_uuid, method, revision DESC
"""  # noqa: S608


def as_of(
    db: Connection, tenant_id: int, event: UUID, kind: str, assets: Sequence[UUID], at: datetime | None
) -> list[Statement]:
    """Statements as they stood at `at`; None: now."""
    if at is None:
        return of_assets(db, tenant_id, event, kind, assets)
    key = (tenant_id, event, kind, list(assets))
    with arrays.columns(db) as cursor:
        return [Statement(*row) for row in cursor.execute(_KEPT, (*key, *key, at))]


_STANDING = f"""
    SELECT DISTINCT ON (asset_uuid, method) tenant_id, asset_uuid, method, baseline FROM (
        SELECT tenant_id, asset_uuid, method, revision, known_at, baseline FROM flex_statement WHERE {_AT}
        UNION ALL
        SELECT tenant_id, asset_uuid, method, revision, known_at, baseline FROM flex_statement_revision WHERE {_AT}
    ) AS kept
    WHERE known_at <= %s
    ORDER BY asset_uuid, method, revision DESC
"""  # noqa: S608
_BASELINES = """
    FROM ({source}) AS s JOIN flex_asset a ON a.tenant_id = s.tenant_id AND a.uuid = s.asset_uuid
    WHERE s.baseline IS NOT NULL
"""


def baselines(
    db: Connection, tenant_id: int, event: UUID, kind: str, *, offset: int, limit: int, as_of: datetime | None
) -> tuple[list[tuple[UUID, str, str, int]], int]:
    """(asset, the caller's own id, method, baseline) by asset and method, and how many there are."""
    key: tuple[object, ...] = (tenant_id, event, kind)
    source = f"SELECT tenant_id, asset_uuid, method, baseline FROM flex_statement WHERE {_AT}"  # noqa: S608
    if as_of is not None:
        source, key = _STANDING, (*key, *key, as_of)
    found = _BASELINES.format(source=source)
    total = driver(db).execute(f"SELECT count(*) {found}", key).fetchone()
    rows = driver(db).execute(
        f"SELECT s.asset_uuid, a.asset_id, s.method, s.baseline {found}"
        " ORDER BY s.asset_uuid, s.method OFFSET %s LIMIT %s",
        (*key, offset, limit),
    )
    return list(rows), 0 if total is None else int(total[0])


_SETTLED = """
    FROM flex_statement s JOIN flex_asset a ON a.tenant_id = s.tenant_id AND a.uuid = s.asset_uuid
    WHERE s.tenant_id = %s AND s.event_uuid = %s AND s.kind = %s AND s.method = %s
"""


def page(
    db: Connection, tenant_id: int, event: UUID, kind: str, method: str, *, offset: int, limit: int
) -> tuple[list[tuple[UUID, str]], int]:
    """Assets with a statement by a method, (uuid, the caller's own id), by UUID; and how many there are."""
    key = tenant_id, event, kind, method
    total = driver(db).execute(f"SELECT count(*) {_SETTLED}", key).fetchone()
    rows = driver(db).execute(
        f"SELECT s.asset_uuid, a.asset_id {_SETTLED} ORDER BY s.asset_uuid OFFSET %s LIMIT %s",
        (*key, offset, limit),
    )
    return list(rows), 0 if total is None else int(total[0])


_AFFECTED = """
    SELECT DISTINCT s.event_uuid, s.kind, s.asset_uuid
    FROM unnest(%b::bigint[], %b::int[], %b::int[]) AS touched (series_id, first, last)
    JOIN series r ON r.tenant_id = %b AND r.id = touched.series_id
    JOIN flex_asset a ON a.tenant_id = r.tenant_id AND a.owner_kind = r.owner_kind AND a.owner_id = r.owner_id
    JOIN flex_statement s ON s.tenant_id = a.tenant_id AND s.asset_uuid = a.uuid
    WHERE s.event_uuid = ANY(%b::uuid[]) AND touched.last >= s.first_day
      AND touched.first < s.first_day + length(s.days)
      AND (
          strpos(substr(s.days, greatest(touched.first - s.first_day, 0) + 1,
                        touched.last - greatest(touched.first, s.first_day) + 1), '1') > 0
          -- its export was read for the first time: that none of its days mattered says nothing
          OR (r.flow = 'received' AND s.export_baseline IS NULL)
      )
"""


def affected(db: Connection, tenant_id: int, touched: Touched, events: Sequence[UUID]) -> list[tuple[UUID, str, UUID]]:
    """(event, kind, asset) of statements that the changed days of these series have a part in."""
    with arrays.columns(db) as cursor:
        return list(cursor.execute(_AFFECTED, (*packed(touched), tenant_id, list(events))))
