"""Documents that third parties send: ApplicationInformation and Authorization, bare or in an Atom entry."""

import threading
from dataclasses import dataclass

from lxml import etree

from energygrid.errors import Invalid
from energygrid.espi_schemas import schema
from energygrid.greenbutton.atom import ATOM, USAGE

_LOCAL = threading.local()


@dataclass(frozen=True, slots=True)
class Fields:
    """The elements of a resource that hold text, in order."""

    pairs: tuple[tuple[str, str], ...]

    def one(self, name: str) -> str | None:
        """None when the element is absent or empty."""
        return next((value for each, value in self.pairs if each == name and value), None)

    def all(self, name: str) -> list[str]:
        return [value for each, value in self.pairs if each == name and value]

    def number(self, name: str) -> int | None:
        value = self.one(name)
        return None if value is None else int(value)


def read_resource(body: bytes, name: str) -> Fields:
    """The resource that was sent; raises Invalid("BAD_DOCUMENT") for what the ESPI schema refuses."""
    parser = etree.XMLParser(no_network=True, resolve_entities=False, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise Invalid("BAD_DOCUMENT", f"the body is not XML: {error}") from error
    found = root if root.tag == f"{{{USAGE}}}{name}" else root.find(f"{{{ATOM}}}content/{{{USAGE}}}{name}")
    if found is None:
        raise Invalid("BAD_DOCUMENT", f"the body is neither an ESPI {name} nor an Atom entry with one")
    try:
        _validator().assertValid(etree.fromstring(etree.tostring(found), parser))
    except etree.DocumentInvalid as error:
        raise Invalid("BAD_DOCUMENT", str(error)) from error
    children = (child for child in found if isinstance(child.tag, str) and not len(child))
    return Fields(tuple((etree.QName(child).localname, (child.text or "").strip()) for child in children))


def _validator() -> etree.XMLSchema:
    """One for each thread: it keeps the log of its last run."""
    if not hasattr(_LOCAL, "schema"):
        _LOCAL.schema = schema("4.0")
    found: etree.XMLSchema = _LOCAL.schema
    return found
