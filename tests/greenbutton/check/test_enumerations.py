"""The closed lists hold the codes that the standard lists, and no others: contracts/greenbutton.md 1.2 and 1.3."""

import pytest
from tests.greenbutton.check.conftest import CUSTOMER, USAGE, customer_feed, usage_feed, written

from energygrid.greenbutton import check
from energygrid.greenbutton.check.enumerations import coded


def numbers(text: str) -> set[str]:
    """`1-3` stands for 1, 2 and 3."""
    found: set[str] = set()
    for part in text.split():
        first, _, last = part.partition("-") if part[0] != "-" else (part, "", "")
        found |= {str(each) for each in range(int(first), int(last or first) + 1)}
    return found


LISTS = {
    ("ReadingType", "accumulationBehaviour"): "0-4 6 9 10 12-14",
    ("ReadingType", "commodity"): "0-26",
    ("ReadingType", "currency"): "0 36 124 156 208 356 392 578 643 752 756 826 840 978",
    ("ReadingType", "dataQualifier"): "0 2 4 5 7-9 11 12 16 17 23-26",
    ("ReadingType", "flowDirection"): "0-5 7-21",
    ("ReadingType", "kind"): "0 2-28 31-38 40-60 64 81 90-155",
    ("ReadingType", "phase"): (
        "0 16 17 32 33 40 41 64-66 72 96 97 128 129 132 136 193 224 225 256 272 512 528 768 769 784"
    ),
    ("ReadingType", "powerOfTenMultiplier"): "-12 -9 -6 -3 -2 -1 0-3 6 9 12",
    ("ReadingType", "defaultQuality"): "0 7-19",
    ("ReadingQuality", "quality"): "0 7-19",
    ("ServiceCategory", "kind"): "0-9",
    ("ReadingType", "measuringPeriod"): "0-7 10 14-16 31 50-77",
    ("ReadingType", "timeAttribute"): "0 8 11 13 22 24 32",
    ("ReadingType", "uom"): ("0 2-11 21-25 27-39 41-51 53 54 61 63 65-82 100-109 111 113-120 123 125-134 137-169"),
    ("costAdditionalDetailLastPeriod", "itemKind"): "1-10",
    ("Authorization", "status"): "0-2",
    ("ServiceStatus", "currentStatus"): "0 1",
    ("ApplicationInformation", "dataCustodianApplicationStatus"): "1-4",
    ("ApplicationInformation", "thirdPartyApplicationStatus"): "1-4",
    ("ApplicationInformation", "thirdPartyApplicationType"): "1-4",
    ("ApplicationInformation", "thirdPartyApplicationUse"): "1-5",
    ("overallConsumptionLastPeriod", "powerOfTenMultiplier"): "-12 -9 -6 -3 -2 -1 0-3 6 9 12",
}


@pytest.mark.parametrize("place", LISTS)
def test_the_codes_of_the_usage_schema(place: tuple[str, str]) -> None:
    assert set(coded(USAGE)[place].values) == numbers(LISTS[place])


def test_units_of_measurements_within_summaries_are_coded_too() -> None:
    units = coded(USAGE)["ReadingType", "uom"]
    for parent in ("overallConsumptionLastPeriod", "peakDemand", "measurement", "nominalServiceVoltage"):
        assert coded(USAGE)[parent, "uom"] == units


def test_the_words_of_the_customer_schema() -> None:
    words = coded(CUSTOMER)
    assert words["ServiceSupplier", "kind"].values == {"utility", "retailer", "other", "lse", "mdma", "msp"}
    assert words["notifications", "methodKind"].values == {"call", "email", "letter", "other", "ivr"}
    assert words["DemandResponseProgram", "enrollmentStatus"].values == {"unenrolled", "enrolled", "enrolledPending"}
    assert {"residential", "commercialIndustrial", "pumpingLoad"} < words["Customer", "kind"].values
    assert words["MeterMultipliers", "kind"].values == {"kH", "transformerRatio", "kR", "kE", "ctRatio", "ptRatio"}
    assert "application/pdf" in words["statementRef", "mediaType"].values


def test_a_code_that_the_schema_lets_through_is_found_with_its_line_and_its_list() -> None:
    text = written(usage_feed()).replace(b"<kind>12</kind>", b"<kind>29</kind>")
    report = check.run(text)
    assert "X03" in report.held
    [finding] = [each for each in report.findings if each.rule == "E01"]
    assert finding.message == "ReadingType/kind is '29', which MeasurementKind does not list"
    assert finding.line == 1 + text[: text.index(b"<kind>29")].count(b"\n")
    assert finding.advice.startswith("use one of 0, 2, 3")


def test_a_word_is_not_free_either() -> None:
    text = written(customer_feed()).replace(b"<kind>residential</kind>", b"<kind>Residential</kind>")
    assert "E01" in {each.rule for each in check.run(text).findings if each.severity == "error"}
