"""Taking in one part of a file: match its meters, find its series, screen its rows, store what is left."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from energygrid.customers.meters import Meter, find_meters
from energygrid.errors import Invalid
from energygrid.ingest.rows import Note, Reject
from energygrid.metering.import_run import MOST_REJECTS, ImportRun, add_sums
from energygrid.metering.parking import park, select
from energygrid.metering.readings import DAY_S, Commodity, Kind, Parsed, ReadingBatch, RegisterReads, SeriesKey
from energygrid.metering.series import Series, ensure_series
from energygrid.metering.store import write_readings, write_register_reads
from energygrid.metering.units import unit
from energygrid.metering.vee.run import record_findings
from energygrid.metering.vee.screening import Expected, duplicate_findings, screen

_MOST_UNKNOWN_NAMED = 100


def take(run: ImportRun, parsed: Parsed) -> None:
    run.rows += len(parsed.rejects)
    run.reject(parsed.rejects)
    run.note(parsed.notes)
    if parsed.readings is not None and len(parsed.readings):
        run.rows += len(parsed.readings)
        take_readings(run, parsed.readings, run.job.created_at)
    if parsed.registers is not None and len(parsed.registers):
        run.rows += len(parsed.registers)
        _take_registers(run, parsed.registers)


def take_readings(run: ImportRun, batch: ReadingBatch, known_at: datetime) -> None:
    add_sums(run.sum_in, batch)
    _match(run, {key.meter_id for key in batch.series})
    unknown = [at for at, key in enumerate(batch.series) if key.meter_id not in run.meters]
    if unknown:
        run.parked += park(run.db, run.tenant.id, run.job.id, batch, unknown, run.now)
        batch = select(batch, ~np.isin(batch.index, unknown))
    batch, series = _with_series(run, batch)
    batch = _screened(run, batch, series)
    add_sums(run.sum_stored, batch)
    written = write_readings(run.db, series, batch, known_at=known_at)
    run.reject(written.rejects, count=written.rejected)
    run.report.add(written)


def _with_series(run: ImportRun, batch: ReadingBatch) -> tuple[ReadingBatch, list[Series]]:
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


def _screened(run: ImportRun, batch: ReadingBatch, series: Sequence[Series]) -> ReadingBatch:
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
    run.reject(judged.rejects(batch, MOST_REJECTS), count=refused)
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


def _match(run: ImportRun, meter_ids: set[str]) -> None:
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


def _take_registers(run: ImportRun, reads: RegisterReads) -> None:
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
