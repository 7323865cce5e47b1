"""What a feed says otherwise than the published schemas: said in words, with the line, and no reason to refuse it."""

import re
from collections.abc import Iterable
from typing import Any, cast

from lxml import etree

from energygrid.espi_schemas import schema
from energygrid.metering.importers.espi_xml import line_of, local
from energygrid.metering.readings import Note

_MOST_NOTES = 100
_UNEXPECTED = "This element is not expected."
_VALUE = re.compile(r"(?s)(: |The value )'(?!cust:).*' is not ")
_NAMESPACE = re.compile(r"\{([^}]*)\}")
_SHORT = {
    "http://www.w3.org/2005/Atom": "atom:",
    "http://naesb.org/espi": "espi:",
    "http://naesb.org/espi/customer": "cust:",
    "http://purl.org/dc/elements/1.1/": "dc:",
}


class Checker:
    """Compares entries with schema 4.0 and, when they differ, with 3.3: either will do.

    Stops after a hundred different complaints; the feed goes on being read.
    """

    def __init__(self) -> None:
        self._new, self._old = schema("4.0"), schema("3.3")
        self._seen: set[str] = set()
        self.repeated = 0

    def notes(self, element: etree._Element) -> list[Note]:
        """Complaints not made before; one made before is only counted."""
        if len(self._seen) >= _MOST_NOTES or self._new.validate(element):
            return []
        problems = [(entry.line, entry.message) for entry in cast("Iterable[Any]", self._new.error_log)]
        if self._old.validate(element):
            return []
        notes = []
        for line, text in problems:
            message = _in_words(text)
            if message in self._seen:
                self.repeated += 1
                continue
            self._seen.add(message)
            notes.append(Note(line, "SCHEMA", message))
        return notes

    def close(self) -> list[Note]:
        if not self.repeated:
            return []
        return [Note(0, "SCHEMA", f"the complaints above are true of {self.repeated} more elements")]


def _in_words(message: str) -> str:
    """libxml2's sentence with short prefixes for the long namespaces, and without values that may be personal."""
    short = _NAMESPACE.sub(lambda found: _SHORT.get(found[1], f"{{{found[1]}}}"), message)
    if "'cust:" in short:
        short = _VALUE.sub(lambda found: ": its value is not " if found[1] == ": " else "The value is not ", short)
    return short.replace(_UNEXPECTED, f"{_UNEXPECTED[:-1]} here: its place or its spelling is wrong.")[:400]


def misspelt(point: etree._Element) -> list[Note]:
    """Elements of a UsagePoint that some custodians misspell; they are read all the same."""
    return [
        Note(
            line_of(element),
            "MISSPELT_ELEMENT",
            "ServiceDeliveryPoint is written serviceDeliveryPoint in the schema; it was read as that",
        )
        for element in point
        if local(element) == "ServiceDeliveryPoint"
    ]
