"""The resources of a feed that are no readings: bills, power quality, and who is supplied where and by whom.

Source: contracts/greenbutton.md 1.2 and 1.3.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from lxml import etree

from energygrid.metering.importers.espi_graph import Graph, Links, path_of, tail_of, usage_point_in
from energygrid.metering.importers.espi_xml import line_of, local
from energygrid.metering.importers.options import ImportOptions
from energygrid.metering.told import Told, Tree, Value, text, texts

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
        return [
            Told(kind, row, links.own, names, tree)
            for kind, row, links, tree in self.found
            for names in _names(graph, kind, links, tree, options.meter_map)
        ]


def _names(graph: Graph, kind: str, links: Links, tree: Tree, mapped: Mapping[str, str]) -> list[tuple[str, ...]]:
    """Of the one meter, or account, that a resource is about; of each where a place has several usage points."""
    own = [links.own, tail_of(links.own)]
    if kind in USAGE:
        return [_known_as(_names_of_point(graph, links), mapped)]
    if kind == "CustomerAccount":
        return [_known_as([text(tree, "accountId"), text(tree, "name")], mapped, own)]
    if kind in {"Meter", "EndDevice"}:
        serials = texts(tree, "serialNumber") or texts(tree, "name")
        return [_known_as(serials, mapped, own) if kind == "Meter" else _known_as([], mapped, [*own, *serials])]
    if kind == "ServiceLocation":
        points = [path_of(each) for found in tree.get("UsagePoints", ()) for each in texts(found, "UsagePoint")]
        return [_known_as([each, tail_of(each)], mapped, own) for each in points or [""]]
    return [_known_as([], mapped, own)]


def _names_of_point(graph: Graph, links: Links) -> list[str | None]:
    """Of a summary: path, id and serial number of the usage point that it stands under or is linked to."""
    number = usage_point_in([links.own, links.up, *sorted(links.related)])
    point = next((each for each in graph.points if links.is_under(each.links) or links.mentions(each.links)), None)
    if point is None:
        return [number]
    return [point.links.own, graph.meter_serial(point), tail_of(point.links.own), number]


def _known_as(
    names: Iterable[str | None], mapped: Mapping[str, str], only_mapped: Iterable[str] = ()
) -> tuple[str, ...]:
    """What the sender's map says of the names first, then those that are no paths. Some count only when mapped."""
    there = [name for name in names if name]
    found = [mapped[name] for name in (*there, *only_mapped) if name in mapped]
    return tuple(dict.fromkeys([*found, *(name for name in there if "/" not in name)]))


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
