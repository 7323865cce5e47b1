"""SQL of the usage side: what there is of series, registers and bills in some spans, and meters as they are shared."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import (
    ARRAY,
    BindParameter,
    ColumnElement,
    Connection,
    Date,
    Row,
    Select,
    Table,
    Text,
    any_,
    bindparam,
    func,
    or_,
    select,
)

from energygrid.billing.records.tables import utility_record
from energygrid.billing.tables import bill
from energygrid.customers.tables import meter, meter_rate
from energygrid.database.driver import driver
from energygrid.metering.calendar import date_of, day_number
from energygrid.metering.readings import Int64s
from energygrid.metering.tables import reading_revision, series

AnyRow: TypeAlias = Row[*tuple[Any, ...]]


class Extent(NamedTuple):
    """What of one series lies in its days first to last: how much, how new, from when to when (days or instants)."""

    series_id: int
    size: int
    known_at: datetime
    revisions: int
    first: Any
    last: Any


class Records(NamedTuple):
    """How many records there are, and how new they are; None: there is none."""

    size: int
    known_at: datetime | None
    revisions: int | None


class RegisterRead(NamedTuple):
    """`first_known` is when anything was known of that instant, `known_at` when this value was."""

    at: datetime
    value: float
    quality: int
    first_known: datetime
    known_at: datetime


# Series by series, so that the primary key is used however many others the table has.
_BLOCK_EXTENTS = """
    SELECT wanted.series_id, found.*
    FROM unnest(%b::bigint[], %b::date[], %b::date[]) AS wanted (series_id, first, last)
    CROSS JOIN LATERAL (
        SELECT count(*) AS size, max(b.known_at), sum(b.revision)::bigint, min(b.day), max(b.day)
        FROM reading_block b
        WHERE b.series_id = wanted.series_id AND b.day >= wanted.first AND b.day <= wanted.last AND b.known_at >= %b
    ) AS found
    WHERE found.size > 0
"""

# The same of what was known at a moment: a block replaced since then counts with the revision that held then.
_BLOCK_EXTENTS_AS_OF = """
    SELECT series_id, count(*), max(known_at), sum(revision)::bigint, min(day), max(day)
    FROM (
        SELECT DISTINCT ON (series_id, day) series_id, day, known_at, revision
        FROM (
            SELECT b.series_id, b.day, b.known_at, b.revision
            FROM unnest(%(ids)b::bigint[], %(firsts)b::date[], %(lasts)b::date[]) AS wanted (series_id, first, last)
            JOIN reading_block b ON b.series_id = wanted.series_id AND b.day >= wanted.first AND b.day <= wanted.last
            UNION ALL
            SELECT r.series_id, r.day, r.known_at, r.revision
            FROM unnest(%(ids)b::bigint[], %(firsts)b::date[], %(lasts)b::date[]) AS wanted (series_id, first, last)
            JOIN reading_revision r
                ON r.series_id = wanted.series_id AND r.day >= wanted.first AND r.day <= wanted.last
        ) AS known
        WHERE known_at <= %(as_of)b
        ORDER BY series_id, day, known_at DESC, revision DESC
    ) AS held
    WHERE known_at >= %(since)b
    GROUP BY series_id
"""

_REGISTER_EXTENTS = """
    SELECT wanted.series_id, count(*), max(r.known_at), 0::bigint, min(r.at), max(r.at)
    FROM unnest(%b::bigint[], %b::timestamptz[], %b::timestamptz[]) AS wanted (series_id, first, last)
    JOIN register_read r ON r.series_id = wanted.series_id AND r.at >= wanted.first AND r.at <= wanted.last
    WHERE r.known_at >= %b AND r.known_at <= %b
    GROUP BY wanted.series_id
"""

_REGISTER_READS = """
    SELECT DISTINCT ON (at) at, value, quality, min(known_at) OVER (PARTITION BY at), known_at
    FROM register_read
    WHERE series_id = %b AND at >= %b AND at <= %b AND known_at <= %b
    ORDER BY at, known_at DESC
