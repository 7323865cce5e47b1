"""FB_05 to FB_12 and FB_29: what is measured, and what it costs."""

from collections.abc import Iterator
from dataclasses import dataclass

from energygrid.greenbutton.check.document import Document, Entry
from energygrid.greenbutton.check.rules import Hit, add, rule


@dataclass(frozen=True, slots=True)
class Combination:
    """Codes that together say what a ReadingType is of; empty: any. `service` is that of the UsagePoint."""

    accumulation: frozenset[str] = frozenset()
    commodity: str = ""
    flow: str = ""
    measured: frozenset[tuple[str, str]] = frozenset()
    """Pairs of kind and uom."""
    service: str = ""

    def fits(self, kind: Entry, document: Document) -> bool:
        return (
            (not self.accumulation or kind.text("accumulationBehaviour") in self.accumulation)
            and (not self.commodity or kind.text("commodity") == self.commodity)
            and (not self.flow or kind.text("flowDirection") == self.flow)
            and (kind.text("kind"), kind.text("uom")) in self.measured
            and (not self.service or self.service in _services(kind, document))
        )


def _services(kind: Entry, document: Document) -> set[str | None]:
    """ServiceCategory/kind of the UsagePoints whose MeterReadings are of this ReadingType."""
    points = (document.point_of(each) for each in document.of("MeterReading") if kind.self_href in each.related)
    return {point.text("ServiceCategory/kind") for point in points if point}


def _electric(accumulation: str, flow: str, *measured: tuple[str, str], service: str = "") -> Combination:
    return Combination(frozenset(accumulation.split("|")), "1", flow, frozenset(measured), service)


_WH = ("12", "72")
DELIVERED = _electric("4", "1", _WH, service="0")
WATTS, VOLT_AMPERES, VARS = (_electric("12", "1", pair) for pair in (("37", "38"), ("12", "61"), ("12", "63")))
NET = _electric("4|1", "4", _WH)  # the published check asks for 1, the function block's description for 4
RECEIVED = _electric("4", "19", _WH)
REGISTER = _electric("1", "1", _WH)
GAS = Combination(
    frozenset("4"), "7", "1", frozenset({("12", "31"), ("12", "132"), ("12", "169"), ("58", "42"), ("58", "119")}), "1"
)
WATER = Combination(
    frozenset("4"), "9", "1", frozenset({("58", "128"), ("58", "119"), ("58", "42"), ("12", "128")}), "2"
)
TEMPERATURE = Combination(measured=frozenset({("46", "6")}))

_HAVE_IT: dict[str, tuple[int, Combination, str]] = {
    "D078": (5, DELIVERED, "energy delivered (accumulation 4, flow 1, kind 12, uom 72) of an electric UsagePoint"),
    "D071": (6, WATTS, "demand in W (accumulation 12, kind 37, uom 38)"),
    "D072": (6, VOLT_AMPERES, "demand in VA (accumulation 12, kind 12, uom 61)"),
    "D073": (6, VARS, "demand in var (accumulation 12, kind 12, uom 63)"),
    "D074": (7, NET, "net energy (flow 4, kind 12, uom 72)"),
    "D076": (8, RECEIVED, "energy received (accumulation 4, flow 19, kind 12, uom 72)"),
    "D077": (9, REGISTER, "register reads (accumulation 1, flow 1, kind 12, uom 72)"),
    "D079": (10, GAS, "gas in therms, J, BTU, m3 or ft3 (accumulation 4, commodity 7) of a gas UsagePoint"),
    "D080": (11, WATER, "water in US gallons, ft3 or m3 (accumulation 4, commodity 9) of a water UsagePoint"),
    "D147": (29, TEMPERATURE, "temperatures in kelvin (kind 46, uom 6)"),
}  # fmt: skip


def has(document: Document, combination: Combination) -> bool:
    return any(combination.fits(kind, document) for kind in document.of("ReadingType"))


def _demand(number: str, block: int, combination: Combination, words: str) -> None:
    def check(document: Document) -> Iterator[Hit]:
        if not has(document, combination):
            yield Hit(0, f"no ReadingType is of {words}")

    text = f"the feed has a ReadingType of {words}"
    add(number, block, text, "correct the codes of the ReadingType", check, scope="batch")


for _number, (_block, _combination, _words) in _HAVE_IT.items():
    _demand(_number, _block, _combination, _words)


@rule("D064", 5, advice="write phase: 0 when it is not known, 769 for a US split phase service")
def phase(document: Document) -> Iterator[Hit]:
    """Each ReadingType of electricity (commodity 1) has a phase"""
    for kind in document.of("ReadingType"):
        if kind.text("commodity") == "1" and not kind.text("phase"):
            yield Hit(kind.line, f"{kind.name()} has no phase")


@rule("D043", 12, advice="write the cost of each reading, in hundred-thousandths of the currency")
def cost(document: Document) -> Iterator[Hit]:
    """Each IntervalBlock has readings with a cost"""
    for entry, blocks in document.blocks:
        if not any(block.costs for block in blocks):
            yield Hit(entry.line, f"{entry.name()} has no cost")


@rule("D058", 12, advice="write the currency's ISO 4217 number: 840 for USD, 124 for CAD")
def currency(document: Document) -> Iterator[Hit]:
    """Each ReadingType has a currency"""
    for kind in document.of("ReadingType"):
        if not kind.text("currency"):
            yield Hit(kind.line, f"{kind.name()} has no currency")
