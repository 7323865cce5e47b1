"""The resources of a feed that are no readings: bills, power quality, and who is supplied where and by whom.

Source: contracts/greenbutton.md 1.2 and 1.3.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from lxml import etree

from energygrid.metering.importers.espi_graph import Graph, Links, path_of, tail_of, usage_point_in
from energygrid.metering.importers.espi_xml import line_of, local
from energygrid.metering.importers.options import ImportOptions
from energygrid.metering.told import Told, Tree, Value, texts

USAGE = frozenset({"UsageSummary", "ElectricPowerUsageSummary", "ElectricPowerQualitySummary"})
CUSTOMER = frozenset(
    {
        "Customer",
        "CustomerAccount",
        "CustomerAgreement",
        "ServiceSupplier",
        "ProgramDateIdMappings",
        "ServiceLocation",
        "Meter",
        "EndDevice",
        "Statement",
    }
)
KINDS = USAGE | CUSTOMER
MOST = 100_000
"""Resources of one feed that are kept; they stand in memory together."""
_DEPTH = 12


@dataclass(slots=True)
class Collection:
    """Collects while the feed is surveyed; `told` when all of it is known."""

    found: list[tuple[str, int, Links, Tree]] = field(default_factory=list)
    left_out: int = 0

    def add(self, thing: etree._Element, links: Links) -> None:
        if local(thing) not in KINDS:
            return
        if len(self.found) >= MOST:
            self.left_out += 1
            return
        self.found.append((local(thing), line_of(thing), links, tree_of(thing)))

    def told(self, graph: Graph, options: ImportOptions) -> list[Told]:
        places = {
            links.own: _meters_of_place(graph, links, tree)
            for kind, _, links, tree in self.found
            if kind == "ServiceLocation"
        }
        return [
            Told(kind, row, links.own, _mapped(self._names(graph, kind, links, tree, places), options), tree)
            for kind, row, links, tree in self.found
        ]

    def _names(self, graph: Graph, kind: str, links: Links, tree: Tree, places: dict[str, list[str]]) -> Iterable[str]:
        if kind in USAGE:
            return _names_of_point(graph, links)
        serials = texts(tree, "serialNumber") or texts(tree, "name")
        own = serials if kind == "Meter" else []
        near = [name for path, names in places.items() if _is_near(links.own, path) for name in names]
        return [*own, *near]


def _is_near(path: str, place: str) -> bool:
    """Whether one of them belongs to the other, as agreement and place do, or place and device."""
    return bool(path and place) and (path == place or place.startswith(path + "/") or path.startswith(place + "/"))


def _names_of_point(graph: Graph, links: Links) -> list[str]:
    """Of a summary: path, id and serial number of the usage point that it stands under or is linked to."""
    number = usage_point_in([links.own, links.up, *sorted(links.related)])
    point = next((each for each in graph.points if links.is_under(each.links) or links.mentions(each.links)), None)
    if point is None:
        return [number]
    return [point.links.own, graph.meter_serial(point), tail_of(point.links.own), number]


def _meters_of_place(graph: Graph, links: Links, tree: Tree) -> list[str]:
    points = [path_of(each) for found in tree.get("UsagePoints", ()) for each in texts(found, "UsagePoint")]
    serials = [each.serial for each in graph.meters if each.serial and _is_near(each.links.own, links.own)]
    return [*points, *(serials if len(set(serials)) == 1 else ()), *map(tail_of, points)]


def _mapped(names: Iterable[str], options: ImportOptions) -> tuple[str, ...]:
    """What the sender's map says of the names first, then the names themselves."""
    there = [name for name in names if name]
    mapped = [options.meter_map[name] for name in there if name in options.meter_map]
    return tuple(dict.fromkeys([*mapped, *(name for name in there if "/" not in name)]))


def tree_of(element: etree._Element, depth: int = 0) -> Tree:
    """Elements deeper than any of the schema are left out."""
    tree: dict[str, tuple[Value, ...]] = {}
    for each in element:
        name = local(each)
        if not name or depth > _DEPTH:
            continue
        value: Value = tree_of(each, depth + 1) if len(each) else (each.text or "").strip()
        tree[name] = (*tree.get(name, ()), value)
    return tree
