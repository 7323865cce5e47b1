"""SQL of findings."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, Row, Select, delete, select, tuple_
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.dialects.postgresql import insert as upsert

from energygrid.metering.tables import register_read
from energygrid.metering.vee.findings import Finding, Rule, Severity
from energygrid.metering.vee.tables import vee_finding as table


class Place(NamedTuple):
    """Where a page of findings ended."""

    found_at: datetime
    series_id: int
    rule: str
    start: datetime


class Stored(NamedTuple):
    """A finding as it stands in the database."""

    series_id: int
    found_at: datetime
    finding: Finding

    @property
    def place(self) -> Place:
        return Place(self.found_at, self.series_id, self.finding.rule, self.finding.start)


def _stored(row: Row[tuple[object, ...]]) -> Stored:
    finding = Finding(Rule(row.rule), Severity(row.severity), row.start, row.end, row.measured, row.limit, row.facts)
    return Stored(row.series_id, row.found_at, finding)


def touching(
    db: Connection, tenant_id: int, series_ids: Sequence[int], rules: Sequence[Rule], start: datetime, end: datetime
) -> list[Stored]:
    """Findings of some rules that overlap a span or end where it starts or start where it ends."""
    query = select(table).where(
        table.c.tenant_id == tenant_id,
        table.c.series_id.in_(series_ids),
        table.c.rule.in_(rules),
        table.c.start <= end,
        table.c.end >= start,
    )
    return [_stored(row) for row in db.execute(query.order_by(table.c.series_id, table.c.rule, table.c.start))]


def remove(db: Connection, tenant_id: int, findings: Sequence[tuple[int, Finding]]) -> None:
    if findings:
        keys = [(series_id, finding.rule, finding.start) for series_id, finding in findings]
        db.execute(
            delete(table).where(
                table.c.tenant_id == tenant_id, tuple_(table.c.series_id, table.c.rule, table.c.start).in_(keys)
            )
        )


def store(db: Connection, tenant_id: int, findings: Sequence[tuple[int, Finding]], found_at: datetime) -> None:
    """Add findings (series id, finding); one of the same series, rule and start is replaced."""
    rows = {
        (series_id, finding.rule, finding.start): {
            "tenant_id": tenant_id,
            "series_id": series_id,
            "rule": finding.rule,
            "start": finding.start,
            "end": finding.end,
            "severity": finding.severity,
            "measured": finding.measured,
            "limit": finding.limit,
            "facts": dict(finding.facts),
            "found_at": found_at,
        }
        for series_id, finding in findings
    }
    if not rows:
        return
    statement = upsert(table)
    changed = {name: statement.excluded[name] for name in ("end", "severity", "measured", "limit", "facts", "found_at")}
    keys = [table.c.tenant_id, table.c.series_id, table.c.rule, table.c.start]
    db.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), [rows[key] for key in sorted(rows)])


def list_findings(
    db: Connection,
    tenant_id: int,
    *,
    series_ids: Sequence[int] | None = None,
    rules: Sequence[Rule] | None = None,
    severities: Sequence[Severity] | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    after: Place | None = None,
    limit: int = 100,
) -> list[Stored]:
    """Findings that overlap `[start, end)`, oldest discovery first; None = no such filter.

    after  the `place` of the last finding of the page before
    """
    query: Select[tuple[object, ...]] = select(table).where(table.c.tenant_id == tenant_id)
    if series_ids is not None:
        query = query.where(table.c.series_id.in_(series_ids))
    if rules is not None:
        query = query.where(table.c.rule.in_(rules))
    if severities is not None:
        query = query.where(table.c.severity.in_(severities))
    if start is not None:
        query = query.where(table.c.end > start)
    if end is not None:
        query = query.where(table.c.start < end)
    order = (table.c.found_at, table.c.series_id, table.c.rule, table.c.start)
    if after is not None:
        query = query.where(tuple_(*order) > tuple_(*after))
    return [_stored(row) for row in db.execute(query.order_by(*order).limit(limit))]


def register_reads(
    db: Connection, series_ids: Sequence[int], start: datetime, end: datetime
) -> list[tuple[int, datetime, float, int]]:
    """(series_id, at, value, quality) of instants start..end (both included), oldest first, as known now."""
    read = register_read.c
    query = (
        select(read.series_id, read.at, read.value, read.quality)
        .where(read.series_id.in_(series_ids), read.at >= start, read.at <= end)
        .ext(distinct_on(read.series_id, read.at))
        .order_by(read.series_id, read.at, read.known_at.desc())
    )
    return [(row.series_id, row.at, row.value, row.quality) for row in db.execute(query)]
