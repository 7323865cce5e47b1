"""Entries of Atom feeds, as values, and their XML.

A resource's content is an ordered tree, in the order that its schema demands; the same tree is written as XML here and
as JSON elsewhere. Source: contracts/greenbutton.md 2.1.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias
from xml.sax.saxutils import escape

ATOM = "http://www.w3.org/2005/Atom"
USAGE: Final = "http://naesb.org/espi"
CUSTOMER: Final = "http://naesb.org/espi/customer"

Namespace = Literal["http://naesb.org/espi", "http://naesb.org/espi/customer"]
Scalar: TypeAlias = str | int | bool
Content: TypeAlias = "tuple[tuple[str, Scalar | Content], ...]"
"""(element, value) pairs in schema order; a repeated element is repeated pairs; an absent one has no pair."""


@dataclass(frozen=True, slots=True)
class Link:
    rel: str
    href: str
    type: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource.

    resource   its name: UsagePoint, Customer, ...
    href, up   its own absolute URL, and that of the list it stands in
    published  when it could first be read here
    updated    when its content last changed
    """

    resource: str
    namespace: Namespace
    href: str
    up: str
    related: tuple[Link, ...]
    published: datetime
    updated: datetime
    content: Content

    @property
    def id(self) -> str:
        return urn(self.href)

    def links(self) -> tuple[Link, ...]:
        """Self first: more than one client takes the first link for it (contracts/greenbutton.md 6)."""
        family = "espi" if self.namespace == USAGE else "cust"
        own = Link("self", self.href, f"{family}-entry/{self.resource}")
        return (own, Link("up", self.up, f"{family}-feed/{self.resource}"), *self.related)


def urn(href: str) -> str:
    """The Atom id of a URL: UUID v5 of it, the same for ever."""
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, href)}"


def stamp(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def attribute(text: str) -> str:
    return escape(text, {'"': "&quot;"})


def xml_links(links: Sequence[Link]) -> str:
    return "".join(f'<link rel="{each.rel}" href="{attribute(each.href)}" type="{each.type}"/>' for each in links)


def xml_content(content: Content) -> str:
    return "".join(f"<{name}>{_xml_value(value)}</{name}>" for name, value in content)


def _xml_value(value: "Scalar | Content") -> str:
    if isinstance(value, tuple):
        return xml_content(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return escape(str(value))


def entry_head(entry: Entry) -> str:
    """Everything of an entry before the inside of its resource element."""
    return (
        f"<id>{entry.id}</id>{xml_links(entry.links())}<title>{entry.resource}</title>"
        f"<published>{stamp(entry.published)}</published><updated>{stamp(entry.updated)}</updated>"
        f'<content type="application/xml"><{entry.resource} xmlns="{entry.namespace}">'
    )


def entry_tail(resource: str) -> str:
    return f"</{resource}></content></entry>"


def xml_entry(entry: Entry) -> bytes:
    """An entry inside a feed."""
    return f"<entry>{entry_head(entry)}{xml_content(entry.content)}{entry_tail(entry.resource)}\n".encode()


def xml_entry_document(entry: Entry) -> bytes:
    """An entry that is a document by itself."""
    inside = f"{entry_head(entry)}{xml_content(entry.content)}{entry_tail(entry.resource)}"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<entry xmlns="{ATOM}">{inside}\n'.encode()


def xml_feed_head(title: str, href: str, kind: str, updated: datetime) -> bytes:
    """`href` is the URL that was asked for, with its query; `kind` the type of its self link."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="{ATOM}"><id>{urn(href)}</id>'
        f"<title>{escape(title)}</title><updated>{stamp(updated)}</updated>"
        f"{xml_links((Link('self', href, kind),))}\n"
    ).encode()


XML_FEED_TAIL = b"</feed>\n"
