"""How the resources of a feed hang together: usage point, meter reading, reading type, interval block.

Links say it: `self`, `up` and `related`. Custodians differ in which of them they write, with or without the host,
nested under the usage point or flat, therefore several ways are tried, and the order of the document only when none is
there.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from lxml import etree

from energygrid.metering.importers.espi_xml import child, line_of, local, text_of

_USAGE_POINT = re.compile(r"/UsagePoint/([^/]+)")
_CODE = re.compile(r"[+-]?[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class Links:
    """Paths without scheme, host and closing slash."""

    own: str
    up: str
    related: frozenset[str]

    def mentions(self, other: "Links") -> bool:
        """Whether one of the two names the other, or the collection that the other is in."""
        forward = other.own in self.related or other.up in self.related
        return bool(other.own) and (forward or (bool(self.own) and self.own in other.related))

    def is_under(self, other: "Links") -> bool:
        return bool(other.own) and (self.up or self.own).startswith(other.own + "/")


@dataclass(frozen=True, slots=True)
class Resource:
    """`at` is the number of the entry in the document; `codes` the numbers a ReadingType gives."""

    at: int
    row: int
    links: Links
    codes: dict[str, int] = field(default_factory=dict)
    service: int | None = None
    serial: str = ""
    points: frozenset[str] = frozenset()


@dataclass(slots=True)
class Graph:
    """The resources that say what readings are; of all others only how many there are."""

    points: list[Resource] = field(default_factory=list)
    readings: list[Resource] = field(default_factory=list)
    types: list[Resource] = field(default_factory=list)
    meters: list[Resource] = field(default_factory=list)
    devices: list[Resource] = field(default_factory=list)
    locations: list[Resource] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, at: int, entry: etree._Element) -> None:
        links = links_of(entry)
        for thing in contents(entry):
            kind = local(thing)
            self.counts[kind] += 1
            row = line_of(thing)
            if kind == "UsagePoint":
                self.points.append(Resource(at, row, links, service=code(text_of(thing, "ServiceCategory", "kind"))))
            elif kind == "MeterReading":
                self.readings.append(Resource(at, row, links))
            elif kind == "ReadingType":
                self.types.append(Resource(at, row, links, codes=_codes(thing)))
            elif kind in {"Meter", "EndDevice"}:
                devices = self.meters if kind == "Meter" else self.devices
                devices.append(Resource(at, row, links, serial=text_of(thing, "serialNumber")))
            elif kind == "ServiceLocation":
                self.locations.append(Resource(at, row, links, points=frozenset(_point_paths(thing))))

    def reading_of(self, at: int, block: Links) -> tuple[Resource | None, bool]:
        """The meter reading of an interval block, and whether that was guessed from the order of entries."""
        return _linked(block, at, self.readings)

    def type_of(self, reading: Resource) -> tuple[Resource | None, bool]:
        """The reading type of a meter reading."""
        linked = [t for t in self.types if reading.links.mentions(t.links) or t.links.mentions(reading.links)]
        if linked or len(self.types) == 1:
            return (linked or self.types)[0], not linked
        if not self.types:
            return None, True
        return min(self.types, key=lambda t: abs(t.at - reading.at)), True

    def point_of(self, reading: Resource) -> tuple[Resource | None, bool]:
        """The usage point of a meter reading."""
        return _linked(reading.links, reading.at, self.points)

    def meter_serial(self, point: Resource) -> str:
        """The serial number of the one meter, else the one end device, at a usage point that the same feed has."""
        return self._only_serial(point, self.meters) or self._only_serial(point, self.devices)

    def _only_serial(self, point: Resource, devices: list[Resource]) -> str:
        where = [place for place in self.locations if point.links.own and point.links.own in place.points]
        serials = {
            meter.serial
            for meter in devices
            for place in where
            if meter.serial and (meter.links.is_under(place.links) or meter.links.mentions(place.links))
        }
        return serials.pop() if len(serials) == 1 else ""


def _linked(links: Links, at: int, candidates: list[Resource]) -> tuple[Resource | None, bool]:
    for found in (
        [c for c in candidates if links.is_under(c.links)],
        [c for c in candidates if c.links.mentions(links) or links.mentions(c.links)],
    ):
        if found:
            return max(found, key=lambda c: len(c.links.own)), False
    before = [c for c in candidates if c.at <= at]
    return (before[-1] if before else None), True


def links_of(entry: etree._Element) -> Links:
    """Of several with the same relation the first is its own; all count as related."""
    own, up, related = "", "", set()
    for link in entry:
        if local(link) != "link":
            continue
        path = path_of(link.get("href", ""))
        relation = link.get("rel", "")
        if relation == "self":
            own = own or path
        elif relation == "up":
            up = up or path
        elif path:
            related.add(path)
    return Links(own, up, frozenset(related))


def path_of(href: str) -> str:
    """The path of a link; "" when it is not one."""
    try:
        parts = urlsplit(href.strip())
    except ValueError:
        return ""
    path = parts.path.rstrip("/")
    return path if not path or path.startswith("/") else "/" + path


def tail_of(path: str) -> str:
    return path.rpartition("/")[2]


def usage_point_in(paths: Iterable[str]) -> str:
    """The id of a usage point that stands in a path, for feeds that leave the usage point itself out."""
    return next((found[1] for path in paths if (found := _USAGE_POINT.search(path))), "")


def contents(entry: etree._Element) -> list[etree._Element]:
    """The resources in an entry; some custodians put several interval blocks into one."""
    content = child(entry, "content")
    return [] if content is None else [thing for thing in content if local(thing)]


def code(text: str) -> int | None:
    return int(text) if _CODE.fullmatch(text) else None


def _codes(reading_type: etree._Element) -> dict[str, int]:
    found = {local(element): code((element.text or "").strip()) for element in reading_type}
    return {name: number for name, number in found.items() if number is not None}


def _point_paths(location: etree._Element) -> Iterable[str]:
    points = child(location, "UsagePoints")
    return [] if points is None else [path_of(point.text or "") for point in points]
