"""FB_13 and FB_64: what a document must not give away."""

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from urllib.parse import unquote, urlsplit

from energygrid.greenbutton.check.document import CUSTOMER, USAGE, Document, Entry, Link
from energygrid.greenbutton.check.readings import line_of
from energygrid.greenbutton.check.rules import Hit, rule

_PERSONAL = {"accountId", "agreementId", "customerName", "email1", "email2", "addressGeneral", "localNumber"}
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.\w+")
_OWN_MACHINE = re.compile(r"\s*http://(127\.0\.0\.1|\[::1\]|localhost)[:/]")
_LEAST_PERSONAL = 6
_IDENTIFIED = {"UsagePoint", "MeterReading", "Authorization", "Customer", "CustomerAccount", "CustomerAgreement"}


@rule("TC010", 13, advice="use opaque ids, and the name of the resource as title")
def nothing_personal_in_names(document: Document) -> Iterator[Hit]:
    """No id, link or title holds a name, address, account number or e-mail address [certification test TC010]"""
    known = _values(document, _PERSONAL)
    for entry in document.entries:
        for what, text in _names(entry):
            plain = unquote(text).lower()
            if _EMAIL.search(plain):
                yield Hit(entry.line, f"the {what} of {entry.name()} holds an e-mail address")
            for kind, value in known:
                if value in plain:
                    yield Hit(entry.line, f"the {what} of {entry.name()} holds the {kind} of the customer")


def _names(entry: Entry) -> Iterator[tuple[str, str]]:
    yield "id", entry.atom("id") or ""
    yield "title", entry.atom("title") or ""
    for href in (entry.self_href, entry.up_href):
        yield "link", href or ""


@rule("P04", 13, severity="warning", advice="use opaque ids")
def no_meter_numbers_in_names(document: Document) -> Iterator[Hit]:
    """No id, link or title holds the serial number of a device [sense: it is read off the outside of a house]"""
    for kind, value in _values(document, {"serialNumber"}):
        for entry in document.entries:
            if any(value in unquote(text).lower() for _, text in _names(entry)):
                yield Hit(entry.line, f"{entry.name()} holds the {kind} of a device")


def _values(document: Document, names: AbstractSet[str]) -> set[tuple[str, str]]:
    """What the document itself says of these, in lower case; short values are too often found by chance."""
    values = set()
    for name in names:
        for element in document.root.iter(f"{{{CUSTOMER}}}{name}"):
            value = (element.text or "").strip().lower()
            if len(value) >= _LEAST_PERSONAL:
                values.add((name, value))
    return values


@rule("P01", 13, advice="send what is measured and who the customer is in feeds of their own")
def apart(document: Document) -> Iterator[Hit]:
    """Usage and personal data stand in different feeds [ESPI: one namespace a feed]"""
    if document.of_namespace(CUSTOMER) and document.of_namespace(USAGE):
        other = document.of_namespace(CUSTOMER)[0]
        yield Hit(other.line, f"{other.resource} stands in a feed of usage data")


@rule("P02", 13, severity="warning", advice="write https URLs")
def https_everywhere(document: Document) -> Iterator[Hit]:
    """Every URL is https, but for a program on its own machine that is redirected to itself [function block 13]"""
    plain: dict[str, list[Link]] = {}
    for link in (link for entry in document.entries for link in entry.links):
        parts = urlsplit(link.href or "")
        if parts.scheme == "http":
            plain.setdefault(parts.netloc, []).append(link)
    for host, links in plain.items():
        first = links[0]
        yield Hit(first.line, f"{len(links)} links lead to http://{host}, the first (rel={first.rel}) to {first.href}")
    for entry in document.entries:
        if entry.resource in {"ApplicationInformation", "Authorization"} and entry.body is not None:
            for element in entry.body.iter():
                if (element.text or "").strip().startswith("http://") and not _OWN_MACHINE.match(element.text or ""):
                    yield Hit(line_of(element), f"{entry.resource} names {(element.text or '').strip()}")


@rule("P03", 13, severity="warning", advice="make ids of at least 12 hexadecimal or 15 decimal digits, at random")
def ids_cannot_be_guessed(document: Document) -> Iterator[Hit]:
    """Ids of what belongs to a customer have at least 48 bits [function block 13: 12 hexadecimal characters]"""
    for entry in document.entries:
        name = (entry.self_href or "").rstrip("/").rsplit("/", 1)[-1]
        if entry.resource in _IDENTIFIED and name and _bits(name) < 48:
            yield Hit(entry.line, f"the id {name} of a {entry.resource} has fewer than 48 bits")


def _bits(name: str) -> float:
    plain = name.replace("-", "")
    if plain.isdecimal():
        return len(plain) * 3.33
    return len(plain) * (4 if re.fullmatch(r"[0-9a-fA-F]+", plain) else 6)
