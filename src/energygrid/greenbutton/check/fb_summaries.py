"""FB_15, 16, 27 and 28, usage summaries, and FB_17, power quality."""

from collections.abc import Iterator

from energygrid.greenbutton.check.document import SUMMARIES, Document
from energygrid.greenbutton.check.rules import Hit, add, atom_part, exists, present, rule, unique_self

_SUMMARY = "|".join(SUMMARIES)
_QUALITY = "ElectricPowerQualitySummary"

exists("D083", 15, _SUMMARY)
for _number, _part in {
    "D082": "id", "D084": "title", "D085": "self", "D087": "up", "D101": "published", "D102": "updated",
}.items():  # fmt: skip
    atom_part(_number, 15, _SUMMARY, _part)
unique_self("D086", 15, _SUMMARY)
for _number, _path in {
    "D089": "billingPeriod/duration", "D090": "billingPeriod/start", "D081": "overallConsumptionLastPeriod",
    "D099": "qualityOfReading", "D100": "statusTimeStamp",
}.items():  # fmt: skip
    present(_number, 15, _SUMMARY, _path)
for _number, _path in {"D091": "billLastPeriod", "D093": "costAdditionalLastPeriod", "D094": "currency"}.items():
    present(_number, 16, _SUMMARY, _path)
present("D092", 28, _SUMMARY, "billToDate")
for _number, _path in {
    "D103": "ratchetDemand", "D104": "ratchetDemandPeriod", "D105": "peakDemand",
    "D106": "currentDayOverallConsumption", "D107": "previousDayOverallConsumption",
}.items():  # fmt: skip
    present(_number, 27, _SUMMARY, _path)


def _complete(number: str, block: int, path: str, *parts: str) -> None:
    """Register the rule that `path`, where a summary has it, has `parts`."""

    def check(document: Document) -> Iterator[Hit]:
        for summary in document.of(*SUMMARIES, _QUALITY):
            for part in parts:
                if summary.at(path) is not None and not summary.text(f"{path}/{part}"):
                    yield Hit(summary.line, f"{summary.name()} has a {path} without {part}")

    text = f"{path} has {' and '.join(parts)}"
    add(number, block, text, f"write {' and '.join(parts)} into {path}", check)


_CURRENT = "currentBillingPeriodOverAllConsumption"
for _number, _part in {"D095": "powerOfTenMultiplier", "D096": "timeStamp", "D097": "uom", "D098": "value"}.items():
    _complete(_number, 15, _CURRENT, _part)
for _number, _path in {
    "D108": "ratchetDemand", "D110": "peakDemand", "D111": "currentDayOverallConsumption",
    "D112": "previousDayOverallConsumption",
}.items():  # fmt: skip
    _complete(_number, 27, _path, "powerOfTenMultiplier", "uom")
_complete("D109", 27, "ratchetDemandPeriod", "duration", "start")
_complete("D134", 17, "summaryInterval", "duration", "start")

exists("D126", 17, _QUALITY)
for _number, _part in {
    "D128": "id", "D127": "title", "D129": "self", "D130": "up", "D131": "published", "D132": "updated",
}.items():  # fmt: skip
    atom_part(_number, 17, _QUALITY, _part)
unique_self("D133", 17, _QUALITY)
for _at, _path in enumerate((
    "flickerPlt", "flickerPst", "harmonicVoltage", "longInterruptions", "mainsVoltage", "powerFrequency",
    "rapidVoltageChanges", "shortInterruptions", "summaryInterval", "supplyVoltageDips", "supplyVoltageImbalance",
    "supplyVoltageVariations", "tempOvervoltage",
)):  # fmt: skip
    present(f"D{113 + _at}", 17, _QUALITY, _path)


@rule("D088", 15, scope="batch", advice="make up equal, to the character, to a related link of its UsagePoint")
def summary_under_a_point(document: Document) -> Iterator[Hit]:
    """The up link of each UsageSummary is a related link of exactly one UsagePoint"""
    related = document.related_counts["UsagePoint"]
    for summary in document.of(*SUMMARIES):
        count = related.get(summary.up_href or "", 0)
        if count != 1:
            yield Hit(summary.line, f"the up link of {summary.name()} is related to {count} UsagePoints")
