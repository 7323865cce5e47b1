"""Whether the times and values of readings make sense: what no schema and no certification looks at."""

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np

from energygrid.greenbutton.check.document import Block, Document, Entry
from energygrid.greenbutton.check.local_time import LocalTime, local_time
from energygrid.greenbutton.check.readings import line_of
from energygrid.greenbutton.check.rules import Hit, rule

_FIRST, _LAST = 0, 4_102_444_800  # 1970 to 2100
_DAY_LENGTHS = range(82_800 - 3600, 90_000 + 3601)
_MOST_W = 1e9
_WATT_HOURS = {"72", "71", "73"}


@rule("S01", severity="note", advice="nothing, if the readings are missing: a gap is left out, never filled with zero")
def gaps(document: Document) -> Iterator[Hit]:
    """Interval readings of a MeterReading follow each other without gaps [sense]"""
    for reading, starts, ends, lines in _series(document):
        kind = document.type_of(reading)
        if kind is None or not is_interval_data(kind):
            continue
        holes = np.flatnonzero(starts[1:] > ends[:-1])
        for at in holes:
            length = int(starts[at + 1] - ends[at])
            yield Hit(int(lines[at + 1]), f"{reading.name()} has no reading from {_utc(ends[at])} on for {length} s")


@rule("S02", severity="warning", advice="send each instant in one reading of a MeterReading")
def overlaps(document: Document) -> Iterator[Hit]:
    """Readings of a MeterReading do not overlap [sense]"""
    for reading, starts, ends, lines in _series(document):
        for at in np.flatnonzero((starts[1:] < ends[:-1]) & (starts[1:] != starts[:-1])):
            yield Hit(int(lines[at + 1]), f"a reading of {reading.name()} starts at {_utc(starts[at + 1])}, in another")


@rule("S03", severity="warning", advice="let the block's interval cover its readings")
def readings_lie_in_their_block(document: Document) -> Iterator[Hit]:
    """Readings lie within the interval of their block [ESPI: IntervalBlock]"""
    for entry, block in _blocks(document):
        if block.end is None or block.start is None:
            continue
        outside = (block.starts < block.start) | (block.starts + block.durations > block.end)
        for at in np.flatnonzero(outside)[:1]:
            yield Hit(int(block.lines[at]), f"{int(outside.sum())} readings of {entry.name()} lie outside its interval")


@rule("S04", severity="note", advice="nothing, if readings are missing; else let the interval end with the last one")
def block_is_as_long_as_its_readings(document: Document) -> Iterator[Hit]:
    """Durations of the readings add up to that of their block [sense]"""
    for entry, block in _blocks(document):
        if block.duration is not None and len(block.starts):
            total = int(block.durations.sum())
            if total != block.duration:
                yield Hit(block.line, f"{entry.name()} lasts {block.duration} s, its readings {total} s")


@rule(
    "S05",
    severity="warning",
    advice="end a day's block at the next local midnight: 23 or 25 hours when the clock changes",
)
def days_are_local(document: Document) -> Iterator[Hit]:
    """A block that starts at local midnight and is a day long ends at local midnight [contract of DST words]"""
    for reading, blocks in document.blocks_by_reading:
        clock = _clock(document, reading)
        for block in blocks if clock else ():
            if block.start is None or block.duration not in _DAY_LENGTHS or not _plausible(block.start):
                continue
            day = clock.day_length(block.start) if clock and clock.is_midnight(block.start) else block.duration
            if day != block.duration:
                yield Hit(block.line, f"the local day of {_utc(block.start)} has {day} s, the block {block.duration} s")


@rule(
    "S06",
    severity="warning",
    advice="write dstStartRule, dstEndRule, dstOffset and tzOffset as the standard codes them",
)
def clocks_can_be(document: Document) -> Iterator[Hit]:
    """LocalTimeParameters describe a clock that can be [ESPI: DstRuleType]"""
    for entry in document.of("LocalTimeParameters"):
        try:
            local_time(entry)
        except ValueError as reason:
            yield Hit(entry.line, str(reason))


@rule("S07", advice="write whole seconds")
def whole_seconds(document: Document) -> Iterator[Hit]:
    """Times and durations are whole seconds [ESPI: TimeType]"""
    for name in ("start", "duration", "statusTimeStamp", "timeStamp"):
        for element in document.root.iter(f"{{*}}{name}"):
            text = (element.text or "").strip()
            if "." in text or "e" in text.lower():
                yield Hit(line_of(element), f"{name} is {text[:40]}")


