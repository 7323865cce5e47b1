"""Enumerations as closed lists.

The schemas let most coded elements be any number (or text) beside the listed codes, so that a unit of 9999 is valid.
The lists here are those same enumerations, read from the schemas, without the opening.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from lxml import etree

import energygrid.espi_schemas
from energygrid.greenbutton.check.document import CUSTOMER, USAGE, Document
from energygrid.greenbutton.check.readings import line_of
from energygrid.greenbutton.check.rules import Hit, rule

_XS = "{http://www.w3.org/2001/XMLSchema}"
_FILES = {USAGE: "espi.xsd", CUSTOMER: "customer.xsd"}


class Codes(NamedTuple):
    enumeration: str
    values: frozenset[str]


@rule("E01", advice="use a code of the enumeration")
def codes_are_listed(document: Document) -> Iterator[Hit]:
    """Each coded value is one that its enumeration lists [enumerations of the ESPI 4.0 schemas, taken as closed]"""
    for namespace in _FILES:
        for (parent, child), codes in coded(namespace).items():
            for element in document.root.iter(f"{{{namespace}}}{child}"):
                above = element.getparent()
                if above is None or etree.QName(above).localname != parent:
                    continue
                value = (element.text or "").strip()
                if value not in codes.values:
                    words = f"{parent}/{child} is {value[:40]!r}, which {codes.enumeration} does not list"
                    yield Hit(line_of(element), words, _advice(codes))


def _advice(codes: Codes) -> str:
    listed = sorted(codes.values, key=lambda each: (len(each), each))
    shown = ", ".join(listed[:30])
    return f"use one of {shown}{', ...' if len(listed) > 30 else ''}"


@cache
def coded(namespace: str) -> dict[tuple[str, str], Codes]:
    """(Name of the parent element, name of the coded element) to its codes, for the enumerations that are left open."""
    root = etree.parse(Path(energygrid.espi_schemas.__file__).parent / "4.0" / _FILES[namespace]).getroot()
    open_lists = {
        str(simple.get("name")): frozenset(str(each.get("value")) for each in simple.iter(f"{_XS}enumeration"))
        for simple in root.iter(f"{_XS}simpleType")
        if simple.get("name") and simple.find(f"{_XS}union") is not None
    }
    types = {str(each.get("name")): each for each in root.iterchildren(f"{_XS}complexType")}
    found: dict[tuple[str, str], Codes] = {}
    for parent in root.iter(f"{_XS}element"):
        inline = parent.find(f"{_XS}complexType")
        kind = types.get(_plain(parent.get("type"))) if inline is None else inline
        for child in [] if kind is None else _children(kind, types):
            enumeration = _plain(child.get("type"))
            if values := open_lists.get(enumeration):
                found[str(parent.get("name")), str(child.get("name"))] = Codes(enumeration, values)
    return found


def _children(kind: etree._Element, types: dict[str, etree._Element]) -> Iterator[etree._Element]:
    """Elements of a complex type: its own and those that it inherits."""
    for base in kind.iter(f"{_XS}extension"):
        inherited = types.get(_plain(base.get("base")))
        if inherited is not None:
            yield from _children(inherited, types)
    yield from kind.iter(f"{_XS}element")


def _plain(name: str | None) -> str:
    return (name or "").rsplit(":", 1)[-1]
