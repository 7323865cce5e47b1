"""Validation and estimation after readings were written: what an ingest, a job or a command calls."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.metering.calendar import Span
from energygrid.metering.quality import Quality
from energygrid.metering.readings import ReadingBatch
from energygrid.metering.series import Series
from energygrid.metering.store import write_readings
from energygrid.metering.vee import load, queries
from energygrid.metering.vee.case import Case
from energygrid.metering.vee.examine import EXAMINED, Outcome, examine
from energygrid.metering.vee.findings import Finding, moment
from energygrid.metering.vee.queries import list_findings
from energygrid.metering.vee.settings import VeeSettings
from energygrid.metering.vee.stretch import Stretch

__all__ = ["Summary", "list_findings", "record_findings", "validate_and_estimate", "validate_many"]

_CELLS_AT_ONCE = 1_000_000
_AROUND_DAYS = 300
"""Days read around a span for one series, roughly: what sizes the work done at once."""


@dataclass(slots=True)
class Summary:
    """What validation and estimation came to.

    findings     that hold in the examined spans, by rule;  new  of them, and corrections, not known before
    estimated    intervals whose estimate was written, by step of the ladder (E1 to E4)
    missing      intervals left missing: nothing could be estimated (E5)
    """

    series: int = 0
    findings: Counter[str] = field(default_factory=Counter)
    new: int = 0
    estimated: Counter[str] = field(default_factory=Counter)
    missing: int = 0

    def add(self, other: "Summary") -> None:
        self.series += other.series
        self.findings += other.findings
        self.new += other.new
        self.estimated += other.estimated
        self.missing += other.missing


def validate_and_estimate(db: Connection, tenant: Tenant, series: Series, span: Span, now: datetime) -> Summary:
    """Examine one series over the local days of a span. Done again without new readings it changes nothing."""
    return validate_many(db, tenant, [(series, span)], now=now)


def validate_many(db: Connection, tenant: Tenant, touched: Iterable[tuple[Series, Span]], *, now: datetime) -> Summary:
    """The same for many series; those with the same span are read together."""
    by_span: dict[Span, list[Series]] = {}
    for series, span in touched:
        if series.interval_s:
            by_span.setdefault(span, []).append(series)
    summary = Summary()
    for span, group in by_span.items():
        days = (span.end - span.start).days + _AROUND_DAYS
        size = max(1, _CELLS_AT_ONCE // (days * max(series.intervals for series in group)))
        for first in range(0, len(group), size):
            summary.add(_validate(db, tenant, group[first : first + size], span, now))
    return summary


def _validate(db: Connection, tenant: Tenant, series: Sequence[Series], span: Span, now: datetime) -> Summary:
    cases = _cases(db, tenant, series, span, now)
    outcomes = [examine(case) for case in cases]
    summary = Summary(series=len(series))
    outdated: list[tuple[int, Finding]] = []
    fresh: list[tuple[int, Finding]] = []
    for case, outcome in zip(cases, outcomes, strict=True):
        outdated += [(case.series.id, finding) for finding in outcome.outdated]
        fresh += [(case.series.id, finding) for finding in outcome.findings if finding not in case.earlier]
        summary.findings.update(str(finding.rule) for finding in outcome.findings)
        summary.estimated.update(f"E{step}" for step in outcome.estimates.step[outcome.write].tolist())
        summary.missing += outcome.missing
    summary.new = len(fresh)
    queries.remove(db, tenant.id, outdated)
    queries.store(db, tenant.id, fresh, now)
    _write_estimates(db, series, list(zip((case.stretch for case in cases), outcomes, strict=True)), now)
    return summary


def _cases(db: Connection, tenant: Tenant, series: Sequence[Series], span: Span, now: datetime) -> list[Case]:
    settings = tenant.section("vee", VeeSettings)
    near = load.stretches(db, series, span, now)
    before = load.year_before(db, series, span, near)
    registers = load.registers(db, tenant.id, series, near)
    covered = [stretch for stretch in near if stretch.start.size]
    earlier: dict[int, list[Finding]] = {}
    if covered:
        start, end = min(int(s.start[0]) for s in covered), max(int(s.end[-1]) for s in covered)
        ids = [each.id for each in series]
        for stored in queries.touching(db, tenant.id, ids, EXAMINED, moment(start), moment(end)):
            earlier.setdefault(stored.series_id, []).append(stored.finding)
    return [
        Case(
            series=each,
            stretch=near[i],
            touched=span.instants(),
            before=before[i],
            registers=registers[i],
            earlier=earlier.get(each.id, []),
            settings=settings,
            facts=settings.facts(each.owner_id),
            now=now,
        )
        for i, each in enumerate(series)
    ]


def _write_estimates(
    db: Connection, series: Sequence[Series], outcomes: Sequence[tuple[Stretch, Outcome]], now: datetime
) -> None:
    counts = [len(outcome.write) for _, outcome in outcomes]
    if not sum(counts):
        return
    batch = ReadingBatch(
        series=[each.key for each in series],
        index=np.repeat(np.arange(len(series), dtype=np.int32), counts),
        start=np.concatenate([stretch.start[outcome.write] for stretch, outcome in outcomes]),
        value=np.concatenate([outcome.estimates.value[outcome.write] for _, outcome in outcomes]),
        quality=np.full(sum(counts), Quality.ESTIMATED, np.uint8),
        row=np.zeros(sum(counts), np.int64),
        source_labels=load.LABELS,
        source_code=np.concatenate([outcome.estimates.step[outcome.write] for _, outcome in outcomes]).astype(np.int16),
    )
    write_readings(db, series, batch, known_at=now, estimates=True)


def record_findings(db: Connection, tenant: Tenant, findings: Sequence[tuple[Series, Finding]], now: datetime) -> None:
    """Store what screening found about series that are known by then (rules V01, V03, V04, V12, V13)."""
    queries.store(db, tenant.id, [(series.id, finding) for series, finding in findings], now)
