"""Importing one landed file: parse, match, screen, store, account for every row. All of it or nothing.

The whole file is one transaction, so that a loader killed anywhere and started again ends in the same tables.
Source of the steps: contracts/powerbox.md 4.8.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO

import numpy as np
from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.customers.meters import Meter, find_meters
from energygrid.database.queue import defer
from energygrid.errors import DomainError, Invalid
from energygrid.ingest import jobs
from energygrid.ingest.jobs import Job
from energygrid.ingest.landing import open_landed
from energygrid.ingest.rows import Note, Reject
from energygrid.messaging import events
from energygrid.metering import queries
from energygrid.metering.importers.detect import read_file
from energygrid.metering.importers.options import ImportOptions
from energygrid.metering.parking import park, select, take
from energygrid.metering.readings import DAY_S, Commodity, Kind, Parsed, ReadingBatch, RegisterReads, SeriesKey
from energygrid.metering.series import Series, ensure_series
from energygrid.metering.settings import MeteringSettings
from energygrid.metering.store import WriteReport, write_readings, write_register_reads
from energygrid.metering.units import unit
from energygrid.metering.vee.run import record_findings
from energygrid.metering.vee.screening import Expected, duplicate_findings, screen
from energygrid.metering.vee.settings import VeeSettings

BATCH_ROWS = 250_000
VALIDATE = "metering.validate"
_SERIES_A_JOB = 200
_FEW_ROWS = 20
"""Files shorter than this are not refused for their share of rejects."""
_MOST_REJECTS = 100_000
"""Rejects stored of one file; beyond, they are only counted."""
_MOST_UNKNOWN_NAMED = 100
_FIRST_REJECTS = 1_000
"""Rejects kept of a file that is refused as a whole."""

Watch = Callable[[Mapping[str, Any]], None]


@dataclass(slots=True)
class _Import:
    """One run over one file."""

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
    sum_in: dict[str, float] = field(default_factory=dict)
    sum_stored: dict[str, float] = field(default_factory=dict)

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
            "estimated": 0,
            "warnings": self.notes,
            "series": len(self.series),
            "sumIn": _rounded(self.sum_in),
            "sumStored": _rounded(self.sum_stored),
        }

    def reject(self, rejects: Sequence[Reject], *, count: int | None = None) -> None:
        self.rejected += len(rejects) if count is None else count
        self.first_rejects += rejects[: max(0, _FIRST_REJECTS - len(self.first_rejects))]
        kept = rejects[: max(0, _MOST_REJECTS - self.stored_rejects)]
        jobs.add_rejects(self.db, self.job, kept, after=self.stored_rejects)
        self.stored_rejects += len(kept)

    def note(self, notes: Sequence[Note]) -> None:
        jobs.add_notes(self.db, self.job, notes, after=self.notes)
        self.notes += len(notes)


def _rounded(sums: Mapping[str, float]) -> dict[str, float]:
    return {unit: round(total, 6) for unit, total in sorted(sums.items())}


def ingest_usage(db: Connection, tenant: Tenant, job: Job, *, now: datetime, watch: Watch | None = None) -> Job:
    """Import the job's file and complete the job, in the caller's transaction.

    watch  called with the counters so far after each part of the file
    Raises Invalid when the file as a whole is refused: BAD_FILE, UNSUPPORTED_FORMAT, TOO_MANY_REJECTS,
    MANIFEST_MISMATCH and what the importers document.
    """
    run = _Import(
        db, tenant, job, tenant.section("metering", MeteringSettings), tenant.section("vee", VeeSettings), now
    )
    with open_landed(db, tenant.id, job.upload_id) as source:
        for parsed in _parse(run, source):
            _take(run, parsed)
            if watch is not None:
                watch(run.counters())
    _judge(run)
    defer_validation(db, tenant.id, job.id, run.report)
    jobs.complete(db, job, run.counters(), now)
    events.record(
        db,
        tenant.id,
        "ingest.completed",
        {"jobId": job.id, "kind": job.kind}
        | {name: run.counters()[name] for name in ("accepted", "replaced", "rejected")},
        now,
        key=f"ingest.completed {job.id}",
    )
    return jobs.find_job(db, tenant.id, job.id)


def refuse(db: Connection, tenant: Tenant, job: Job, error: DomainError, *, now: datetime) -> None:
    """End a job whose file was refused as a whole; the transaction that read it is rolled back."""
    counters = error.facts.get("counters")
    jobs.fail(db, job, error.code, error.message, now, counters if isinstance(counters, Mapping) else None)
    rejects = error.facts.get("rejects")
    if isinstance(rejects, list):
        jobs.add_rejects(db, job, rejects, after=0)
    events.record(
        db,
        tenant.id,
        "ingest.failed",
        {"jobId": job.id, "kind": job.kind, "errorCode": error.code},
        now,
        key=f"ingest.failed {job.id}",
    )


def _parse(run: _Import, source: BinaryIO) -> Iterator[Parsed]:
    asked = run.job.options
    options = import_options(run.settings, now=run.now, name=run.job.name, meter_map=asked.get("meterMap", {}))
    return read_file(source, options, str(asked.get("format", "auto")))


def import_options(
    settings: MeteringSettings, *, now: datetime, name: str, meter_map: Mapping[str, str]
) -> ImportOptions:
    """What the tenant says about its files, as importers take it."""
    units = {Commodity.ELECTRICITY: "kWh"}
    if settings.gas_unit is not None:
        units[Commodity.GAS] = settings.gas_unit
    return ImportOptions(
        zone=settings.zone,
        now=now,
        name=name,
        date_order=settings.date_order,
        stamp=settings.stamp,
        fold=settings.fold,
        commodity=settings.commodity,
        units=units,
        purposes=settings.cmep_purposes,
        meter_map=meter_map,
        batch_rows=BATCH_ROWS,
    )


def _take(run: _Import, parsed: Parsed) -> None:
    run.rows += len(parsed.rejects)
    run.reject(parsed.rejects)
    run.note(parsed.notes)
    if parsed.readings is not None and len(parsed.readings):
        run.rows += len(parsed.readings)
        _take_readings(run, parsed.readings, run.job.created_at)
    if parsed.registers is not None and len(parsed.registers):
        run.rows += len(parsed.registers)
        _take_registers(run, parsed.registers)


def _take_readings(run: _Import, batch: ReadingBatch, known_at: datetime) -> None:
    _add_sums(run.sum_in, batch)
    _match(run, {key.meter_id for key in batch.series})
    unknown = [at for at, key in enumerate(batch.series) if key.meter_id not in run.meters]
    if unknown:
        run.parked += park(run.db, run.tenant.id, run.job.id, batch, unknown, run.now)
        batch = select(batch, ~np.isin(batch.index, unknown))
    batch, series = _with_series(run, batch)
    batch = _screened(run, batch, series)
    _add_sums(run.sum_stored, batch)
    written = write_readings(run.db, series, batch, known_at=known_at)
    run.reject(written.rejects, count=written.rejected)
    run.report.add(written)


def _with_series(run: _Import, batch: ReadingBatch) -> tuple[ReadingBatch, list[Series]]:
    """The batch over the series that occur in it, which are made where there are none."""
    used = np.unique(batch.index)
    keys = [batch.series[position] for position in used.tolist()]
    new = [(position, key) for position, key in zip(used.tolist(), keys, strict=True) if key not in run.series]
    if new:
        first = np.zeros(len(batch.series), np.int64)
        first[batch.index[::-1]] = batch.start[::-1]
        made = ensure_series(
            run.db,
            run.tenant.id,
            [key for _, key in new],
            zones={key.meter_id: run.settings.zone for _, key in new},
            offsets=[_offset(key, int(first[position])) for position, key in new],
            now=run.now,
        )
        run.series.update({each.key: each for each in made})
    place = np.zeros(len(batch.series), np.int32)
    place[used] = np.arange(len(used), dtype=np.int32)
    batch.index = place[batch.index]
    batch.series = keys
    return batch, [run.series[key] for key in keys]


def _offset(key: SeriesKey, start: int) -> int:
    """Where this series' intervals start, as seconds after a whole multiple of the interval."""
    return 0 if key.interval_s == DAY_S else start % key.interval_s


