"""Facts of retail customer feeds, as custodians of three generations write them."""

import io
from datetime import UTC, datetime

import pytest

from energygrid.errors import Invalid
from energygrid.metering.importers.espi_customer import Address, read_retail_customers
from energygrid.metering.importers.options import ImportOptions

OPTIONS = ImportOptions(zone="UTC", now=datetime(2026, 1, 1, tzinfo=UTC))
ROOT = "/espi/1_1/resource/RetailCustomer/9/Customer/C1"
PLACE = ROOT + "/CustomerAccount/A1/CustomerAgreement/G1/ServiceLocation/L1"
POINT = "/espi/1_1/resource/Subscription/9/UsagePoint/U1"
STREET = "<streetDetail><number>1</number><name>Main</name><type>ST</type></streetDetail>"


def entry(path, content):
    return f'<entry><link rel="self" href="https://dc.example{path}/"/><content>{content}</content></entry>'


def facts(*entries):
    text = (
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:c="http://naesb.org/espi/customer">'
        + "".join(entries)
        + "</feed>"
    )
    for kind in ("Customer", "CustomerAccount", "CustomerAgreement", "ServiceLocation", "Meter", "EndDevice"):
        text = text.replace(f"<{kind}>", f'<{kind} xmlns="http://naesb.org/espi/customer">')
    return read_retail_customers(io.BytesIO(text.encode()), OPTIONS)


def test_a_customer_with_account_agreement_location_and_meter():
    town = "<townDetail><name>ANYTOWN</name><stateOrProvince>NY</stateOrProvince><country>US</country></townDetail>"
    got = facts(
        entry(ROOT, "<Customer><kind>residential</kind><customerName>A HOMEOWNER</customerName></Customer>"),
        entry(
            ROOT + "/CustomerAccount/A1",
            "<CustomerAccount><billingCycle>03</billingCycle><accountId>111-1</accountId></CustomerAccount>",
        ),
        entry(
            ROOT + "/CustomerAccount/A1/CustomerAgreement/G1",
            "<CustomerAgreement><currency>840</currency><agreementId>77</agreementId></CustomerAgreement>",
        ),
        entry(
            PLACE,
            f"<ServiceLocation><mainAddress>{STREET}{town}<postalCode>12345</postalCode></mainAddress>"
            f"<UsagePoints><UsagePoint> https://dc.example{POINT}\n</UsagePoint></UsagePoints></ServiceLocation>",
        ),
        entry(PLACE + "/Meter/M1", "<Meter><type>AMI</type><serialNumber>SN1</serialNumber></Meter>"),
        entry(PLACE + "/EndDevice/D1", "<EndDevice><serialNumber>GW1</serialNumber></EndDevice>"),
    )
    assert [(c.name, c.kind, c.path) for c in got.customers] == [("A HOMEOWNER", "residential", ROOT)]
    assert [(a.account_id, a.billing_cycle) for a in got.accounts] == [("111-1", "03")]
    assert [(g.agreement_id, g.currency) for g in got.agreements] == [("77", "840")]
    assert [place.address for place in got.locations] == [Address("1 Main ST", "ANYTOWN", "NY", "12345", "US")]
    assert [(m.serial_number, m.type) for m in got.meters] == [("SN1", "AMI")]
    assert got.meter_map() == {POINT: "SN1"}


def test_older_feeds_write_numbers_into_name_and_the_postal_code_into_the_town():
    town = "<townDetail><code>95101</code><name>KING CITY</name></townDetail>"
    got = facts(
        entry(ROOT, "<Customer><name>ACME</name></Customer>"),
        entry(ROOT + "/CustomerAccount/A1", "<CustomerAccount><name>2-00</name></CustomerAccount>"),
        entry(ROOT + "/CustomerAccount/A2", "<CustomerAccount/>"),
        entry(PLACE, f"<ServiceLocation><mainAddress>{town}</mainAddress></ServiceLocation>"),
    )
    assert [c.name for c in got.customers] == ["ACME"]
    assert [a.account_id for a in got.accounts] == ["2-00", "A2"]
    assert got.locations[0].address == Address("", "KING CITY", "", "95101", "")
    assert got.meter_map() == {}


def test_two_meters_at_one_place_are_not_told_apart_by_guess():
    points = f"<UsagePoints><UsagePoint>{POINT}</UsagePoint></UsagePoints>"
    meters = [entry(f"{PLACE}/Meter/{n}", f"<Meter><serialNumber>SN{n}</serialNumber></Meter>") for n in (1, 2)]
    assert facts(entry(PLACE, f"<ServiceLocation>{points}</ServiceLocation>"), *meters).meter_map() == {}


def test_another_xml_is_refused():
    with pytest.raises(Invalid):
        read_retail_customers(io.BytesIO(b"<html/>"), OPTIONS)
