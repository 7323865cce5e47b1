"""Every kind of answer is valid under the strict schema, with closed enumerations, and passes its function blocks."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from lxml import etree
from tests.conformance.conftest import ATOM, CUSTOMER, LOADED_AT, USAGE, R, World, links

from energygrid.espi_schemas import schema
from energygrid.greenbutton import bulk, check
from energygrid.messaging.queries import Event
from energygrid.messaging.webhooks import messages, signing

USAGE_KINDS = {
    "UsagePoint", "LocalTimeParameters", "MeterReading", "ReadingType", "IntervalBlock", "UsageSummary",
    "ElectricPowerQualitySummary",
}  # fmt: skip
CUSTOMER_KINDS = {
    "Customer", "CustomerAccount", "CustomerAgreement", "ServiceSupplier", "ProgramDateIdMappings", "ServiceLocation",
    "Meter", "EndDevice", "Statement", "LocalTimeParameters",
}  # fmt: skip
GAPS = {"S01", "S04"}
"""Notes that say no more than that readings are missing, as they are."""
OPTIONAL_BLOCKS = {6, 12, 16, 17, 27, 28}
A_FEW = 4


@pytest.fixture(scope="session")
def strict() -> etree.XMLSchema:
    return schema("4.0-strict")


def right(document: bytes, strict: etree.XMLSchema) -> check.Report:
    """Assert that it is valid, and that the check has nothing to say but of gaps and of blocks that are optional."""
    strict.assertValid(etree.fromstring(document))
    report = check.run(document)
    said = [
        each
        for each in report.findings
        if each.rule not in GAPS and not (each.severity == "note" and each.block in OPTIONAL_BLOCKS)
    ]
    assert not said, said[:5]
    return report


def test_the_batch_of_everything_measured(world: World, strict: etree.XMLSchema) -> None:
    report = right(world.batch, strict)
    assert report.resources.keys() == USAGE_KINDS
    assert set(report.passed) >= {1, 4, 5, 7, 8, 9, 10, 11, 15, 16, 17}
    assert all(block.passes for block in report.blocks if block.number not in OPTIONAL_BLOCKS)


def test_the_batch_of_one_usage_point(world: World, strict: etree.XMLSchema) -> None:
    for href in set(links_of(world.batch, "self", "espi-entry/UsagePoint")):
        path = href.replace(f"{R}/Subscription", "/Batch/Subscription")
        report = right(world.get(path), strict)
        assert report.resources["UsagePoint"] == 1
        assert {1, 4, 15} <= set(report.passed)


def test_the_batch_of_the_customer(world: World, strict: etree.XMLSchema) -> None:
    report = right(world.customer, strict)
    assert report.resources.keys() == CUSTOMER_KINDS
    assert report.passed == (51, 54, 56, 57, 58, 59, 60, 61, 62)


def links_of(document: bytes, rel: str, kind: str) -> list[str]:
    found = etree.fromstring(document).iter(f"{{{ATOM}}}link")
    return [
        str(each.get("href")) for each in found if each.get("rel") == rel and str(each.get("type")).startswith(kind)
    ]


@pytest.mark.parametrize("family", ["espi", "cust"])
def test_every_list_and_entry_that_a_feed_links_to(world: World, strict: etree.XMLSchema, family: str) -> None:
    """A few of each kind; what a link's type says is what its URL answers with."""
    document = world.batch if family == "espi" else world.customer
    by_type: dict[str, set[str]] = defaultdict(set)
    for link in etree.fromstring(document).iterfind(f"{{{ATOM}}}entry/{{{ATOM}}}link"):
        by_type[str(link.get("type"))].add(str(link.get("href")))
    kinds = USAGE_KINDS if family == "espi" else CUSTOMER_KINDS
    assert by_type.keys() == {f"{family}-{form}/{kind}" for kind in kinds for form in ("entry", "feed")}
    for kind, hrefs in by_type.items():
        for href in sorted(hrefs)[:A_FEW]:
            answer = world.get(href)
            report = right(answer, strict)
            assert report.kind == ("entry" if "-entry/" in kind else "list")
            assert set(report.resources) <= {kind.rpartition("/")[2]}
            if report.kind == "entry":
                assert report.resources
                assert links(etree.fromstring(answer), "self") == [href]


def test_an_entry_by_itself_says_what_the_feed_says_of_it(world: World) -> None:
    seen = set()
    for entry in etree.fromstring(world.batch).iterfind(f"{{{ATOM}}}entry"):
        kind = etree.QName(entry.find(f"{{{ATOM}}}content")[0]).localname
        if kind not in seen:
            seen.add(kind)
            alone = etree.fromstring(world.get(links(entry, "self")[0]))
            assert etree.tostring(alone, method="c14n").strip() == etree.tostring(entry, method="c14n").strip(), kind
    assert seen == USAGE_KINDS


