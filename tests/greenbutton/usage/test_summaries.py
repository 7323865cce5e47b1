"""Bills as UsageSummary: FB_15 and FB_16, contracts/greenbutton.md 1.2."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from lxml import etree
from tests.greenbutton.usage.conftest import ESPI, KNOWN, Utility, at, link, stamps, text

from energygrid.billing.records.record import RecordKind
from energygrid.greenbutton.check import run as check
from energygrid.greenbutton.feed import xml
from energygrid.greenbutton.usage import views
from energygrid.greenbutton.window import Window

MCH: Mapping[str, Any] = {
    "ContractAccount": "A-1",
    "MeterId": "m1",
    "BillingStart": "2025-10-15",
    "BillingEnd": "2025-11-13",
    "TotalConsumption": "512.125",
    "UnitOfMeasure": "kWh",
    "RateCode": "RES1",
    "Cost": "61.27",
    "TaxAmount": "2.45",
}
LINES = [
    {"kind": "ENERGY", "name": "Peak", "quantity": "100.5", "unit": "kWh", "price": "0.2079", "amount": "20.89"},
    {"kind": "ENERGY", "name": "Solar credit", "quantity": "-10", "unit": "kWh", "amount": "-1.5"},
    {"kind": "DELIVERY", "name": "Delivery", "amount": "33.01"},
    {"kind": "FIXED", "name": "Service charge", "amount": "8.5"},
    {"kind": "TAX", "name": "State tax", "amount": "2.45"},
    {"kind": "CREDIT", "name": "Goodwill", "amount": "-3"},
    {"kind": "PREVIOUS_BALANCE", "name": "Last bill", "amount": "10"},
    {"kind": "PAYMENT", "name": "Payment", "amount": "-10"},
]
INVOICE: Mapping[str, Any] = {
    "ContractAccount": "A-1",
    "InvoiceNumber": "I-1",
    "BillingStart": "2025-10-15",
    "BillingEnd": "2025-11-13",
    "TotalAmount": "60.35",
    "LineItems": LINES,
}


def only(utility: Utility, **limits: Any) -> etree._Element:
    (summary,) = utility.parsed(utility.share("m1", **limits)).contents("UsageSummary")
    return summary


def test_a_bill_of_a_meter(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    utility.records(RecordKind.MCH, MCH)
    summary = only(utility)
    # Thirty local days, the clocks going back on 2 November.
    assert text(summary, "billingPeriod", "start") == str(at(2025, 10, 15, 4))
    assert text(summary, "billingPeriod", "duration") == str(30 * 86_400 + 3600)
    assert text(summary, "billLastPeriod") == "6372000"
    assert text(summary, "costAdditionalLastPeriod") == "6372000"
    assert text(summary, "currency") == "840"
    measured = summary.find(f"{ESPI}overallConsumptionLastPeriod")
    assert measured is not None
    facts = [text(measured, name) for name in ("powerOfTenMultiplier", "timeStamp", "uom", "value")]
    assert facts == ["-3", str(at(2025, 11, 14, 5)), "72", "512125000"]
    assert text(summary, "qualityOfReading") == "19"
    assert text(summary, "statusTimeStamp") == str(int(KNOWN.timestamp()))
    assert (text(summary, "commodity"), text(summary, "tariffProfile")) == ("1", "RES1")


def test_the_lines_of_an_invoice_add_up_to_it(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    utility.records(RecordKind.MCH, MCH)
    utility.records(RecordKind.INVOICE, INVOICE)
    summary = only(utility)
    lines = summary.findall(f"{ESPI}costAdditionalDetailLastPeriod")
    assert [text(line, "itemKind") for line in lines] == ["1", "6", "2", "4", "5", "8", "10", "9"]
    assert [text(line, "note") for line in lines] == [line["name"] for line in LINES]
    assert sum(int(str(text(line, "amount"))) for line in lines) == 6_035_000
    assert text(summary, "billLastPeriod") == text(summary, "costAdditionalLastPeriod") == "6035000"
    assert (text(lines[0], "measurement", "value"), text(lines[0], "unitCost")) == ("100500000", "20790")
    assert text(summary, "overallConsumptionLastPeriod", "value") == "512125000"


def test_an_invoice_to_an_account_of_several_meters_is_nobodys(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}, {"meterId": "m2"}])
    utility.records(RecordKind.INVOICE, INVOICE)
    assert utility.parsed(utility.share("m1")).entries("UsageSummary") == []
    utility.records(RecordKind.MCH, MCH, {**MCH, "MeterId": "m2"})
    summary = only(utility)
    assert text(summary, "billLastPeriod") == "6372000"


def test_an_invoice_alone_is_the_bill_of_the_only_meter(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    utility.records(RecordKind.INVOICE, INVOICE)
    summary = only(utility)
    assert text(summary, "billLastPeriod") == "6035000"
    assert summary.find(f"{ESPI}overallConsumptionLastPeriod") is None


def test_a_corrected_bill_keeps_its_id(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    utility.records(RecordKind.MCH, MCH)
    (before,) = utility.parsed(utility.share("m1")).entries("UsageSummary")
    utility.records(RecordKind.MCH, {**MCH, "Cost": "60"}, known=datetime(2026, 2, 20, tzinfo=UTC))
    utility.records(RecordKind.INVOICE, INVOICE, known=datetime(2026, 2, 21, tzinfo=UTC))
    (after,) = utility.parsed(utility.share("m1")).entries("UsageSummary")
    assert link(before, "self") == link(after, "self")
    assert stamps(after) == ("2026-02-10T03:00:00Z", "2026-02-21T00:00:00Z")


def test_everything_that_a_bill_may_say_is_valid(utility: Utility) -> None:
    """FB_27 and FB_28."""
    utility.customer([{"meterId": "m1"}])
    facts = {
        "BillToDate": "12.5",
        "AdditionalCost": "33",
        "CurrentPeriodConsumption": "100",
        "CurrentDayConsumption": "10",
        "CurrentDayNetConsumption": "-2.5",
        "CurrentDayLastYearNetConsumption": "3",
        "PreviousDayConsumption": "11",
        "PreviousDayNetConsumption": "9",
        "PreviousDayLastYearConsumption": "12",
        "PeakDemand": "4.5",
        "RatchetDemand": "5",
        "RatchetStart": "2025-06-01",
        "RatchetEnd": "2025-09-30",
        "DemandUnit": "kW",
        "QualityOfReading": 8,
        "StatusTime": "2025-11-20T12:00:00Z",
        "TariffProfile": "RES-TOU",
        "ReadCycle": "07",
        "ChargeSource": "Detroit Power",
    }
    utility.records(RecordKind.MCH, {**MCH, **facts, "LineItems": LINES})
    summary = only(utility, scope="FB=15_16_27_28")
    assert [each.tag.removeprefix(ESPI) for each in summary if "Detail" not in each.tag] == [
        "billingPeriod",
        "billLastPeriod",
        "billToDate",
        "costAdditionalLastPeriod",
        "currency",
        "overallConsumptionLastPeriod",
        "currentBillingPeriodOverAllConsumption",
        "currentDayLastYearNetConsumption",
        "currentDayNetConsumption",
        "currentDayOverallConsumption",
        "peakDemand",
        "previousDayLastYearOverallConsumption",
        "previousDayNetConsumption",
        "previousDayOverallConsumption",
        "qualityOfReading",
        "ratchetDemand",
        "ratchetDemandPeriod",
        "statusTimeStamp",
        "commodity",
        "tariffProfile",
        "readCycle",
        "billingChargeSource",
    ]
    assert (text(summary, "peakDemand", "uom"), text(summary, "peakDemand", "value")) == ("38", "4500000")
    assert (text(summary, "tariffProfile"), text(summary, "qualityOfReading")) == ("RES-TOU", "8")


def test_money_is_shown_only_to_whom_it_was_allowed(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    utility.records(RecordKind.MCH, {**MCH, "LineItems": LINES})
    summary = only(utility, scope="FB=15")
    names = {each.tag.removeprefix(ESPI) for each in summary}
    assert not names & {"billLastPeriod", "costAdditionalLastPeriod", "costAdditionalDetailLastPeriod", "currency"}
    assert "overallConsumptionLastPeriod" in names
    assert utility.parsed(utility.share("m1", scope="FB=4")).entries("UsageSummary") == []


def test_only_bills_of_the_customers_own_time_are_shown(utility: Utility) -> None:
    moved = datetime(2025, 11, 1, 16, tzinfo=UTC)
    utility.customer([{"meterId": "m1"}])
    utility.customer([{"meterId": "m1", "accountNumber": "A-2"}], client_id="C2", now=moved)
    final = {**MCH, "BillingStart": "2025-10-15", "BillingEnd": "2025-11-01"}
    first = {**MCH, "ContractAccount": "A-2", "BillingStart": "2025-11-01", "BillingEnd": "2025-11-13"}
    utility.records(RecordKind.MCH, final, first)
    old, new = (
        utility.parsed(utility.share("m1", client_id=client)).contents("UsageSummary") for client in ("C1", "C2")
    )
    assert [text(each, "billingPeriod", "start") for each in old] == [str(at(2025, 10, 15, 4))]
    assert [text(each, "billingPeriod", "start") for each in new] == [str(at(2025, 11, 1, 4))]


def test_history_that_was_not_shared_has_no_bills(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    utility.records(RecordKind.MCH, MCH)
    late = datetime(2025, 10, 20, tzinfo=UTC)
    assert utility.parsed(utility.share("m1", data_from=late)).entries("UsageSummary") == []


def test_windows_choose_among_bills(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    november = {**MCH, "BillingStart": "2025-11-14", "BillingEnd": "2025-12-13"}
    utility.records(RecordKind.MCH, MCH)
    utility.records(RecordKind.MCH, november, known=datetime(2026, 2, 20, tzinfo=UTC))
    ctx = utility.share("m1")

    def starts(window: Window) -> list[str | None]:
        found = utility.parsed(ctx, window)
        listed = utility.database.read(views.usage_summaries, ctx, ctx.entitlement.meters[0], window)
        assert [link(each, "self") for each in found.entries("UsageSummary")] == [each.href for each in listed]
        assert "UsageSummary" in "".join(
            str(each.get("href")) for each in found.entries("UsagePoint")[0].iter("{*}link")
        )
        return [text(each, "billingPeriod", "start") for each in found.contents("UsageSummary")]

    first, second = str(at(2025, 10, 15, 4)), str(at(2025, 11, 14, 5))
    assert starts(Window()) == [first, second]
    assert starts(Window(published_min=at(2025, 11, 14, 5))) == [second]
    assert starts(Window(published_max=at(2025, 11, 14, 5))) == [first]
    assert starts(Window(updated_min=at(2026, 2, 15))) == [second]
    assert starts(Window(updated_max=at(2026, 2, 15))) == [first]


def test_amounts_are_hundred_thousandths_to_the_last_place(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    utility.records(RecordKind.MCH, {**MCH, "TotalAmount": "0.12345", "TotalConsumption": "0.000001"})
    summary = only(utility)
    assert Decimal(str(text(summary, "billLastPeriod"))) == 12_345
    assert text(summary, "overallConsumptionLastPeriod", "value") == "1"


def test_bills_pass_the_checks_of_certification(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    utility.readings("m1", at(2025, 10, 15, 4), [0.25] * 96 * 40)
    utility.records(RecordKind.MCH, MCH)
    utility.records(RecordKind.INVOICE, INVOICE)
    report = check(b"".join(xml(utility.feed(utility.share("m1")))), {1, 4, 5, 15, 16})
    assert [each for each in report.findings if each.severity == "error"] == []