def _screened(run: _Import, batch: ReadingBatch, series: Sequence[Series]) -> ReadingBatch:
    """The rows that no rule refuses; what the rules found is kept with the series."""
    judged = screen(
        batch,
        now=run.now,
        settings=run.vee,
        expected=[_expected(run.meters[each.owner_id], each) for each in series],
        offsets=[each.offset_s for each in series],
        zones=[each.zone for each in series],
    )
    found = [*judged.findings(batch), *duplicate_findings(batch)] if judged.verdict.any() else duplicate_findings(batch)
    record_findings(run.db, run.tenant, [(series[position], finding) for position, finding in found], run.now)
    if not judged.verdict.any():
        return batch
    refused = int((~judged.taken).sum())
    run.reject(judged.rejects(batch, _MOST_REJECTS), count=refused)
    return select(batch, judged.taken)


def _expected(meter: Meter, series: Series) -> Expected | None:
    """What the meter's record says of a series of consumption; a unit that converts is no mismatch (V12)."""
    if meter.unit is None or series.kind not in {Kind.ENERGY, Kind.VOLUME}:
        return None
    try:
        alike = unit(meter.unit).dimension is unit(series.unit).dimension
    except Invalid:
        return None
    gas = series.commodity is Commodity.GAS  # billed by energy or by volume: both are a gas meter's
    return None if alike or gas else Expected(meter.unit, series.interval_s)


