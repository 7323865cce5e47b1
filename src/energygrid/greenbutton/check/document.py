"""A Green Button document, read safely: entries, links, and what points at what.

The reading is lenient, so that a document that breaks the schema can still be told what else is wrong with it.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from lxml import etree

from energygrid.greenbutton.atom import ATOM, CUSTOMER, USAGE
from energygrid.greenbutton.check.readings import Block, blocks_of, line_of

MAX_BYTES = 64 << 20
"""Ten years of 15-minute readings of one meter; a tree in memory takes some ten times the text."""

SUMMARIES = ("UsageSummary", "ElectricPowerUsageSummary")


class Unreadable(ValueError):
    """Not a document that may be read: the rule it breaks, the line and the reason."""

    def __init__(self, rule: str, line: int, message: str) -> None:
        super().__init__(rule, line, message)
        self.rule, self.line, self.message = rule, line, message


@dataclass(frozen=True, slots=True)
class Link:
    """None: the attribute is not there."""

    rel: str | None
    href: str | None
    type: str | None
    line: int


@dataclass(frozen=True)
class Entry:
    """One Atom entry.

    content   how many elements its content holds: 1 when all is well
    resource  local name of the first of them; "" without one
    body      that element
    """

    element: etree._Element
    links: tuple[Link, ...]
    content: tuple[etree._Element, ...]

    @property
    def line(self) -> int:
        return line_of(self.element)

    @property
    def body(self) -> etree._Element | None:
        return self.content[0] if self.content else None

    @cached_property
    def resource(self) -> str:
        return "" if self.body is None else etree.QName(self.body).localname

    @cached_property
    def namespace(self) -> str | None:
        return None if self.body is None else etree.QName(self.body).namespace

    def atom(self, name: str) -> str | None:
        """Text of a child of the entry; None when there is no such child."""
        return text_at(self.element, name, ATOM)

    def hrefs(self, rel: str) -> tuple[str, ...]:
        return tuple(link.href for link in self.links if link.rel == rel and link.href)

    @cached_property
    def self_href(self) -> str | None:
        return next(iter(self.hrefs("self")), None)

    @cached_property
    def up_href(self) -> str | None:
        return next(iter(self.hrefs("up")), None)

    @cached_property
    def related(self) -> frozenset[str]:
        return frozenset(self.hrefs("related"))

    def text(self, path: str) -> str | None:
        """Text at a path of names below the resource; None when it is not there."""
        return None if self.body is None else text_at(self.body, path, self.namespace or "")

    def integer(self, path: str) -> int | None:
        """The whole number at a path; None when there is none."""
        return as_integer(self.text(path))

    def at(self, path: str) -> etree._Element | None:
        return None if self.body is None else self.body.find(_qualified(path, self.namespace or ""))

    def name(self) -> str:
        """How messages name it."""
        title = self.resource or "entry"
        return f"{title} {self.self_href.rstrip('/').rsplit('/', 1)[-1]}" if self.self_href else title


class Document:
    """A parsed document.

    kind  feed   a feed of several resources, as batch, bulk and download answers are
          list   a feed of one resource, or of none, as the list endpoints answer
          entry  one entry by itself
          else the name of its root element
    """

    def __init__(self, root: etree._Element) -> None:
        self.root = root
        tag = etree.QName(root)
        elements = {"feed": root.findall(_qualified("entry", ATOM)), "entry": [root]}.get(tag.localname, [])
        self.entries = [_entry(element) for element in elements] if tag.namespace == ATOM else []
        self.is_feed = tag.namespace == ATOM and tag.localname == "feed"
        self.links = _links(root) if self.is_feed else ()
        self._by_resource: dict[str, list[Entry]] = defaultdict(list)
        for entry in self.entries:
            self._by_resource[entry.resource].append(entry)
        self.kind = self._kind(tag.localname)

    def _kind(self, root: str) -> str:
        if not self.is_feed:
            return root
        own = next((link.href or "" for link in self.links if link.rel == "self"), "")
        return "feed" if "/Batch/" in own or len(self._by_resource) > 1 else "list"

    @property
    def is_batch(self) -> bool:
        """Whether it is a feed of everything measured, to which the certification's data checks apply as a whole."""
        return self.kind == "feed" and not self.of_namespace(CUSTOMER)

    def atom(self, name: str) -> str | None:
        return text_at(self.root, name, ATOM)

    @property
    def resources(self) -> dict[str, int]:
        return {name or "(none)": len(entries) for name, entries in self._by_resource.items()}

    def of(self, *resources: str) -> Iterator[Entry]:
        for name in resources:
            yield from self._by_resource.get(name, ())

    def of_namespace(self, namespace: str) -> list[Entry]:
        return [entry for entry in self.entries if entry.namespace == namespace]

    @cached_property
    def self_counts(self) -> defaultdict[str, Counter[str]]:
        """By resource: how often each self link stands."""
        return self._count(lambda entry: entry.hrefs("self")[:1])

    @cached_property
    def related_counts(self) -> defaultdict[str, Counter[str]]:
        """By resource: how many entries of it name each href as related."""
        return self._count(lambda entry: entry.related)

    @cached_property
    def up_counts(self) -> defaultdict[str, Counter[str]]:
        return self._count(lambda entry: entry.hrefs("up")[:1])

    def _count(self, hrefs: Callable[[Entry], Iterable[str]]) -> defaultdict[str, Counter[str]]:
        found: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for entry in self.entries:
            found[entry.resource].update(hrefs(entry))
        return found

    def type_of(self, reading: Entry) -> Entry | None:
        """The ReadingType of a MeterReading."""
        return next((each for each in self.of("ReadingType") if each.self_href in reading.related), None)

    def point_of(self, child: Entry) -> Entry | None:
        """The UsagePoint under which a MeterReading or a summary hangs."""
        return next((each for each in self.of("UsagePoint") if child.up_href in each.related), None)

    def time_of(self, point: Entry) -> Entry | None:
        """The LocalTimeParameters of a UsagePoint."""
        return next((each for each in self.of("LocalTimeParameters") if each.self_href in point.related), None)

    @cached_property
    def blocks(self) -> tuple[tuple[Entry, tuple[Block, ...]], ...]:
        """Every IntervalBlock entry with its blocks, read once for all rules."""
        return tuple((entry, blocks_of(entry.content)) for entry in self.of("IntervalBlock"))

    @cached_property
    def blocks_by_reading(self) -> tuple[tuple[Entry, tuple[Block, ...]], ...]:
        """Every MeterReading with the blocks that hang under it, in order of time."""
        found: defaultdict[str | None, list[Block]] = defaultdict(list)
        for entry, blocks in self.blocks:
            found[entry.up_href].extend(blocks)
        return tuple(
            (
                reading,
                tuple(sorted((b for href in sorted(reading.related) for b in found.get(href, ())), key=_start)),
            )
            for reading in self.of("MeterReading")
        )


