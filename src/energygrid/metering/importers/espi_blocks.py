"""Interval blocks into readings: whose they are, how long, how good; what cannot be a reading is said, not dropped."""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from lxml import etree

from energygrid.metering.calendar import day_starts, local_days
from energygrid.metering.importers.collect import PLAIN, Collector
from energygrid.metering.importers.csv_grain import is_length
from energygrid.metering.importers.espi_codes import Measured, Unmeasurable, measured
from energygrid.metering.importers.espi_graph import (
    Graph,
    Links,
    Resource,
    code,
    links_of,
    tail_of,
    usage_point_in,
)
from energygrid.metering.importers.espi_xml import line_of, text_of
from energygrid.metering.importers.options import ImportOptions
from energygrid.metering.importers.sources import is_usual
from energygrid.metering.quality import ESPI_CODES, Quality, worst
from energygrid.metering.readings import DAY_S, Int64s, SeriesKey

_ID = re.compile(r"[\x21-\x7E]{1,64}")
_NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,12})?")
_HOURS = 3600


@dataclass(frozen=True, slots=True)
class Source:
    """What a meter reading's values are of."""

    meter_id: str
    measured: Measured

    def key(self, interval_s: int) -> SeriesKey:
        m = self.measured
        return SeriesKey(self.meter_id, m.commodity, m.flow, m.kind, m.unit, interval_s, m.channel)


@dataclass(slots=True)
class _Run:
    """Readings of one block that have the same length."""

    start: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    quality: list[int] = field(default_factory=list)
    label: list[int] = field(default_factory=list)
    row: list[int] = field(default_factory=list)


class _Refused(ValueError):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code, self.message = code, message


