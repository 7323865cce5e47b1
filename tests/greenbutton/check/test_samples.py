"""Public feeds and our target shape: what each passes and why some fail is known, so they judge the checker."""

from pathlib import Path

import pytest
from tests.greenbutton.check.conftest import FEEDS

from energygrid.greenbutton import check

SAMPLES = Path(__file__).parents[4] / "shared" / "espi-samples"
needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"the public sample feeds are not at {SAMPLES}")

UTILITY_API = "08_utilityapi_batch_electric_15min_NONVALID.xml"
ROME = "09_utilityapi_retail_customer_NONVALID.xml"


def errors(report: check.Report) -> list[tuple[str, int]]:
    return [(each.rule, each.line) for each in report.findings if each.severity == "error"]


def test_the_target_shape_passes_its_function_blocks_without_warnings() -> None:
    report = check.run(FEEDS / "usage.xml")
    assert report.ok
    assert report.passed == (1, 4, 5, 12, 15, 16, 28)
    assert all(block.passes for block in report.blocks)
    assert report.count("warning") == 0
    assert [each.rule for each in report.findings] == ["S15"]  # its lines leave out 10.00


def test_the_target_shape_of_customers_has_no_findings() -> None:
    report = check.run(FEEDS / "customer.xml")
    assert not report.findings
    assert report.passed == (51, 54, 56, 57, 58, 59, 60, 61, 62)


@needs_samples
@pytest.mark.parametrize(
    "name",
    [
        "05_usage_summaries_cost_lineitems_pge.xml",
        "06_retail_customer_pge.xml",
        "07_retail_customer_bulk_sce.xml",
        "10_application_information_entry.xml",
        "11_authorization_entry.xml",
        "golden_usage.xml",
        "golden_retailcustomer.xml",
    ],
)
def test_valid_samples_pass(name: str) -> None:
    assert errors(check.run(SAMPLES / name)) == []


@needs_samples
def test_links_without_a_type_are_a_warning_in_feeds_of_others() -> None:
    report = check.run(SAMPLES / "05_usage_summaries_cost_lineitems_pge.xml")
    assert {(each.rule, each.severity) for each in report.findings if "has no type" in each.message} == {
        ("X04", "warning")
    }


@needs_samples
def test_a_feed_of_summaries_alone_passes_no_function_block() -> None:
    path = SAMPLES / "05_usage_summaries_cost_lineitems_pge.xml"
    assert check.run(path).blocks == ()
    asked = check.run(path, {1})
    assert asked.passed == ()
    assert "D006" in {each.rule for each in asked.findings}


@needs_samples
def test_utility_apis_feed_fails_for_one_capital_letter_and_passes_blocks_1_4_and_8() -> None:
    report = check.run(SAMPLES / UTILITY_API)
    assert errors(report) == [("X03", 31)]
    [finding] = [each for each in report.findings if each.severity == "error"]
    assert "ServiceDeliveryPoint" in finding.message
    assert finding.advice == "write serviceDeliveryPoint: names are case-sensitive"
    assert report.passed == (1, 4, 8)


@needs_samples
def test_romes_feed_fails_for_foreign_elements_and_for_the_order_of_one_alone() -> None:
    report = check.run(SAMPLES / ROME)
    wrong = [each for each in report.findings if each.severity == "error"]
    assert {each.rule for each in wrong} == {"X03"}
    assert [each.line for each in wrong if "pucNumber" in each.message] == [44]
    assert all("dc:date" in each.message or "date" in each.message for each in wrong if each.line != 44)
    assert len(wrong) == 1 + (SAMPLES / ROME).read_text().count("</dc:date>")