def _add_sums(sums: dict[str, float], batch: ReadingBatch) -> None:
    """Totals by unit, the figure a sender compares with its own."""
    totals = np.bincount(batch.index, weights=np.nan_to_num(batch.value), minlength=len(batch.series))
    for key, total in zip(batch.series, totals.tolist(), strict=True):
        sums[key.unit] = sums.get(key.unit, 0.0) + total


def _match(run: _Import, meter_ids: set[str]) -> None:
    """Look the file's meters up in the mirror."""
    asked = meter_ids - run.meters.keys() - run.unknown
    if not asked:
        return
    run.meters.update(find_meters(run.db, run.tenant.id, asked))
    unknown = sorted(asked - run.meters.keys())
    run.unknown.update(unknown)
    days = run.settings.park.days
    run.note(
        [
            Note(0, "UNKNOWN_METER", f"meter {meter} is not in the mirror: its readings wait {days} days for it")
            for meter in unknown[:_MOST_UNKNOWN_NAMED]
        ]
    )


def _take_registers(run: _Import, reads: RegisterReads) -> None:
    _match(run, {key.meter_id for key in reads.series})
    known = np.array([key.meter_id in run.meters for key in reads.series], np.bool_)
    which = known[reads.index]
    if not which.all():
        message = "register reads of a meter that is not known are not kept"
        run.reject([Reject(int(row), "UNKNOWN_METER", message) for row in reads.row[~which].tolist()])
    used = np.unique(reads.index[which])
    if not used.size:
        return
    keys = [reads.series[position] for position in used.tolist()]
    series = ensure_series(
        run.db,
        run.tenant.id,
        keys,
        zones={key.meter_id: run.settings.zone for key in keys},
        offsets=[0] * len(keys),
        now=run.now,
    )
    place = np.zeros(len(reads.series), np.int32)
    place[used] = np.arange(len(used), dtype=np.int32)
    kept = RegisterReads(
        keys, place[reads.index[which]], reads.at[which], reads.value[which], reads.quality[which], reads.row[which]
    )
    run.registers += write_register_reads(run.db, series, kept, known_at=run.job.created_at)


def _judge(run: _Import) -> None:
    """Refuse a file that is mostly wrong, or not the one that was announced."""
    if run.rows > _FEW_ROWS and run.rejected > run.settings.most_rejects * run.rows:
        raise Invalid(
            "TOO_MANY_REJECTS",
            f"{run.rejected} of {run.rows} rows were rejected, more than {run.settings.most_rejects:.0%};"
            " nothing of the file was kept",
            counters=run.counters(),
            rejects=run.first_rejects,
        )
    manifest = run.job.options.get("manifest") or {}
    announced = manifest.get("rows")
    if announced is not None and announced != run.rows:
        raise Invalid("MANIFEST_MISMATCH", f"the manifest announces {announced} rows, the file holds {run.rows}")
    total = manifest.get("sumTotalUnit")
    if total is not None and abs(float(total) - sum(run.sum_in.values())) > 0.0005:
        raise Invalid(
            "MANIFEST_MISMATCH",
            f"the manifest announces a sum of {total}, the file's is {sum(run.sum_in.values()):.3f}",
        )


def defer_validation(db: Connection, tenant_id: int, job_id: str, report: WriteReport) -> None:
    """Have the changed days of every written series validated and their gaps estimated, a few hundred series a job."""
    touched = sorted(report.touched.items())
    for at in range(0, len(touched), _SERIES_A_JOB):
        part = [[series_id, first, last] for series_id, (first, last) in touched[at : at + _SERIES_A_JOB]]
        defer(db, VALIDATE, queue="validation", tenant_id=tenant_id, job_id=job_id, touched=part)


def unpark(db: Connection, tenant: Tenant, meter_ids: Sequence[str], *, now: datetime) -> int:
    """Store what was parked for meters that have become known; how many readings that were.

    Rows that a rule refuses by now are rejected on the job that brought them.
    """
    known = find_meters(db, tenant.id, meter_ids)
    stored = 0
    for parked in take(db, tenant.id, sorted(known)):
        job = jobs.find_job(db, tenant.id, parked.job_id)
        run = _Import(
            db, tenant, job, tenant.section("metering", MeteringSettings), tenant.section("vee", VeeSettings), now
        )
        run.stored_rejects = jobs.count_rejects(db, job)
        _take_readings(run, parked.batch, known_at=now)
        defer_validation(db, tenant.id, job.id, run.report)
        jobs.add_to_counter(db, tenant.id, job.id, "parked", -len(parked.batch))
        for name in ("accepted", "replaced", "unchanged", "rejected"):
            jobs.add_to_counter(db, tenant.id, job.id, name, int(run.counters()[name]))
        stored += len(parked.batch)
    return stored


def give_up_parked(db: Connection, tenant: Tenant, *, before: datetime) -> int:
    """Drop what has waited for its meter since before `before`; how many readings that were."""
    return queries.drop_parked(db, tenant.id, before)
