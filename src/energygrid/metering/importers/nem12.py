"""NEM12: interval meter data of the Australian market, one day of one channel a record (powerbox.md 4.2)."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import BinaryIO, NamedTuple

import numpy as np

from energygrid.errors import Invalid
from energygrid.metering.importers import nem
from energygrid.metering.importers.collect import Collector
from energygrid.metering.importers.nem import BadRecord, Record
from energygrid.metering.importers.options import ImportOptions
from energygrid.metering.quality import Quality
from energygrid.metering.readings import Float64s, Int16s, Int64s, Parsed, SeriesKey, UInt8s

NAME = "nem12"

_MINUTES = {"5": 5, "15": 15, "30": 30}


def sniff(head: bytes, name: str) -> bool:
    del name
    return nem.is_header(head, b"NEM12")


def parse(source: BinaryIO, options: ImportOptions) -> Iterator[Parsed]:
    """Raises Invalid BAD_FILE when the 100 or 900 record is missing or a record is of no NEM12 kind."""
    reader = _Reader(options)
    for record in nem.records(source, options, "NEM12"):
        if record.kind != "400":
            reader.close_day()
            if reader.out.full:
                yield reader.out.take()
        reader.read(record)
    reader.close_day()
    yield reader.out.take(last=True)


class _Channel(NamedTuple):
    """A 200 record. `offsets` are the interval starts within a day."""

    key: SeriesKey
    intervals: int
    offsets: Int64s
    days: dict[int, tuple[str, tuple[int, int]]]


@dataclass(slots=True)
class _Day:
    """A 300 record that waits for its 400 records. `marks` = quality and label of each interval, -1 = none yet."""

    record: Record
    start: int
    values: Float64s
    method: nem.Method
    updated: str
    marks: Int64s = field(default_factory=lambda: np.zeros((0, 2), np.int64))


class _Reader:
    def __init__(self, options: ImportOptions) -> None:
        self.out = Collector(options)
        self._meter_map = options.meter_map
        self._channel: _Channel | None = None
        self._channels: dict[SeriesKey, dict[int, tuple[str, tuple[int, int]]]] = {}
        self._day: _Day | None = None
        self._last = "100"

    def read(self, record: Record) -> None:
        """One record into its place; one that cannot be taken is refused alone."""
        handlers = {"200": self._open_channel, "300": self._open_day, "400": self._mark, "500": self._register}
        handler = handlers.get(record.kind)
        if handler is None:
            raise Invalid("BAD_FILE", f"{record.kind[:8]!r} is not a record of NEM12", line=record.row)
        try:
            handler(record)
        except BadRecord as problem:
            self.out.reject(record.row, problem.code, problem.message, record.text)
        self._last = record.kind

    def _open_channel(self, record: Record) -> None:
        self._channel = None
        fields = nem.exactly(record.fields, 10)
        minutes = _MINUTES.get(fields[8])
        if minutes is None:
            raise BadRecord("BAD_INTERVAL", f"{fields[8][:8]!r} is not an interval of 5, 15 or 30 minutes")
        key = nem.series_key(self._meter_map, fields[1], fields[4], fields[7], minutes * 60)
        intervals = 1440 // minutes
        days = self._channels.setdefault(key, {})
        self._channel = _Channel(key, intervals, np.arange(intervals) * (minutes * 60), days)

    def _need_channel(self) -> _Channel:
        if self._channel is None:
            raise BadRecord("RECORD_ORDER", "there is no good 200 record before this one")
        return self._channel

    def _open_day(self, record: Record) -> None:
        channel = self._need_channel()
        if self._last == "500":
            raise BadRecord("RECORD_ORDER", "a 300 record stands after a 500 record of the same channel")
        n = channel.intervals
        fields = nem.exactly(record.fields, n + 7)
        start = nem.instant(fields[1], 8)
        method = nem.method(fields[n + 2], fields[n + 3], fields[n + 4])
        for stamp in fields[n + 5 :]:
            if stamp:
                nem.instant(stamp, 14)
        values = nem.numbers(fields[2 : n + 2], blank_is_missing=method.quality is Quality.MISSING)
        self._day = _Day(record, start, values, method, fields[n + 5])
        if method.variable:
            self._day.marks = np.full((n, 2), -1, np.int64)
        elif not method.complete:
            self.out.note(record.row, "QUALITY_INCOMPLETE", "the quality flag lacks its method, reason or description")

    def _mark(self, record: Record) -> None:
        """A 400 record: quality of a range of intervals, first and last counted from 1."""
        day = self._day
        if day is None:
            raise BadRecord("RECORD_ORDER", "a 400 record stands without a good 300 record before it")
        if not day.method.variable:
            raise BadRecord("RECORD_ORDER", "a 400 record belongs to a 300 record with quality V only")
        fields = nem.exactly(record.fields, 6)
        first, last = (int(f) if f.isdigit() and len(f) <= 3 else 0 for f in fields[1:3])
        if not 1 <= first <= last <= len(day.marks):
            raise BadRecord(
                "BAD_RANGE", f"intervals {fields[1][:5]} to {fields[2][:5]} are not in 1 to {len(day.marks)}"
            )
        method = nem.method(fields[3], fields[4], fields[5])
        if method.variable:
            raise BadRecord("BAD_QUALITY", "a 400 record cannot say V")
        span = day.marks[first - 1 : last]
        if (span[:, 0] >= 0).any():
            span[:, 0] = len(Quality)
            raise BadRecord("BAD_RANGE", "the range overlaps an earlier one")
        span[:] = int(method.quality), self.out.label_of(method.label)

    def close_day(self) -> None:
        """Hands on the 300 record read last, now that its 400 records have been seen."""
        day, self._day = self._day, None
        if day is None:
            return
        record = day.record
        if not day.method.variable:
            if day.method.quality is Quality.MISSING:
                day.values[:] = np.nan
            self._add(day, int(day.method.quality), self.out.label_of(day.method.label))
            return
        marks = day.marks[:, 0]
        if (marks < 0).any() or (marks == len(Quality)).any():
            message = "quality is V, but 400 records do not cover each interval once"
            self.out.reject(record.row, "VARIABLE_NOT_COVERED", message, record.text)
            return
        day.values[marks == Quality.MISSING] = np.nan
        self._add(day, marks.astype(np.uint8), day.marks[:, 1].astype(np.int16))

    def _add(self, day: _Day, quality: UInt8s | int, label: Int16s | int) -> None:
        """Keeps the record of a channel and day that was updated last; of equals, the later in the file."""
        channel = self._need_channel()
        before = channel.days.get(day.start)
        if before is not None:
            self.out.note(
                day.record.row, "SUPERSEDED", "this day of this channel comes twice; the newer update is kept"
            )
            if before[0] > day.updated:
                return
            self.out.drop(before[1])
        handle = self.out.add(day.record.row, channel.key, day.start + channel.offsets, day.values, quality, label)
        channel.days[day.start] = (day.updated, handle)

    def _register(self, record: Record) -> None:
        """A 500 record: the index a meter showed when somebody was there."""
        channel = self._need_channel()
        fields = nem.exactly(record.fields, 5)
        at = nem.instant(fields[3], 14)
        value = nem.numbers(fields[4:5], blank_is_missing=False)
        quality = Quality.ESTIMATED if fields[1] == "E" else Quality.ACTUAL
        key = replace(channel.key, interval_s=0)
        self.out.add_register(record.row, key, at, float(value[0]), quality)
