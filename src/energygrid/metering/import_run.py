"""One run over one landed file, and the account it gives of every row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.customers.meters import Meter
from energygrid.ingest import jobs
from energygrid.ingest.jobs import Job
from energygrid.ingest.rows import Note, Reject
from energygrid.metering.readings import ReadingBatch, SeriesKey
from energygrid.metering.series import Series
from energygrid.metering.settings import MeteringSettings
from energygrid.metering.store import WriteReport
from energygrid.metering.vee.settings import VeeSettings

MOST_REJECTS = 100_000
"""Rejects stored of one file; beyond, they are only counted."""
_FIRST_REJECTS = 1_000
"""Rejects kept of a file that is refused as a whole."""


@dataclass(slots=True)
class ImportRun:
    """What one import knows and has counted so far.

    meters, unknown  the file's meters that are in the mirror, and those that are not
    sum_in           totals by unit of what the file holds;  sum_stored  of what was handed to the store
    """

    db: Connection
    tenant: Tenant
    job: Job
    settings: MeteringSettings
    vee: VeeSettings
    now: datetime
    report: WriteReport = field(default_factory=WriteReport)
    series: dict[SeriesKey, Series] = field(default_factory=dict)
    meters: dict[str, Meter] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    rows: int = 0
    rejected: int = 0
    stored_rejects: int = 0
    first_rejects: list[Reject] = field(default_factory=list)
    notes: int = 0
    parked: int = 0
    registers: int = 0
    records: int = 0
    sum_in: dict[str, float] = field(default_factory=dict)
    sum_stored: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, db: Connection, tenant: Tenant, job: Job, now: datetime) -> "ImportRun":
        """A run under the tenant's settings."""
        metering = tenant.section("metering", MeteringSettings)
        return cls(db, tenant, job, metering, tenant.section("vee", VeeSettings), now)

    def counters(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "accepted": self.report.accepted,
            "replaced": self.report.replaced,
            "unchanged": self.report.unchanged,
            "repeated": self.report.repeated,
            "rejected": self.rejected,
            "parked": self.parked,
            "registerReads": self.registers,
            "records": self.records,
            "estimated": 0,
            "warnings": self.notes,
            "series": len(self.series),
            "sumIn": _rounded(self.sum_in),
            "sumStored": _rounded(self.sum_stored),
        }

    def reject(self, rejects: Sequence[Reject], *, count: int | None = None) -> None:
        self.rejected += len(rejects) if count is None else count
        self.first_rejects += rejects[: max(0, _FIRST_REJECTS - len(self.first_rejects))]
        kept = rejects[: max(0, MOST_REJECTS - self.stored_rejects)]
        jobs.add_rejects(self.db, self.job, kept, after=self.stored_rejects)
        self.stored_rejects += len(kept)

    def note(self, notes: Sequence[Note]) -> None:
        jobs.add_notes(self.db, self.job, notes, after=self.notes)
        self.notes += len(notes)


def _rounded(sums: Mapping[str, float]) -> dict[str, float]:
    return {unit: round(total, 6) for unit, total in sorted(sums.items())}


def add_sums(sums: dict[str, float], batch: ReadingBatch) -> None:
    """Totals by unit, the figure a sender compares with its own."""
    totals = np.bincount(batch.index, weights=np.nan_to_num(batch.value), minlength=len(batch.series))
    for key, total in zip(batch.series, totals.tolist(), strict=True):
        sums[key.unit] = sums.get(key.unit, 0.0) + total
