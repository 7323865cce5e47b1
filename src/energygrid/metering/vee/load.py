"""Reading what an examination needs: for many series of one span at once."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from sqlalchemy import Connection

from energygrid.errors import Invalid
from energygrid.metering import blocks, queries, store
from energygrid.metering.calendar import Span, local_days
from energygrid.metering.grid import Readings
from energygrid.metering.quality import Quality
from energygrid.metering.readings import DAY_S, Bools
from energygrid.metering.series import Series, series_of_owners
from energygrid.metering.units import convert
from energygrid.metering.vee.case import REACH_DAYS
from energygrid.metering.vee.estimation import Bracket, Step
from energygrid.metering.vee.queries import register_reads
from energygrid.metering.vee.registers import brackets
from energygrid.metering.vee.stretch import Stretch

_BACK_DAYS = REACH_DAYS + 90
"""What like days and long runs need before the furthest interval in question."""

_MARK = "VEE:E"
LABELS = [f"{_MARK}{step:d}" for step in Step]
"""Quality marks of our estimates in the store, by step: they tell them from a source's own."""

_MONTH_DAYS = 31


def stretches(db: Connection, series: Sequence[Series], span: Span, now: datetime) -> list[Stretch]:
    """Readings around a span, enough for every rule and for E1 to E3."""
    start, end = span.instants()
    until = max(end + 2 * DAY_S, min(end + REACH_DAYS * DAY_S, int(now.timestamp()) + 2 * DAY_S))
    wide = Span.of(start - (_BACK_DAYS + 1) * DAY_S, until)
    found = store.read_many(db, series, wide)
    return [_whole_days(each, readings, _own(db, each, readings)) for each, readings in zip(series, found, strict=True)]


def year_before(db: Connection, series: Sequence[Series], span: Span, near: Sequence[Stretch]) -> list[Stretch]:
    """Readings of the months a year before a span, and before a gap that reaches into it; none that `near` holds."""
    start, end = span.instants()
    first = start - (REACH_DAYS + 366 + _MONTH_DAYS) * DAY_S
    last = min(end - (365 - _MONTH_DAYS) * DAY_S, *(int(each.start[0]) for each in near if each.start.size))
    found = store.read_many(db, series, Span.of(first, last))
    return [
        _whole_days(each, readings, np.zeros(len(readings.start), np.bool_))
        for each, readings in zip(series, found, strict=True)
    ]


def _whole_days(series: Series, readings: Readings, own: Bools) -> Stretch:
    """Without the first and the last local day, which may be cut."""
    day = local_days(readings.start, series.zone)
    low, high = np.searchsorted(day, [day[0] + 1, day[-1]]).tolist() if day.size else (0, 0)
    inside = slice(low, high)
    return Stretch(
        series.zone,
        series.interval_s,
        readings.start[inside],
        readings.value[inside],
        readings.quality[inside],
        own[inside],
    )


def _own(db: Connection, series: Series, readings: Readings) -> Bools:
    """Which readings are estimates of ours, by the marks they were stored with."""
    own = np.zeros(len(readings.start), np.bool_)
    estimated = np.flatnonzero(readings.quality == Quality.ESTIMATED)
    if not estimated.size:
        return own
    days, slots = _places(series, readings, estimated)
    found = queries.blocks_in_range(db, [series.id], int(days[0]), int(days[-1]))
    packed = zip(found.day.tolist(), found.source_quality, strict=True)
    marks = {day: blocks.unpack_marks(body, series.intervals) for day, body in packed}
    for position, day, slot in zip(estimated.tolist(), days.tolist(), slots.tolist(), strict=True):
        own[position] = marks[day][slot].startswith(_MARK)
    return own


def _places(series: Series, readings: Readings, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Day block of each reading, as days since 1970, and its position in it."""
    if series.is_daily:
        return local_days(readings.start[at], series.zone), np.zeros(len(at), np.int64)
    since = readings.start[at] - series.offset_s
    return since // DAY_S, since % DAY_S // series.interval_s


def registers(db: Connection, tenant_id: int, series: Sequence[Series], near: Sequence[Stretch]) -> list[list[Bracket]]:
    """For each series what the register of the same meter counted, in the unit of the series."""
    owners = list(dict.fromkeys(each.owner_id for each in series))
    kinds = {each.owner_kind for each in series}
    known = [r for kind in kinds for r in series_of_owners(db, tenant_id, owners, owner_kind=kind) if not r.interval_s]
    paired = [_register_of(each, known) for each in series]
    ids = list({register.id for register in paired if register})
    covered = [stretch for stretch in near if stretch.start.size]
    if not ids or not covered:
        return [[] for _ in series]
    span = Span.of(min(int(s.start[0]) for s in covered), max(int(s.end[-1]) for s in covered))
    reads: dict[int, list[tuple[int, float, int]]] = {}
    for series_id, at, value, quality in register_reads(db, ids, *span):
        reads.setdefault(series_id, []).append((int(at.timestamp()), value, quality))
    return [
        _brackets(each, register, reads.get(register.id, [])) if register else []
        for each, register in zip(series, paired, strict=True)
    ]


def _register_of(series: Series, registers: Sequence[Series]) -> Series | None:
    """The register that counts what the series does: the one of its channel, or the only one there is."""
    same = [
        r
        for r in registers
        if (r.owner_kind, r.owner_id, r.commodity, r.flow, r.kind)
        == (series.owner_kind, series.owner_id, series.commodity, series.flow, series.kind)
    ]
    of_channel = [r for r in same if r.channel == series.channel]
    candidates = of_channel or same
    return candidates[0] if len(candidates) == 1 else None


def _brackets(series: Series, register: Series, reads: Sequence[tuple[int, float, int]]) -> list[Bracket]:
    if not reads:
        return []
    at, value, quality = (np.array(column) for column in zip(*reads, strict=True))
    try:
        value = convert(value, register.unit, series.unit)
    except Invalid:
        return []  # pulses, or gas volume beside energy: the two cannot be compared
    return brackets(at, value, quality.astype(np.uint8))
