"""ESPI ("Green Button") usage feeds, versions 3.3 and 4.0 (powerbox.md 4.5).

The file is read twice: first for the resources that say what the readings are, wherever in it they stand, then for the
readings. So a feed of any size is read in bounded memory, and nothing is handed on from a feed that breaks off. What it
says of bills and customers is handed on as it is written.
"""

from collections.abc import Iterator
from typing import BinaryIO

from energygrid.errors import Invalid
from energygrid.metering.importers.collect import Collector
from energygrid.metering.importers.espi_blocks import Blocks
from energygrid.metering.importers.espi_check import Checker, misspelt
from energygrid.metering.importers.espi_graph import Graph, contents, links_of
from energygrid.metering.importers.espi_told import KINDS, MOST, Collection
from energygrid.metering.importers.espi_xml import Feed, local
from energygrid.metering.importers.options import ImportOptions
from energygrid.metering.importers.sources import rewindable
from energygrid.metering.readings import Note, Parsed
from energygrid.metering.told import Told

NAME = "espi"

_USED = {"UsagePoint", "MeterReading", "ReadingType", "IntervalBlock", "LocalTimeParameters"}
_NAMESPACE = b"http://naesb.org/espi"
_ATOM = b"http://www.w3.org/2005/Atom"


def sniff(head: bytes, name: str) -> bool:
    """XML that names the ESPI or Atom namespace."""
    del name
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    return start == b"<" and (_NAMESPACE in head or _ATOM in head)


def parse(source: BinaryIO, options: ImportOptions) -> Iterator[Parsed]:
    """Line numbers are those of the XML. A source that cannot be rewound is copied first.

    Raises Invalid BAD_FILE when the XML is not well-formed, has a document type or is not Atom, and ENTRY_TOO_LARGE.
    """
    with rewindable(source, options) as text:
        start = text.tell()
        graph, notes, told = _survey(text, options)
        yield Parsed(notes=notes, told=told)
        text.seek(start)
        yield from _readings(text, graph, options)


def _readings(source: BinaryIO, graph: Graph, options: ImportOptions) -> Iterator[Parsed]:
    blocks = Blocks(graph, options, Collector(options))
    for at, entry in enumerate(Feed(source, options)):
        for thing in contents(entry):
            if local(thing) == "IntervalBlock":
                blocks.read(at, entry, thing)
                if blocks.out.full:
                    yield blocks.out.take()
    yield blocks.out.take(last=True)


def _survey(source: BinaryIO, options: ImportOptions) -> tuple[Graph, list[Note], list[Told]]:
    """Everything but the readings, and what is to be said about the feed as XML."""
    graph, notes, others = Graph(), list[Note](), Collection()
    checker = Checker() if options.check_schema else None
    feed = Feed(source, options)
    for at, entry in enumerate(feed):
        if checker is not None:
            notes += checker.notes(entry)
        for thing in contents(entry):
            if local(thing) == "UsagePoint":
                notes += misspelt(thing)
            others.add(thing, links_of(entry))
        graph.add(at, entry)
    if checker is not None:
        if feed.skeleton is not None:
            notes += checker.notes(feed.skeleton)
        notes += checker.close()
    return graph, notes + _left_over(graph, others), others.told(graph, options)


def _left_over(graph: Graph, others: Collection) -> list[Note]:
    """What nobody takes; raises Invalid BAD_FILE when there is nothing at all."""
    notes: list[Note] = []
    if not graph.counts:
        raise Invalid("BAD_FILE", "the feed has no entry with content", line=1)
    for kind, count in sorted(graph.counts.items()):
        if kind not in _USED | KINDS:
            notes.append(Note(0, "RESOURCE_NOT_IMPORTED", f"{count} x {kind}: not part of the readings"))
    if others.left_out:
        notes.append(Note(0, "RESOURCE_NOT_IMPORTED", f"{others.left_out} resources beyond the first {MOST}"))
    return notes
