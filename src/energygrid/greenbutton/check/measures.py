"""Whether units, services and bills agree with each other."""

from collections.abc import Iterator

import numpy as np

from energygrid.greenbutton.check.document import SUMMARIES, Document, Entry
from energygrid.greenbutton.check.rules import Hit, rule

_ENERGY = {"31", "71", "72", "73", "132", "169"}
_VOLUME = {"42", "119", "120", "128", "130", "134", "156", "157", "166", "167"}
_UNITS = {
    "12": _ENERGY | {"61", "63", "128"},  # 12 with VA or var is demand, as the certification has it
    "58": _VOLUME,
    "46": {"6", "23", "25"},
    "37": {"38", "61", "63"},
}
_SERVICES = {"0": {"1", "2", "26", "0"}, "1": {"7", "8", "5", "0"}, "2": {"9", "11", "14", "0"}}
_CURRENT_CHARGES = {"1", "2", "3", "4", "5", "6", "7", "8"}
_TOLERANCE = 0.01


@rule(
    "S12",
    severity="warning",
    advice="choose kind and uom that go together: energy in Wh, therm, J; volume in m3, ft3, gal",
)
def units_fit_the_kind(document: Document) -> Iterator[Hit]:
    """The unit of a ReadingType is one of what it measures [ESPI: ReadingType]"""
    for kind in document.of("ReadingType"):
        wanted, unit = _UNITS.get(kind.text("kind") or ""), kind.text("uom")
        if wanted and unit and unit not in wanted:
            yield Hit(kind.line, f"{kind.name()} has the kind {kind.text('kind')} and the uom {unit}")


@rule("S13", severity="warning", advice="ServiceCategory 0 goes with commodity 1, 1 with 7, 2 with 9")
def commodity_fits_the_service(document: Document) -> Iterator[Hit]:
    """The commodity of a ReadingType is that of its UsagePoint's service [ESPI: ServiceKind, CommodityKind]"""
    for reading in document.of("MeterReading"):
        kind, point = document.type_of(reading), document.point_of(reading)
        if kind is None or point is None or kind.text("kind") == "46":
            continue
        service, commodity = point.text("ServiceCategory/kind") or "", kind.text("commodity")
        if commodity and commodity not in _SERVICES.get(service, {commodity}):
            yield Hit(kind.line, f"{kind.name()} has the commodity {commodity} at a UsagePoint of service {service}")


@rule("S14", severity="note", advice="nothing, if the bill rests on other reads than the intervals")
def summaries_agree_with_intervals(document: Document) -> Iterator[Hit]:
    """The consumption of a summary is the sum of the period's intervals, to a hundredth, where they cover it [sense]"""
    for summary in document.of(*SUMMARIES):
        billed, period = _amount(summary, "overallConsumptionLastPeriod"), _period(summary)
        if billed is None or period is None:
            continue
        unit = summary.text("overallConsumptionLastPeriod/uom")
        measured = _consumption(document, summary, unit, *period)
        if measured is not None and abs(measured - billed) > _TOLERANCE * max(abs(billed), 1.0):
            yield Hit(summary.line, f"{summary.name()} says {billed:g}, its intervals {measured:g} (uom {unit})")


@rule("S15", severity="note", advice="list every charge as a line, or say with the utility what is left out")
def lines_add_up(document: Document) -> Iterator[Hit]:
    """Charges and credits add up to billLastPeriod, or to costAdditionalLastPeriod if intervals have costs [sense]"""
    for summary in document.of(*SUMMARIES):
        bill, additional = summary.integer("billLastPeriod"), summary.integer("costAdditionalLastPeriod")
        body = summary.body
        lines = [] if body is None else body.findall(f"{{{summary.namespace}}}costAdditionalDetailLastPeriod")
        amounts = [
            (int(line.findtext("{*}amount") or 0), int(line.findtext("{*}rounding") or 0))
            for line in lines
            if line.findtext("{*}itemKind") in _CURRENT_CHARGES and _is_whole(line.findtext("{*}amount"))
        ]
        total = sum(amount + rounding for amount, rounding in amounts)
        if bill is not None and amounts and total not in {bill, additional}:
            yield Hit(summary.line, f"the lines of {summary.name()} add up to {total}, the bill is {bill}")


def _consumption(document: Document, summary: Entry, unit: str | None, start: int, end: int) -> float | None:
    """What the forward series of the summary's UsagePoint measured; None unless they cover the period."""
    total, found = 0.0, False
    for reading, blocks in document.blocks_by_reading:
        kind = document.type_of(reading)
        fits = kind is not None and kind.text("uom") == unit and kind.text("accumulationBehaviour") == "4"
        if kind is None or not fits or kind.text("flowDirection") != "1":
            continue
        if document.point_of(reading) is not document.point_of(summary) or not blocks:
            continue
        starts, durations, values = (
            np.concatenate([getattr(block, name) for block in blocks]) for name in ("starts", "durations", "values")
        )
        inside = (starts >= start) & (starts + durations <= end)
        if found or int(durations[inside].sum()) != end - start:
            return None
        total, found = float(values[inside].sum()) * 10.0 ** (kind.integer("powerOfTenMultiplier") or 0), True
    return total if found else None


def _amount(summary: Entry, path: str) -> float | None:
    value = summary.integer(f"{path}/value")
    return None if value is None else value * 10.0 ** (summary.integer(f"{path}/powerOfTenMultiplier") or 0)


def _period(summary: Entry) -> tuple[int, int] | None:
    start, duration = summary.integer("billingPeriod/start"), summary.integer("billingPeriod/duration")
    return None if start is None or duration is None else (start, start + duration)


def _is_whole(text: str | None) -> bool:
    return (text or "").strip().lstrip("-").isdecimal()