"""

_TENANT: BindParameter[int] = bindparam("tenant_id")
_METERS = any_(bindparam("meter_ids", type_=ARRAY(Text)))

_FIRST_KNOWN = (
    select(reading_revision.c.day, func.min(reading_revision.c.known_at))
    .where(
        reading_revision.c.series_id == bindparam("series_id"),
        reading_revision.c.day == any_(bindparam("days", type_=ARRAY(Date))),
    )
    .group_by(reading_revision.c.day)
)

_SHARED_METERS = select(
    meter.c.meter_id,
    meter.c.meter_type,
    meter.c.is_ami,
    meter.c.rate_code,
    meter.c.billing_cycle,
    meter.c.unit,
    meter.c.changed_at,
).where(meter.c.tenant_id == _TENANT, meter.c.meter_id == _METERS)

_RATES = (
    select(meter_rate.c.meter_id, meter_rate.c.since, meter_rate.c.rate_code)
    .where(meter_rate.c.tenant_id == _TENANT, meter_rate.c.meter_id == _METERS)
    .order_by(meter_rate.c.meter_id, meter_rate.c.since)
)

_SERIES_MADE = select(series.c.id, series.c.created_at).where(
    series.c.tenant_id == _TENANT, series.c.owner_kind == "meter", series.c.owner_id == _METERS
)

_BILLS_FIRST_KNOWN = (
    select(bill.c.id, func.min(bill.c.known_at))
    .where(bill.c.tenant_id == _TENANT, bill.c.id == any_(bindparam("ids", type_=ARRAY(Text))))
    .group_by(bill.c.id)
)


def _count(table: Table, wanted: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """`Records` of what is current."""
    return select(func.count(), func.max(table.c.known_at), func.sum(table.c.revision)).where(
        table.c.tenant_id == _TENANT, table.c.superseded_at.is_(None), wanted
    )


_TO_ACCOUNT = bill.c.meter_id.is_(None) & (bill.c.account_number == any_(bindparam("accounts", type_=ARRAY(Text))))
_BILLS = _count(bill, or_(bill.c.meter_id == _METERS, _TO_ACCOUNT))
_POWER_QUALITY = _count(
    utility_record, (utility_record.c.kind == "power_quality") & (utility_record.c.meter_id == _METERS)
)


def block_extents(
    db: Connection, wanted: Sequence[tuple[int, date, date]], since: datetime, as_of: datetime | None = None
) -> list[Extent]:
    """Of blocks of (series, first day, last day) known since an instant; as known at `as_of` if given."""
    ids, firsts, lasts = ([each[place] for each in wanted] for place in range(3))
    with driver(db).cursor(binary=True) as cursor:
        if as_of is None:
            cursor.execute(_BLOCK_EXTENTS, (ids, firsts, lasts, since))
        else:
            values = {"ids": ids, "firsts": firsts, "lasts": lasts, "since": since, "as_of": as_of}
            cursor.execute(_BLOCK_EXTENTS_AS_OF, values)
        return [Extent(*row) for row in cursor]


def register_extents(
    db: Connection, wanted: Sequence[tuple[int, datetime, datetime]], since: datetime, as_of: datetime
) -> list[Extent]:
    ids, firsts, lasts = ([each[place] for each in wanted] for place in range(3))
    with driver(db).cursor(binary=True) as cursor:
        cursor.execute(_REGISTER_EXTENTS, (ids, firsts, lasts, since, as_of))
        return [Extent(*row) for row in cursor]


def register_reads(
    db: Connection, series_id: int, first: datetime, last: datetime, as_of: datetime
) -> list[RegisterRead]:
    """Reads at first to last, both included, oldest first: of each the value known at `as_of`."""
    with driver(db).cursor(binary=True) as cursor:
        cursor.execute(_REGISTER_READS, (series_id, first, last, as_of))
        return [RegisterRead(*row) for row in cursor]


def first_known(db: Connection, series_id: int, days: Int64s) -> dict[int, int]:
    """When anything became known of those of some days (since 1970) that were replaced since; epoch seconds."""
    found = db.execute(_FIRST_KNOWN, {"series_id": series_id, "days": [date_of(day) for day in days.tolist()]})
    return {day_number(row[0]): int(row[1].timestamp()) for row in found}


def meters(db: Connection, tenant_id: int, meter_ids: Sequence[str]) -> dict[str, AnyRow]:
    found = db.execute(_SHARED_METERS, {"tenant_id": tenant_id, "meter_ids": list(meter_ids)})
    return {row.meter_id: row for row in found}


def rates(db: Connection, tenant_id: int, meter_ids: Sequence[str]) -> dict[str, list[tuple[datetime, str]]]:
    """By meter, since when which rate code held, oldest first."""
    found: dict[str, list[tuple[datetime, str]]] = {}
    for row in db.execute(_RATES, {"tenant_id": tenant_id, "meter_ids": list(meter_ids)}):
        found.setdefault(row.meter_id, []).append((row.since, row.rate_code))
    return found


def series_made(db: Connection, tenant_id: int, meter_ids: Sequence[str]) -> dict[int, datetime]:
    """When each series of some meters was first written to."""
    found = db.execute(_SERIES_MADE, {"tenant_id": tenant_id, "meter_ids": list(meter_ids)})
    return {row.id: row.created_at for row in found}


def bills_of(db: Connection, tenant_id: int, meter_ids: Sequence[str], accounts: Sequence[str]) -> Records:
    """Current bills of some meters, and those of some accounts that name no meter."""
    values = {"tenant_id": tenant_id, "meter_ids": list(meter_ids), "accounts": list(accounts)}
    return Records(*db.execute(_BILLS, values).one())


def power_quality_of(db: Connection, tenant_id: int, meter_ids: Sequence[str]) -> Records:
    return Records(*db.execute(_POWER_QUALITY, {"tenant_id": tenant_id, "meter_ids": list(meter_ids)}).one())


def bills_first_known(db: Connection, tenant_id: int, ids: Sequence[str]) -> dict[str, datetime]:
    """When the first revision of each bill came."""
    found = db.execute(_BILLS_FIRST_KNOWN, {"tenant_id": tenant_id, "ids": list(ids)})
    return {row[0]: row[1] for row in found}
