"""Validation against the published schemas, with messages a person can act on."""

import re
import threading
from collections.abc import Iterable, Iterator
from typing import Any, Literal, cast

from lxml import etree

from energygrid.espi_schemas import schema
from energygrid.greenbutton.check.document import Document
from energygrid.greenbutton.check.rules import Hit, rule

_local = threading.local()

_NAME = re.compile(r"\{[^}]*\}")
_UNEXPECTED = re.compile(r"Element '(\S+?)': This element is not expected\.(?: Expected is (?:one of )?\( (.*?) \)\.)?")


@rule("X03", advice="write the element as the schema has it")
def valid(document: Document) -> Iterator[Hit]:
    """The document is valid under the schemas of ESPI 4.0 [NAESB REQ.21, XSD of 4.0.20231213]"""
    validator = _validator("4.0")
    if validator.validate(document.root):
        return
    for error in cast("Iterable[Any]", validator.error_log):
        yield Hit(error.line, _NAME.sub("", error.message), _advice(error.message))


@rule("X04", severity="warning", advice="give each link a type, such as espi-entry/UsagePoint")
def links_have_types(document: Document) -> Iterator[Hit]:
    """Each link has a type [Atom schema of the Green Button Alliance; EDDIE fails without it]"""
    for link in (*document.links, *(link for entry in document.entries for link in entry.links)):
        if link.type is None:
            yield Hit(link.line, f"the link rel={link.rel} to {link.href} has no type")


def _validator(version: Literal["4.0", "4.0-strict"]) -> etree.XMLSchema:
    """One for each thread: it keeps the log of its last run."""
    made: dict[str, etree.XMLSchema] = _local.__dict__.setdefault("validators", {})
    if version not in made:
        made[version] = schema(version)
    return made[version]


def _advice(message: str) -> str | None:
    if "demanded by the strict wildcard" in message:
        return "leave the element out: the schema takes none of other namespaces here"
    found = _UNEXPECTED.match(message)
    if found is None:
        return None
    name = _NAME.sub("", found[1])
    expected = [_NAME.sub("", each).strip() for each in (found[2] or "").split(",") if each.strip()]
    alike = [each for each in expected if each.lower() == name.lower()]
    if alike:
        return f"write {alike[0]}: names are case-sensitive"
    if expected:
        return f"the order of elements is part of the schema; at this place it takes {', '.join(expected)}"
    return f"{name} stands after its place in the schema's order, or too often"
