"""The Atom envelope and the links, beyond what certification looks at."""

import re
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urlsplit

from lxml import etree

from energygrid.greenbutton.check.document import CUSTOMER, USAGE, Document, Link
from energygrid.greenbutton.check.readings import line_of
from energygrid.greenbutton.check.rules import Hit, rule

_URN = re.compile(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_ROOTS = {"feed", "entry", "ServiceStatus", "BatchList"}
_PREFIXES = {USAGE: "espi", CUSTOMER: "cust"}


@rule("A01", advice="send a feed, an entry, a ServiceStatus or a BatchList")
def known_root(document: Document) -> Iterator[Hit]:
    """The root element is one that Green Button answers with [ESPI use of Atom]"""
    name = etree.QName(document.root).localname
    if name not in _ROOTS:
        yield Hit(line_of(document.root), f"the root element is {name}")


@rule("A02", advice="put exactly one resource into the content of each entry")
def one_resource(document: Document) -> Iterator[Hit]:
    """Each entry holds exactly one resource, of one of the two namespaces [ESPI use of Atom]"""
    for entry in document.entries:
        if len(entry.content) != 1 and entry.resource != "IntervalBlock":
            yield Hit(entry.line, f"an entry holds {len(entry.content)} resources")
        elif entry.namespace not in _PREFIXES:
            yield Hit(entry.line, f"{entry.resource or 'an entry'} is not of the usage or the customer namespace")


@rule("A03", severity="warning", advice="write urn:uuid: and a UUID (version 5 of the self link) in lower case")
def ids_are_urns(document: Document) -> Iterator[Hit]:
    """Ids are urn:uuid: and a UUID in lower case [Green Button Alliance, persistent UUIDs]"""
    ids = [(entry.line, entry.atom("id")) for entry in document.entries]
    if document.is_feed:
        ids.append((line_of(document.root), document.atom("id")))
    for line, name in ids:
        if name is not None and not _URN.fullmatch(name):
            yield Hit(line, f"the id {name[:80]!r} is not a URN of a UUID")


@rule("A04", severity="warning", advice="write absolute URLs")
def absolute_links(document: Document) -> Iterator[Hit]:
    """Links are absolute URLs [ESPI use of Atom]"""
    for link in _all_links(document):
        if not link.href or not urlsplit(link.href).scheme:
            yield Hit(link.line, f"the link rel={link.rel} to {link.href!r} is not absolute")


@rule("A05", severity="warning", advice="let self be the up link, a slash and the id")
def self_below_up(document: Document) -> Iterator[Hit]:
    """The self link of an entry is its up link, a slash and its id [ESPI resource model]"""
    for entry in document.entries:
        if entry.self_href and entry.up_href:
            above, _, name = entry.self_href.rpartition("/")
            if above != entry.up_href or not name:
                yield Hit(entry.line, f"the self link {entry.self_href} is not below the up link {entry.up_href}")


@rule("A06", severity="warning", advice="write espi-entry/NAME, espi-feed/NAME, cust-entry/NAME or cust-feed/NAME")
def link_types_fit(document: Document) -> Iterator[Hit]:
    """Types of self and up links name their resource and its form [Green Button Alliance, Atom schema]"""
    for entry in document.entries:
        prefix = _PREFIXES.get(entry.namespace or "")
        for link in entry.links:
            form = {"self": "entry", "up": "feed"}.get(link.rel or "")
            if prefix and form and link.type and link.type != f"{prefix}-{form}/{entry.resource}":
                yield Hit(link.line, f"the {link.rel} link of a {entry.resource} has the type {link.type}")


@rule("A07", severity="warning", advice="write times of Atom in UTC: 2026-01-31T05:00:00Z")
def times_are_utc(document: Document) -> Iterator[Hit]:
    """Published and updated are instants in UTC, and nothing is updated before it is published [ESPI use of Atom]"""
    for entry in document.entries:
        published, updated = entry.atom("published"), entry.atom("updated")
        for name, text in (("published", published), ("updated", updated)):
            if text is not None and (_instant(text) is None or not text.endswith("Z")):
                yield Hit(entry.line, f"<{name}> of {entry.name()} is {text[:40]!r}")
        first, last = _instant(published), _instant(updated)
        if first and last and last < first:
            yield Hit(entry.line, f"{entry.name()} is updated before it is published")


@rule("A08", severity="note", advice="let <updated> of the feed be the latest of its entries")
def feed_is_as_new_as_its_entries(document: Document) -> Iterator[Hit]:
    """The feed is updated no earlier than any entry [RFC 4287; ESPI use of Atom]"""
    feed = _instant(document.atom("updated")) if document.is_feed else None
    latest = max(filter(None, (_instant(entry.atom("updated")) for entry in document.entries)), default=None)
    if feed and latest and feed < latest:
        yield Hit(0, f"the feed is of {feed.isoformat()}, an entry of {latest.isoformat()}")


@rule("A09", severity="warning", advice="add link rel=self with the URL that was asked for")
def feed_knows_itself(document: Document) -> Iterator[Hit]:
    """The feed has a self link [RFC 4287; ESPI use of Atom]"""
    if document.is_feed and not any(link.rel == "self" and link.href for link in document.links):
        yield Hit(0, "the feed has no link rel=self")


def _all_links(document: Document) -> Iterator[Link]:
    yield from document.links
    for entry in document.entries:
        yield from entry.links


def _instant(text: str | None) -> datetime | None:
    """None also for a time without a zone: it is no instant."""
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return found if found.tzinfo else None
