"""Function blocks: their names, and what in a document says that it means to be of one."""

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial

from energygrid.greenbutton.check import fb_measured as measured
from energygrid.greenbutton.check.document import CUSTOMER, SUMMARIES, Document
from energygrid.greenbutton.check.fb_measured import Combination

Shown = Callable[[Document], bool]


@dataclass(frozen=True, slots=True)
class FunctionBlock:
    """
    shown     whether a document has data of the block
    optional  data of it in some entries and not in others is no fault: the block does not pass, and a note says why
    """

    number: int
    name: str
    shown: Shown
    optional: bool = False


def _of(combination: Combination) -> Shown:
    return partial(_measures, combination)


def _measures(combination: Combination, document: Document) -> bool:
    return measured.has(document, combination)


def _resource(*names: str) -> Shown:
    return lambda document: any(document.of(*names))


def _summary(*paths: str) -> Shown:
    return lambda document: any(each.at(path) is not None for each in document.of(*SUMMARIES) for path in paths)


def _field(resource: str, *paths: str) -> Shown:
    return lambda document: any(each.at(path) is not None for each in document.of(resource) for path in paths)


def _demand(document: Document) -> bool:
    return any(measured.has(document, each) for each in (measured.WATTS, measured.VOLT_AMPERES, measured.VARS))


BLOCKS = {
    block.number: block
    for block in (
        FunctionBlock(1, "Usage data common", _resource("UsagePoint", "MeterReading", *SUMMARIES)),
        FunctionBlock(4, "Interval metering", _resource("MeterReading", "ReadingType", "IntervalBlock")),
        FunctionBlock(5, "Electricity intervals", _of(measured.DELIVERED)),
        FunctionBlock(6, "Demand", _demand, optional=True),
        FunctionBlock(7, "Net metering", _of(measured.NET)),
        FunctionBlock(8, "Forward and reverse metering", _of(measured.RECEIVED)),
        FunctionBlock(9, "Register reads", _of(measured.REGISTER)),
        FunctionBlock(10, "Gas intervals", _of(measured.GAS)),
        FunctionBlock(11, "Water intervals", _of(measured.WATER)),
        FunctionBlock(
            12, "Cost of interval data", lambda each: any(b.costs for _, bs in each.blocks for b in bs), optional=True
        ),
        FunctionBlock(15, "Usage summary", _resource(*SUMMARIES)),
        FunctionBlock(
            16, "Usage summary with cost", _summary("billLastPeriod", "costAdditionalLastPeriod"), optional=True
        ),
        FunctionBlock(17, "Power quality", _resource("ElectricPowerQualitySummary"), optional=True),
        FunctionBlock(
            27, "Demands and previous day", _summary("peakDemand", "ratchetDemand", "previousDayOverallConsumption"),
            optional=True,
        ),
        FunctionBlock(28, "Cost of the current period", _summary("billToDate"), optional=True),
        FunctionBlock(29, "Temperature", _of(measured.TEMPERATURE)),
        FunctionBlock(51, "Retail customer common", lambda document: bool(document.of_namespace(CUSTOMER))),
        FunctionBlock(54, "Basic information", _resource("Customer")),
        FunctionBlock(56, "Billing", _field("CustomerAccount", "billingCycle", "budgetBill", "lastBillAmount")),
        FunctionBlock(57, "Account agreement", _resource("CustomerAgreement")),
        FunctionBlock(58, "Service location", _resource("ServiceLocation")),
        FunctionBlock(59, "Service supplier", _resource("ServiceSupplier")),
        FunctionBlock(60, "Meter", _resource("Meter")),
        FunctionBlock(61, "End device", _resource("EndDevice")),
        FunctionBlock(62, "Program dates", _resource("ProgramDateIdMappings")),
    )
}  # fmt: skip


def shown(document: Document, asked: AbstractSet[int] | None) -> Iterator[FunctionBlock]:
    """The blocks that `asked` names, or those that the document shows; data checks apply to whole feeds alone."""
    if asked is not None:
        yield from (BLOCKS[number] for number in sorted(asked))
    elif document.is_feed and document.kind == "feed":
        yield from (block for block in BLOCKS.values() if block.shown(document))
