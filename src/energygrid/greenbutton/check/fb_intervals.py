"""FB_04, interval metering: MeterReading, ReadingType and IntervalBlock."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from energygrid.greenbutton.check.document import Block, Document, Entry
from energygrid.greenbutton.check.rules import Hit, atom_part, exists, present, rule, unique_self

exists("D027", 4, "MeterReading")
exists("D049", 4, "ReadingType")
exists("D032", 4, "IntervalBlock")
for _resource, _parts in {
    "MeterReading": {
        "D018": "id", "D019": "title", "D020": "self", "D022": "up", "D029": "published", "D030": "updated",
    },
    "ReadingType": {
        "D048": "id", "D050": "title", "D051": "self", "D053": "up", "D069": "published", "D070": "updated",
    },
    "IntervalBlock": {
        "D031": "id", "D033": "title", "D034": "self", "D036": "up", "D040": "published", "D041": "updated",
    },
}.items():  # fmt: skip
    for _number, _part in _parts.items():
        atom_part(_number, 4, _resource, _part)
unique_self("D021", 4, "MeterReading")
unique_self("D052", 4, "ReadingType")
unique_self("D035", 4, "IntervalBlock")
present("D062", 4, "ReadingType", "intervalLength", advice="write the length of an interval in seconds")
present("D063", 4, "ReadingType", "kind", advice="write 12 for energy, 58 for volume")
present("D065", 4, "ReadingType", "powerOfTenMultiplier", advice="write 0 when values are in the unit itself")
present("D068", 4, "ReadingType", "uom", advice="write the unit: 72 for Wh, 119 for cubic feet, 169 for therm")


@rule("D023", 4, scope="batch", advice="make up equal, to the character, to a related link of its UsagePoint")
def reading_under_a_point(document: Document) -> Iterator[Hit]:
    """The up link of each MeterReading is a related link of exactly one UsagePoint"""
    return _hangs_under(document, "MeterReading", "UsagePoint")


@rule("D024", 4, scope="batch", advice="relate each MeterReading to the self link of its ReadingType")
def one_reading_type(document: Document) -> Iterator[Hit]:
    """Each MeterReading is related to exactly one ReadingType of the feed"""
    selfs = document.self_counts["ReadingType"]
    for reading in document.of("MeterReading"):
        count = sum(href in selfs for href in reading.related)
        if count != 1:
            yield Hit(reading.line, f"{reading.name()} is related to {count} ReadingTypes of this feed")


@rule("D025", 4, scope="batch", advice="leave out a MeterReading that has no data in the span asked for")
def readings_have_blocks(document: Document) -> Iterator[Hit]:
    """Each MeterReading has an IntervalBlock"""
    ups = document.up_counts["IntervalBlock"]
    for reading in document.of("MeterReading"):
        if not any(href in ups for href in reading.related):
            yield Hit(reading.line, f"{reading.name()} has no IntervalBlock")


@rule("D026", 4, scope="batch", advice="leave out a ReadingType that has no data in the span asked for")
def load_profiles_have_blocks(document: Document) -> Iterator[Hit]:
    """Each ReadingType of interval data (accumulationBehaviour 4) has an IntervalBlock"""
    ups = document.up_counts["IntervalBlock"]
    filled = {
        href for each in document.of("MeterReading") if any(up in ups for up in each.related) for href in each.related
    }
    for kind in document.of("ReadingType"):
        if kind.text("accumulationBehaviour") == "4" and kind.self_href not in filled:
            yield Hit(kind.line, f"{kind.name()} has no IntervalBlock")


@rule("D037", 4, scope="batch", advice="make up equal, to the character, to a related link of its MeterReading")
def block_under_a_reading(document: Document) -> Iterator[Hit]:
    """The up link of each IntervalBlock is a related link of exactly one MeterReading"""
    return _hangs_under(document, "IntervalBlock", "MeterReading")


@rule("D054", 4, scope="batch", advice="relate its MeterReading to it, or leave it out")
def type_is_used(document: Document) -> Iterator[Hit]:
    """Each ReadingType is related to by a MeterReading"""
    related = document.related_counts["MeterReading"]
    for kind in document.of("ReadingType"):
        if kind.self_href not in related:
            yield Hit(kind.line, f"no MeterReading is related to {kind.name()}")


@rule("D038", 4, advice="write <interval> with <duration>, then <start>, in whole seconds")
def block_duration(document: Document) -> Iterator[Hit]:
    """Each IntervalBlock has interval/duration"""
    return (Hit(b.line, f"{e.name()} has no interval/duration") for e, b in _blocks(document) if b.duration is None)


@rule("D039", 4, advice="write <interval> with <duration>, then <start>, in whole seconds")
def block_start(document: Document) -> Iterator[Hit]:
    """Each IntervalBlock has interval/start"""
    return (Hit(b.line, f"{e.name()} has no interval/start") for e, b in _blocks(document) if b.start is None)


@rule("D042", 4, advice="let the block start with its first reading")
def block_starts_with_its_first_reading(document: Document) -> Iterator[Hit]:
    """Each IntervalBlock starts when its first reading starts"""
    for entry, block in _blocks(document):
        if block.start is not None and len(block.starts) and block.starts.min() != block.start:
            yield Hit(block.line, f"{entry.name()} starts at {block.start}, its first reading at {block.starts.min()}")


def _lacking(document: Document, part: str) -> Iterator[Hit]:
    for entry, block in _blocks(document):
        if not block.readings:
            yield Hit(block.line, f"{entry.name()} has no IntervalReading")
        for line, wrong in block.lacking:
            if wrong[part]:
                yield Hit(line, f"a reading's {part} is {wrong[part]}".replace("is missing", "is not there"))


@rule("D044", 4, advice="give each reading a timePeriod with its duration in whole seconds")
def reading_duration(document: Document) -> Iterator[Hit]:
    """Each IntervalReading has timePeriod/duration"""
    return _lacking(document, "timePeriod/duration")


@rule("D045", 4, advice="give each reading a timePeriod with its start in whole seconds since 1970 (UTC)")
def reading_start(document: Document) -> Iterator[Hit]:
    """Each IntervalReading has timePeriod/start"""
    return _lacking(document, "timePeriod/start")


@rule("D046", 4, advice="leave out a reading that has no value")
def reading_value(document: Document) -> Iterator[Hit]:
    """Each IntervalReading has a value"""
    return _lacking(document, "value")


@rule("D145", 4, advice="send each interval once")
def readings_differ(document: Document) -> Iterator[Hit]:
    """No two readings of an IntervalBlock start at the same time"""
    for entry, block in _blocks(document):
        starts = block.starts[block.order]
        for at in np.flatnonzero(np.diff(starts) == 0):
            line = int(block.lines[block.order[at + 1]])
            yield Hit(line, f"{entry.name()} has a second reading that starts at {starts[at]}")


@rule("D146", 4, scope="batch", advice="send each block once")
def blocks_differ(document: Document) -> Iterator[Hit]:
    """No two IntervalBlocks of a MeterReading start at the same time"""
    for reading, blocks in document.blocks_by_reading:
        for earlier, later in pairwise(blocks):
            if later.start is not None and later.start == earlier.start:
                yield Hit(later.line, f"{reading.name()} has a second block that starts at {later.start}")


def _blocks(document: Document) -> Iterator[tuple[Entry, Block]]:
    return ((entry, block) for entry, blocks in document.blocks for block in blocks)


def _hangs_under(document: Document, resource: str, parent: str) -> Iterator[Hit]:
    related = document.related_counts[parent]
    for entry in document.of(resource):
        count = related.get(entry.up_href or "", 0)
        if count != 1:
            yield Hit(entry.line, f"the up link of {entry.name()} is related to {count} {parent}s")
