"""What programs that read Green Button need beyond the standard: each rule names the client that fails without it."""

import re
from collections.abc import Iterator

from energygrid.greenbutton.check.document import SUMMARIES, USAGE, Document
from energygrid.greenbutton.check.readings import line_of
from energygrid.greenbutton.check.rules import Hit, rule

_DECIMAL = re.compile(r"[0-9]+")
_PARENTS = {**dict.fromkeys((*SUMMARIES, "ElectricPowerQualitySummary"), "UsagePoint"), "IntervalBlock": "MeterReading"}


@rule("K01", severity="warning", advice="write link rel=self first")
def self_comes_first(document: Document) -> Iterator[Hit]:
    """The first link of each entry is self [SEED]"""
    for entry in document.entries:
        if entry.links and entry.links[0].rel != "self":
            yield Hit(entry.line, f"the first link of {entry.name()} is {entry.links[0].rel}")


@rule("K02", severity="warning", advice="write one IntervalBlock per entry, one local day each")
def one_block_per_entry(document: Document) -> Iterator[Hit]:
    """Each entry holds one IntervalBlock [most clients read the first one alone]"""
    for entry, blocks in document.blocks:
        if len(blocks) > 1:
            yield Hit(entry.line, f"{entry.name()} holds {len(blocks)} blocks, of which many clients read the first")


@rule("K03", severity="note", advice="make ids of MeterReadings of digits alone")
def decimal_reading_ids(document: Document) -> Iterator[Hit]:
    """Ids of MeterReadings are digits [SEED matches MeterReading/ and digits, and reads nothing else]"""
    for reading in document.of("MeterReading"):
        name = (reading.self_href or "").rsplit("/", 1)[-1]
        if not _DECIMAL.fullmatch(name):
            yield Hit(reading.line, f"the id {name!r} is not of digits alone")


@rule("K04", severity="note", advice='write <UsagePoint xmlns="http://naesb.org/espi"> rather than <espi:UsagePoint>')
def no_prefixes(document: Document) -> Iterator[Hit]:
    """Resources are written without prefixes [SEED and others match literal names]"""
    for entry in document.entries:
        if entry.body is not None and entry.body.prefix:
            yield Hit(entry.line, f"{entry.resource} is written with the prefix {entry.body.prefix}")
            return


@rule("K05", severity="note", advice="relate each block to its MeterReading, each summary to its UsagePoint")
def related_to_the_parent(document: Document) -> Iterator[Hit]:
    """IntervalBlocks are related to their MeterReading, summaries to their UsagePoint [Open Green Button]"""
    for entry in document.entries:
        parent = _PARENTS.get(entry.resource)
        if parent and entry.namespace == USAGE and not _above(entry.up_href) & entry.related:
            yield Hit(entry.line, f"{entry.name()} is not related to its {parent}")


@rule("K06", severity="warning", advice="let the title be the name of the resource")
def title_is_the_resource(document: Document) -> Iterator[Hit]:
    """The title of an entry is the name of its resource [EDDIE]"""
    for entry in document.entries:
        title = entry.atom("title")
        if title is not None and title != entry.resource:
            yield Hit(entry.line, f"the title of a {entry.resource} is {title[:60]!r}")


@rule("K07", severity="note", advice="write the currency into each ReadingType, with or without costs")
def types_have_a_currency(document: Document) -> Iterator[Hit]:
    """Each ReadingType has a currency [Home Assistant Green Button]"""
    for kind in document.of("ReadingType"):
        if not kind.text("currency"):
            yield Hit(kind.line, f"{kind.name()} has no currency")


@rule("K08", severity="warning", advice="give each entry link rel=self and link rel=up")
def entries_have_self_and_up(document: Document) -> Iterator[Hit]:
    """Each entry has a self and an up link [EDDIE]"""
    for entry in document.entries:
        for rel in ("self", "up"):
            if not entry.hrefs(rel):
                yield Hit(entry.line, f"{entry.name()} has no link rel={rel}")


@rule("K09", severity="note", advice="write the ReadingType's entry before that of its MeterReading")
def types_come_first(document: Document) -> Iterator[Hit]:
    """A ReadingType stands before its MeterReading [eemeter]"""
    before: set[str | None] = set()
    own = document.self_counts["ReadingType"]
    for entry in document.entries:
        if entry.resource == "ReadingType":
            before.add(entry.self_href)
        elif entry.resource == "MeterReading" and any(href in own and href not in before for href in entry.related):
            yield Hit(entry.line, f"{entry.name()} stands before its ReadingType")


@rule("K10", severity="note", advice='write type="application/xml"')
def content_types(document: Document) -> Iterator[Hit]:
    """The content of an entry has a type, which is an XML media type [RFC 4287; feedparser]"""
    for entry in document.entries:
        content = entry.element.find("{http://www.w3.org/2005/Atom}content")
        kind = None if content is None else content.get("type")
        if content is not None and kind is not None and not re.fullmatch(r"(application|text)/(\S+\+)?xml", kind):
            yield Hit(line_of(content), f"the content has the type {kind}")
            return


def _above(href: str | None) -> set[str]:
    """The resource that a list belongs to: its URL without the list's name."""
    return {(href or "").rpartition("/")[0]}