def read(data: bytes, *, max_bytes: int = MAX_BYTES) -> Document:
    """Parse without entities, document types, network or unbounded depth. Raises Unreadable."""
    if len(data) > max_bytes:
        raise Unreadable("X02", 0, f"the document has {len(data)} bytes, more than the {max_bytes} that are read")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise Unreadable("X01", error.lineno or 0, error.msg or "this is not XML") from error
    if cast("Any", root.getroottree().docinfo).doctype:
        raise Unreadable("X02", 1, "the document has a document type (DTD)")
    return Document(root)


def text_at(element: etree._Element, path: str, namespace: str) -> str | None:
    found = element.find(_qualified(path, namespace))
    return None if found is None else (found.text or "").strip()


def as_integer(text: str | None) -> int | None:
    try:
        return None if text is None else int(text)
    except ValueError:
        return None


def _qualified(path: str, namespace: str) -> str:
    return "/".join(f"{{{namespace}}}{name}" for name in path.split("/"))


def _start(block: Block) -> int:
    return block.start or 0


def _links(element: etree._Element) -> tuple[Link, ...]:
    return tuple(
        Link(link.get("rel"), link.get("href"), link.get("type"), line_of(link))
        for link in element.findall(_qualified("link", ATOM))
    )


def _entry(element: etree._Element) -> Entry:
    content = element.find(_qualified("content", ATOM))
    return Entry(element, _links(element), () if content is None else tuple(content))


__all__ = ["CUSTOMER", "MAX_BYTES", "SUMMARIES", "USAGE", "Block", "Document", "Entry", "Link", "Unreadable", "read"]