def test_authorizations(world: World, strict: etree.XMLSchema) -> None:
    listed = right(world.get("/Authorization", world.client_token), strict)
    assert set(listed.resources) == {"Authorization"}
    entry = world.get(f"/Authorization/{world.consent.id}", world.client_token)
    assert right(entry, strict).kind == "entry"
    said = etree.fromstring(entry)
    for name in ("resourceURI", "customerResourceURI"):
        right(world.get(said.findtext(f".//{{{USAGE}}}{name}")), strict)
    assert said.findtext(f".//{{{USAGE}}}authorizationURI") == f"{R}/Authorization/{world.consent.id}"


def test_application_information(world: World, strict: etree.XMLSchema) -> None:
    listed = world.get("/ApplicationInformation", world.registration_token)
    right(listed, strict)
    [href] = links_of(listed, "self", "espi-entry/ApplicationInformation")
    report = right(world.get(href, world.registration_token), strict)
    assert "FND002" in report.held


def test_service_status(world: World, strict: etree.XMLSchema) -> None:
    report = right(world.get("/ReadServiceStatus", world.client_token), strict)
    assert report.kind == "ServiceStatus"
    assert "FND006" in report.held


@pytest.mark.parametrize(
    "window",
    [
        "published-min=2025-03-09T05:00:00Z&published-max=2025-03-10T04:00:00Z",
        "published-min=2024-11-03T04:00:00Z&published-max=2024-11-04T05:00:00Z",
        "published-min=2025-06-01T12:00:00Z&published-max=2025-06-03T12:00:00Z",
        "published-min=2025-10-30T00:00:00Z&published-max=2025-11-02T00:00:00Z",
        "updated-min=2025-11-20T00:00:00Z",
        "published-min=2031-01-01T00:00:00Z",
    ],
    ids=["a day of 23 hours", "a day of 25 hours", "parts of days", "with a gap", "what was corrected", "nothing"],
)
def test_windows_of_the_batch(world: World, strict: etree.XMLSchema, window: str) -> None:
    report = right(world.get(f"/Batch/Subscription/{world.consent.id}?{window}"), strict)
    assert report.resources["UsagePoint"] == 3
    assert report.resources["LocalTimeParameters"] == 1
    assert 1 in report.passed
    assert report.resources.get("MeterReading", 0) == report.resources.get("ReadingType", 0)


def test_a_window_with_a_gap_around_it_has_no_meter_reading_without_blocks(world: World) -> None:
    report = check.run(world.get(f"/Batch/Subscription/{world.consent.id}?published-min=2031-01-01T00:00:00Z"))
    assert "MeterReading" not in report.resources
    assert {block.number for block in report.blocks} == {1}


def test_usage_and_personal_data_stand_apart(world: World) -> None:
    assert CUSTOMER.encode() not in world.batch
    assert f'"{USAGE}"'.encode() not in world.customer


def test_where_a_location_is_said_to_be_is_a_usage_point_of_the_other_feed(world: World) -> None:
    """FB_58: equal to the character."""
    points = set(links_of(world.batch, "self", "espi-entry/UsagePoint"))
    named = {each.text for each in etree.fromstring(world.customer).iter(f"{{{CUSTOMER}}}UsagePoint")}
    assert named == points


def test_a_notification(strict: etree.XMLSchema) -> None:
    listed = [f"{R}/Batch/Subscription/1?published-min=2026-01-01T00:00:00Z&published-max=2026-01-02T00:00:00Z"]
    event = Event("1", 1, "greenbutton.data", LOADED_AT, {"resources": listed})
    message = messages.batch_list(event, [signing.new_secret()], LOADED_AT)
    assert right(message.body, strict).kind == "BatchList"
    assert [each.text for each in etree.fromstring(message.body)] == listed


@pytest.mark.parametrize("kind", ["usage", "customer"])
def test_bulk_feeds(world: World, strict: etree.XMLSchema, kind: bulk.Kind) -> None:
    """With the authorization itself, since it is new: what is new of a customer, under every address of bulk feeds."""
    part = bulk.Part(world.consent.id, LOADED_AT - timedelta(days=30), LOADED_AT, is_new=True)
    bulk_id = world.services.database.write(
        bulk.create, world.party, kind, [part], now=datetime.now(UTC), keep=timedelta(days=1)
    )
    feed = world.get(f"/Bulk/{bulk_id}", world.client_token)
    report = right(feed, strict)
    if kind == "usage":
        assert report.resources.keys() == USAGE_KINDS | {"Authorization"}
        assert {1, 4, 5, 15} <= set(report.passed)
        alias = f"/Batch/Bulk/{bulk_id}"
    else:
        assert report.resources.keys() == CUSTOMER_KINDS
        alias = f"/Batch/BulkRetailCustomerInfo/{bulk_id}"
    right(world.get(alias, world.client_token), strict)
