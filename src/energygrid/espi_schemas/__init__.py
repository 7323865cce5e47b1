"""The published XML schemas of ESPI ("Green Button"), as files beside this one.

4.0         NAESB ESPI and Retail Customer 4.0.20231213, with the Atom schema of the OpenESPI project
4.0-strict  the same, and every link must say its type, as the Green Button Alliance's checks want: for what we send
3.3         version 3.3, still sent by many; it lacks Statement

Copyright North American Energy Standards Board, Apache License 2.0: the notice stands at the head of each file. Only
the schemaLocation of their imports was changed, so that nothing is fetched. `xml.xsd` and `greenbutton-all.xsd`, which
brings the three namespaces together, are ours.
"""

from pathlib import Path
from typing import Literal

from lxml import etree

Version = Literal["3.3", "4.0", "4.0-strict"]


def schema(version: Version) -> etree.XMLSchema:
    """A validator of Atom feeds and entries with usage or customer content; takes some 50 ms to build.

    A validator keeps the log of its last run: give each thread its own.
    """
    parser = etree.XMLParser(no_network=True, resolve_entities=False, load_dtd=False)
    return etree.XMLSchema(etree.parse(Path(__file__).parent / version / "greenbutton-all.xsd", parser))
