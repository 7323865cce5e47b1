"""Atom entries out of a feed one by one: no document type, no entity, no network, bounded size and depth."""

from collections.abc import Iterator
from typing import BinaryIO, cast

from lxml import etree

from energygrid.errors import Invalid
from energygrid.metering.importers.options import ImportOptions

_ENTRY_BYTES = 64 << 20
"""One entry is held as a tree; a year of quarter hours is some 7 MB of text."""


class _Counted:
    """What iterparse reads from; counts, so that neither the file nor one entry can grow without end."""

    def __init__(self, source: BinaryIO, options: ImportOptions) -> None:
        self._source = source
        self._most = options.max_bytes
        self._total = 0
        self.since_entry = 0

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(min(size, 1 << 16) if size > 0 else 1 << 16)
        self._total += len(data)
        self.since_entry += len(data)
        if self._total > self._most:
            raise Invalid("FILE_TOO_LARGE", f"the file is larger than {self._most} bytes")
        if self.since_entry > _ENTRY_BYTES:
            raise Invalid("ENTRY_TOO_LARGE", f"an entry is longer than {_ENTRY_BYTES} bytes")
        return data


class Feed:
    """A feed, or one entry that stands alone. Iterate once; each entry is emptied when the next one is asked for.

    `skeleton` is, after the last entry, the feed without its entries; None when an entry stood alone.
    """

    def __init__(self, source: BinaryIO, options: ImportOptions) -> None:
        self._counted = _Counted(source, options)
        self.skeleton: etree._Element | None = None

    def __iter__(self) -> Iterator[etree._Element]:
        """Raises Invalid BAD_FILE for what is not well-formed, has a document type or is not Atom."""
        try:
            yield from self._entries()
        except etree.XMLSyntaxError as problem:
            line = problem.lineno or 0
            raise Invalid("BAD_FILE", f"the XML is broken at line {line}: {problem.msg}"[:300], line=line) from None

    def _entries(self) -> Iterator[etree._Element]:
        events = etree.iterparse(
            cast("BinaryIO", self._counted),
            events=("start", "end"),
            tag=("{*}feed", "{*}entry"),
            resolve_entities=False,
            load_dtd=False,
            no_network=True,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
        root: etree._Element | None = None
        for event, element in events:
            if root is None:
                root = element.getroottree().getroot()
                _check_root(root)
            if event == "start" or local(element) != "entry":
                continue
            if element is not root and element.getparent() is not root:
                continue
            self._counted.since_entry = 0
            yield element
            if element is not root:
                _drop(element)
        if root is None:
            _check_root(events.root)
        elif local(root) == "feed":
            self.skeleton = root


def _check_root(root: etree._Element) -> None:
    if root.getroottree().docinfo.internalDTD is not None:
        raise Invalid("BAD_FILE", "the XML has a document type, which is not accepted", line=1)
    if local(root) not in {"feed", "entry"}:
        raise Invalid("BAD_FILE", f"{local(root)[:64]!r} is not an Atom feed or entry", line=1)


def _drop(entry: etree._Element) -> None:
    """Takes out all entries up to this one; what else stands in the feed stays in its place."""
    parent = entry.getparent()
    assert parent is not None
    entry.clear()
    for earlier in list(entry.itersiblings("{*}entry", preceding=True)):
        parent.remove(earlier)


def local(element: etree._Element) -> str:
    """The name without its namespace; "" of what is no element."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def child(element: etree._Element | None, *path: str) -> etree._Element | None:
    """The first descendant along a path of names, in whatever namespace and, for the first letter, case."""
    for name in path:
        if element is None:
            return None
        element = next((c for c in element if local(c).lower() == name.lower()), None)
    return element


def text_of(element: etree._Element | None, *path: str) -> str:
    """Its text without space around it, "" when it is not there."""
    found = child(element, *path)
    return (found.text or "").strip() if found is not None else ""


def line_of(element: etree._Element) -> int:
    line = element.sourceline
    return line if isinstance(line, int) else 0