@rule("S08", severity="warning", advice="write seconds since 1970-01-01T00:00:00Z, not milliseconds")
def times_are_plausible(document: Document) -> Iterator[Hit]:
    """Readings and blocks lie between 1970 and 2100 and have a length [sense]"""
    for entry, block in _blocks(document):
        if block.start is not None and not _plausible(block.start):
            yield Hit(block.line, f"{entry.name()} starts at {block.start}")
        wrong = (block.starts < _FIRST) | (block.starts > _LAST) | (block.durations < 0)
        for at in np.flatnonzero(wrong)[:1]:
            words = f"{int(wrong.sum())} readings of {entry.name()} have times that cannot be"
            yield Hit(int(block.lines[at]), f"{words}, the first {block.starts[at]} for {block.durations[at]} s")


@rule(
    "S09",
    severity="warning",
    advice="send readings of different lengths as MeterReadings with ReadingTypes of their own",
)
def lengths_are_as_announced(document: Document) -> Iterator[Hit]:
    """Readings are as long as the intervalLength of their ReadingType [ESPI: ReadingType]"""
    for reading, blocks in document.blocks_by_reading:
        kind = document.type_of(reading)
        length = kind.integer("intervalLength") if kind else None
        for block in blocks if length else ():
            wrong = np.flatnonzero(block.durations != length)
            if len(wrong):
                words = f"{len(wrong)} readings of {reading.name()} are not {length} s long"
                yield Hit(int(block.lines[wrong[0]]), f"{words}, the first {block.durations[wrong[0]]} s")


@rule("S10", severity="warning", advice="use flowDirection 4 (net) for values of both signs, 19 for what is received")
def only_net_is_negative(document: Document) -> Iterator[Hit]:
    """Values are negative in net series alone [ESPI: FlowDirectionKind]"""
    for reading, blocks in document.blocks_by_reading:
        kind = document.type_of(reading)
        if kind is None or kind.text("flowDirection") in {"4", "0", None} or kind.text("kind") == "46":
            continue
        for block in blocks:
            below = np.flatnonzero(block.values < 0)
            if len(below):
                words = f"{len(below)} values of {reading.name()} are negative"
                yield Hit(int(block.lines[below[0]]), f"{words}, flowDirection is {kind.text('flowDirection')}")


@rule(
    "S11",
    severity="warning",
    advice="check powerOfTenMultiplier: it is the exponent of ten that values are multiplied by",
)
def power_is_plausible(document: Document) -> Iterator[Hit]:
    """No energy reading means more than a gigawatt [sense]"""
    for reading, blocks in document.blocks_by_reading:
        kind = document.type_of(reading)
        if kind is None or not is_interval_data(kind) or kind.text("uom") not in _WATT_HOURS:
            continue
        scale = 10.0 ** (kind.integer("powerOfTenMultiplier") or 0)
        for block in blocks:
            hours = np.maximum(block.durations, 1) / 3600
            wrong = np.flatnonzero(np.abs(block.values) * scale / hours > _MOST_W)
            if len(wrong):
                at = wrong[0]
                words = f"{block.values[at]} x {scale:g} Wh in {block.durations[at]} s is over a gigawatt"
                yield Hit(int(block.lines[at]), f"{words} ({len(wrong)} readings of {reading.name()})")


def is_interval_data(kind: Entry) -> bool:
    """Whether a ReadingType's values are amounts of their intervals, not states of a register or momentary values."""
    return kind.text("accumulationBehaviour") in {"4", None}


def _blocks(document: Document) -> Iterator[tuple[Entry, Block]]:
    return ((entry, block) for entry, blocks in document.blocks for block in blocks)


def _series(document: Document) -> Iterator[tuple[Entry, np.ndarray, np.ndarray, np.ndarray]]:
    """Each MeterReading with the starts, ends and lines of its readings, in order of time."""
    for reading, blocks in document.blocks_by_reading:
        if not blocks:
            continue
        starts = np.concatenate([block.starts for block in blocks])
        ends = starts + np.concatenate([block.durations for block in blocks])
        lines = np.concatenate([block.lines for block in blocks])
        order = np.argsort(starts, kind="stable")
        yield reading, starts[order], ends[order], lines[order]


def _clock(document: Document, reading: Entry) -> LocalTime | None:
    point = document.point_of(reading)
    time = document.time_of(point) if point else None
    try:
        return local_time(time) if time else None
    except ValueError:
        return None


def _plausible(instant: int) -> bool:
    return _FIRST <= instant <= _LAST


def _utc(instant: int) -> str:
    """An instant for people; the number itself when it is no date."""
    return f"{datetime.fromtimestamp(int(instant), UTC):%Y-%m-%dT%H:%MZ}" if _plausible(int(instant)) else str(instant)