class Blocks:
    """Reads the blocks of one feed; remembers what each meter reading is, so that it is worked out and noted once."""

    def __init__(self, graph: Graph, options: ImportOptions, out: Collector) -> None:
        self.out = out
        self._graph = graph
        self._options = options
        self._sources: dict[int, Source | _Refused] = {}
        self._taken: set[SeriesKey] = set()

    def read(self, at: int, entry: etree._Element, block: etree._Element) -> None:
        links = links_of(entry)
        try:
            source = self._source(at, links, block)
        except _Refused as problem:
            count = sum(1 for _ in block.iterchildren("{*}IntervalReading"))
            self.out.reject(line_of(block), problem.code, f"{problem.message}; {count} readings", links.own)
            return
        runs: dict[int, _Run] = defaultdict(_Run)
        following = code(text_of(block, "interval", "start"))
        for reading in block.iterchildren("{*}IntervalReading"):
            try:
                following = self._reading(reading, source, following, runs)
            except _Refused as problem:
                self.out.reject(line_of(reading), problem.code, problem.message, _brief(reading))
        for length, run in runs.items():
            marks = np.array(run.quality, np.uint8), np.array(run.label, np.int16)
            value = np.array(run.value, np.float64)
            rows, start = np.array(run.row, np.int64), np.array(run.start, np.int64)
            self.out.add(rows, source.key(length), start, value, *marks)

    def _source(self, at: int, links: Links, block: etree._Element) -> Source:
        reading, guessed = self._graph.reading_of(at, links)
        if reading is None:
            raise _Refused("UNRESOLVED_LINK", "no MeterReading entry belongs to this IntervalBlock")
        if reading.at not in self._sources:
            try:
                self._sources[reading.at] = self._work_out(reading, links)
            except _Refused as problem:
                self._sources[reading.at] = problem
            if guessed:
                message = (
                    "no link names the MeterReading of this IntervalBlock; the one before it in the feed was taken"
                )
                self.out.note(line_of(block), "LINK_GUESSED", message)
        source = self._sources[reading.at]
        if isinstance(source, _Refused):
            raise source
        return source

    def _work_out(self, reading: Resource, block: Links) -> Source:
        kind, guessed_type = self._graph.type_of(reading)
        if kind is None:
            raise _Refused("UNRESOLVED_LINK", "no ReadingType belongs to the MeterReading of this IntervalBlock")
        inside = usage_point_in(
            [reading.links.own, reading.links.up, block.own, block.up, *sorted(reading.links.related)]
        )
        point, guessed_point = self._graph.point_of(reading)
        if point is not None and guessed_point and inside and tail_of(point.links.own) != inside:
            point = None
        for what, guessed in (("ReadingType", guessed_type), ("UsagePoint", guessed_point and not inside)):
            if guessed:
                self.out.note(
                    reading.row, "LINK_GUESSED", f"no link names the {what} of this MeterReading; the nearest was taken"
                )
        try:
            facts = measured(kind.codes, None if point is None else point.service)
        except Unmeasurable as problem:
            raise _Refused("UNSUPPORTED_READING_TYPE", f"ReadingType at line {kind.row}: {problem}") from None
        for what in facts.assumed:
            self.out.note(kind.row, "READING_TYPE_INCOMPLETE", f"the ReadingType does not say it; taken: {what}")
        source = Source(self._meter_id(point, inside), facts)
        if source.key(0) in self._taken:
            self.out.note(reading.row, "SAME_SERIES", "another MeterReading of the feed is of the same series; joined")
        self._taken.add(source.key(0))
        return source

    def _meter_id(self, point: Resource | None, inside: str) -> str:
        """By the map: path or id of the usage point, or serial number of the meter. Else serial number, else id."""
        path = "" if point is None else point.links.own
        serial = "" if point is None else self._graph.meter_serial(point)
        names = [path, tail_of(path) or inside, serial]
        known = self._options.meter_map
        found = next((known[name] for name in names if name in known), serial or names[1])
        if not _ID.fullmatch(found):
            raise _Refused("UNRESOLVED_LINK", "no usable id of a UsagePoint or Meter belongs to this IntervalBlock")
        return found

    def _reading(
        self, reading: etree._Element, source: Source, following: int | None, runs: dict[int, _Run]
    ) -> int | None:
        """One reading into its run; returns where one without its own time would begin next."""
        start, duration, value, qualities = _parts(reading)
        facts = source.measured
        if start is None:
            start = following
        if duration is None:
            duration = facts.interval_s
        if start is None:
            raise _Refused("BAD_DATE", "neither the reading nor its block says when it starts")
        if not (is_usual(start) and is_usual(start + duration)):
            raise _Refused("BAD_DATE", "the reading is not in the years 1970 to 2099")
        number, quality, label = self._value(value, qualities, facts)
        if facts.register:
            self.out.add_register(line_of(reading), source.key(0), start + duration, number, quality)
            return start + duration
        if duration > 25 * _HOURS:
            self.out.note(
                line_of(reading),
                "LONGER_THAN_A_DAY",
                f"{source.meter_id}: {number:.15g} {facts.unit} over {duration} s from {start} is no interval reading",
            )
            return start + duration
        length, begin = self._length(start, duration)
        run = runs[length]
        run.start.append(begin)
        run.value.append(number)
        run.quality.append(quality)
        run.label.append(label)
        run.row.append(line_of(reading))
        return start + duration

    def _value(self, text: str, qualities: list[int], facts: Measured) -> tuple[float, int, int]:
        """Value in the unit, quality, label. The label keeps the source's codes where the scale loses them."""
        codes = qualities or ([] if facts.quality is None else [facts.quality])
        quality = worst([ESPI_CODES.get(c, Quality.UNKNOWN) for c in codes])
        label = PLAIN if codes in ([], [0]) else self.out.label_of(" ".join(map(str, codes))[:100])
        if not text:
            return np.nan, int(Quality.MISSING), label
        if not _NUMBER.fullmatch(text):
            raise _Refused("BAD_NUMBER", f"{text[:32]!r} is not a whole number")
        number = float(text)
        scaled = number / 10.0**-facts.power if facts.power < 0 else number * 10.0**facts.power
        return scaled, int(quality), label

    def _length(self, start: int, duration: int) -> tuple[int, int]:
        """Length and start of an interval; one of 23 to 25 hours must be a local day."""
        if duration < 23 * _HOURS:
            if not _is_length(duration):
                raise _Refused("BAD_INTERVAL", f"{duration} s is not a minute or more that divides the day")
            return duration, start
        zone = self._options.zone
        at: Int64s = np.array([start], np.int64)
        if day_starts(local_days(at, zone), zone)[0] != start:
            raise _Refused("DAY_NOT_AT_MIDNIGHT", f"a daily reading does not begin at midnight in {zone}")
        return DAY_S, start


@lru_cache(maxsize=1024)
def _is_length(seconds: int) -> bool:
    return bool(is_length(np.array([seconds]))[0])


def _parts(reading: etree._Element) -> tuple[int | None, int | None, str, list[int]]:
    """Start, duration, value, quality codes of an IntervalReading."""
    start = duration = None
    value = ""
    qualities: list[int] = []
    for element in reading:
        tag = element.tag
        if tag.endswith("}timePeriod"):
            for part in element:
                if part.tag.endswith("}start"):
                    start = code((part.text or "").strip())
                elif part.tag.endswith("}duration"):
                    duration = code((part.text or "").strip())
        elif tag.endswith("}value"):
            value = (element.text or "").strip()
        elif tag.endswith("}ReadingQuality"):
            found = code(text_of(element, "quality"))
            qualities += [] if found is None else [found]
    return start, duration, value, qualities


def _brief(reading: etree._Element) -> str:
    return " ".join(str(text).strip() for text in reading.itertext() if text.strip())
