"""What a customer feed becomes: attached to what the mirror knows, or left out with a reason."""

from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import Connection

from energygrid.access import tenants
from energygrid.access.audit import SYSTEM
from energygrid.access.caller import Tenant
from energygrid.access.vault import Vault
from energygrid.billing.records import known
from energygrid.billing.records.espi import take
from energygrid.billing.records.facts import AccountRow, AgreementRow, DeviceRow, LocationRow
from energygrid.customers.payload import check_payload
from energygrid.customers.settings import CustomerSettings
from energygrid.customers.sync import push_customer
from energygrid.ingest import jobs, landing
from energygrid.metering.importers import espi
from energygrid.metering.importers.options import ImportOptions

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CUSTOMER = "/espi/1_1/resource/RetailCustomer/9/Customer/C"
ACCOUNT = CUSTOMER + "/CustomerAccount/K"
AGREEMENT = ACCOUNT + "/CustomerAgreement/G"
PLACE = AGREEMENT + "/ServiceLocation/L"
POINT = "/espi/1_1/resource/Subscription/9/UsagePoint/U1"
AT_POINT = f"<UsagePoints><UsagePoint>https://dc.example{POINT}</UsagePoint></UsagePoints>"
MIDNIGHT = int(datetime(2025, 11, 1, 4, tzinfo=UTC).timestamp())
"""1 November 2025 in Detroit."""


def entry(path: str, content: str, namespace: str = "http://naesb.org/espi/customer") -> str:
    kind = content[1:].partition(">")[0]
    content = content.replace(f"<{kind}>", f'<{kind} xmlns="{namespace}">', 1)
    return f'<entry><link rel="self" href="https://dc.example{path}/"/><content>{content}</content></entry>'


class Utility:
    """Customer C1 lives at 1 Main Street with meters m1 and m2 under account A-1; C2 next door with m3 under A-2."""

    def __init__(self, db: Connection, vault: Vault, tenant: Tenant) -> None:
        self.db, self.vault, self.tenant = db, vault, tenant
        self.push("C1", "P1", "1 MAIN ST", "A-1", ["m1", "m2"])
        self.push("C2", "P2", "2 MAIN ST", "A-2", ["m3"])

    def push(self, client_id: str, premise: str, street: str, account: str, meters: list[str]) -> None:
        usual = {"meterType": "Electric", "unitOfMeasure": "kWh", "isAMI": True, "rateCode": "R", "billingCycleId": 3}
        site = {
            "externalSiteId": premise,
            "address1": street,
            "city": "Detroit",
            "state": "MI",
            "postalCode": "48067",
            "meters": [{**usual, "meterId": each, "accountNumber": account} for each in meters],
        }
        payload = {"clientId": client_id, "AcctStatus": "A", "customerSites": [site]}
        checked = check_payload(payload, self.tenant.section("customers", CustomerSettings))
        push_customer(self.db, self.tenant, checked, vault=self.vault, who=SYSTEM, now=datetime(2020, 1, 1, tzinfo=UTC))

    def feed(self, *entries: str, mapped: dict[str, str] | None = None) -> tuple[int, list[str]]:
        """How many records changed, and what is said of the rest."""
        text = f'<feed xmlns="http://www.w3.org/2005/Atom">{"".join(entries)}</feed>'.encode()
        options = ImportOptions(now=NOW, zone="America/Detroit", meter_map=mapped or {}, check_schema=False)
        told = [each for parsed in espi.parse(BytesIO(text), options) for each in parsed.told]
        landed = landing.land(self.db, self.tenant.id, [text, repr(mapped).encode()], limit=1 << 30)
        job = jobs.open_job(
            self.db, self.tenant, SYSTEM, landed, kind="usage", task=None, name="f", options={}, now=NOW
        )
        changed, notes = take(self.vault, self.db, self.tenant, job, told, NOW)
        assert all(each.code == "RECORD_NOT_IMPORTED" for each in notes)
        return changed, [each.message for each in notes]

    def account(self, number: str = "A-1") -> AccountRow:
        return known.accounts(self.db, self.vault, self.tenant, [number])[number].facts

    def place(self, meter: str) -> LocationRow:
        return known.locations(self.db, self.vault, self.tenant, [meter])[meter].facts

    def devices(self, *meters: str) -> list[DeviceRow]:
        return [each.facts for each in known.devices(self.db, self.tenant.id, meters)]

    def agreements(self, number: str = "A-1") -> list[AgreementRow]:
        return [each.facts for each in known.agreements(self.db, self.tenant.id, [number])]


@pytest.fixture
def utility(db: Connection, vault: Vault, tenant: Tenant) -> Utility:
    zone = {"zone": "America/Detroit"}
    return Utility(db, vault, tenants.set_section(db, tenant, "metering", zone, who=SYSTEM, now=NOW))


def said(row: Any) -> dict[str, Any]:
    names = {"contract_account", "meter_id", "device_id"}
    return row.model_dump(exclude=names, exclude_none=True, exclude_defaults=True)


def test_an_account_with_what_is_said_of_its_customer(utility: Utility) -> None:
    contact = (
        "<contactInfo><streetAddress><streetDetail><number>5</number><name>Oak</name><type>AVE</type></streetDetail>"
        "<townDetail><name>PAYTOWN</name><stateOrProvince>OH</stateOrProvince></townDetail><postalCode>43004</postalCode>"
        "</streetAddress><phone1><areaCode>555</areaCode><localNumber>0100</localNumber></phone1>"
        "<electronicAddress><email1>pay@example.org</email1></electronicAddress>"
        "<organisationName>The Payer</organisationName></contactInfo>"
    )
    note = (
        "<notifications><methodKind>letter</methodKind><time>1761969600</time><note>Hello</note>"
        "<customerNotificationKind>outage</customerNotificationKind></notifications>"
    )
    changed, notes = utility.feed(
        entry(CUSTOMER, "<Customer><kind>residential</kind><status><value>active</value></status></Customer>"),
        entry(
            ACCOUNT,
            "<CustomerAccount><billingCycle>3</billingCycle><lastBillAmount>10512345</lastBillAmount>"
            f"{note}{contact}<accountId>A-1</accountId></CustomerAccount>",
        ),
    )
    assert (changed, notes) == (1, [])
    assert said(utility.account()) == {
        "customer_kind": "residential",
        "last_bill_amount": Decimal("105.12345"),
        "notifications": [
            {"method": "letter", "time": datetime(2025, 11, 1, 4, tzinfo=UTC), "note": "Hello", "kind": "outage"}
        ],
        "contact_name": "The Payer",
        "street": "5 Oak AVE",
        "city": "PAYTOWN",
        "state": "OH",
        "postal_code": "43004",
        "phone": "555 0100",
        "email": "pay@example.org",
    }


def test_an_agreement_with_its_supplier_and_programmes(utility: Utility) -> None:
    dates = (
        f"<programDate><programDate>{MIDNIGHT}</programDate><programDateDescription>PS1</programDateDescription>"
        "</programDate>"
    )
    meaning = (
        "<ProgramDateIdMappings><programDateIdMapping><programDateType>CUST_DR_PROGRAM_ENROLLMENT_DATE"
        "</programDateType><code>{}</code><name>{}</name></programDateIdMapping></ProgramDateIdMappings>"
    )
    changed, notes = utility.feed(
        entry(ACCOUNT, "<CustomerAccount><name>A-1</name></CustomerAccount>"),
        entry(
            AGREEMENT,
            f"<CustomerAgreement><type>RES</type><signDate>{MIDNIGHT + 3600}</signDate><validityInterval>"
            f"<duration>{86400}</duration><start>{MIDNIGHT}</start></validityInterval><isPrePay>true</isPrePay>"
            "<DemandResponseProgram><programName>Peak Saver</programName><enrollmentStatus>enrolled</enrollmentStatus>"
            f"{dates}</DemandResponseProgram><currency>124</currency><agreementId>77</agreementId></CustomerAgreement>",
        ),
        entry(AGREEMENT + "/ProgramDateIdMappings/1", meaning.format("PS1", "Peak Saver")),
        entry(AGREEMENT + "/ProgramDateIdMappings/2", meaning.format("PS2", "Another word")),
        entry(
            AGREEMENT + "/ServiceSupplier/S",
            "<ServiceSupplier><Organisation><organisationName>Anytown Electric</organisationName></Organisation>"
            "<kind>utility</kind></ServiceSupplier>",
        ),
        entry(PLACE + "/Meter/1", "<Meter><serialNumber>m1</serialNumber></Meter>"),
    )
    assert (changed, notes) == (2, [])
    [agreement] = utility.agreements()
    assert (agreement.meter_id, agreement.agreement_id) == ("m1", "77")
    assert (agreement.sign_date, agreement.valid_from, agreement.valid_until) == (date(2025, 11, 1),) * 3
    assert (agreement.is_pre_pay, agreement.currency) == (True, "CAD")
    [program] = agreement.programs
    kind = "CUST_DR_PROGRAM_ENROLLMENT_DATE"
    assert [(each.type, each.date, each.code, each.name) for each in program.dates] == [
        (kind, date(2025, 11, 1), "PS1", None),
        (kind, None, "PS2", "Another word"),
    ]
    [supplier] = known.all_suppliers(utility.db, utility.tenant.id)
    assert (supplier.name, supplier.supplier_id) == ("Anytown Electric", agreement.supplier_id)


def test_what_repeats_the_mirror_is_no_record(utility: Utility) -> None:
    street = "<streetDetail><addressGeneral>1 MAIN ST</addressGeneral></streetDetail>"
    town = "<townDetail><code>48067</code><name>Detroit</name><stateOrProvince>MI</stateOrProvince></townDetail>"
    account = (
        f"<CustomerAccount><name>A-1</name><billingCycle>3</billingCycle><contactInfo><streetAddress>{street}{town}"
        "</streetAddress></contactInfo></CustomerAccount>"
    )
    place = f"<ServiceLocation><mainAddress>{street}{town}</mainAddress>{{}}{AT_POINT}</ServiceLocation>"
    meter = entry(PLACE + "/Meter/1", "<Meter><type>AMI</type><serialNumber>m1</serialNumber></Meter>")
    same = [entry(CUSTOMER, "<Customer><status><value>active</value></status></Customer>"), entry(ACCOUNT, account)]
    assert utility.feed(*same, entry(PLACE, place.format("")), meter) == (0, [])
    assert utility.feed(entry(PLACE, place.format("<direction>rear</direction>")), mapped={"U1": "m1"}) == (1, [])
    assert said(utility.place("m1")) == {"direction": "rear"}


def test_what_a_feed_does_not_say_stays_as_it_is_known(utility: Utility) -> None:
    def place(inside: str) -> str:
        return entry(PLACE, f"<ServiceLocation>{inside}{AT_POINT}</ServiceLocation>")

    mapped = {POINT: "m1"}
    assert utility.feed(place("<direction>rear</direction><accessMethod>key</accessMethod>"), mapped=mapped)[0] == 1
    assert utility.feed(place("<direction>front</direction>"), mapped=mapped)[0] == 1
    assert said(utility.place("m1")) == {"direction": "front", "access_method": "key"}


def test_each_usage_point_of_a_place_has_it(utility: Utility) -> None:
    points = "<UsagePoints><UsagePoint>/UsagePoint/m1</UsagePoint><UsagePoint>/UsagePoint/m2</UsagePoint></UsagePoints>"
    place = entry(PLACE, f"<ServiceLocation><direction>rear</direction>{points}</ServiceLocation>")
    assert utility.feed(place) == (2, [])
    assert utility.place("m1").direction == utility.place("m2").direction == "rear"


def test_a_device_is_at_the_only_meter_of_its_place_and_never_guessed(utility: Utility) -> None:
    gateway = entry(
        PLACE + "/EndDevice/1", "<EndDevice><type>gateway</type><serialNumber>GW1</serialNumber></EndDevice>"
    )
    one, two = (
        entry(f"{PLACE}/Meter/{each}", f"<Meter><formNumber>2S</formNumber><serialNumber>{each}</serialNumber></Meter>")
        for each in ("m1", "m2")
    )
    nameless = entry(PLACE + "/EndDevice/2", "<EndDevice><type>thermostat</type></EndDevice>")
    unclear = "EndDevice: no meter of the mirror has a name that the feed gives"
    assert utility.feed(gateway, one, two) == (2, [unclear])
    assert utility.feed(gateway, one, nameless) == (1, ["EndDevice: it has no serial number to know it by"])
    assert [(each.meter_id, each.role, each.serial_number) for each in utility.devices("m1", "m2")] == [
        ("m1", "end_device", "GW1"),
        ("m1", "meter", None),
        ("m2", "meter", None),
    ]
    assert utility.feed(gateway, one, mapped={"m1": "m2"})[0] == 2  # the operator knows better


def test_a_customer_that_the_mirror_does_not_know_is_left_out(utility: Utility) -> None:
    stranger = [
        entry(CUSTOMER, "<Customer><kind>residential</kind></Customer>"),
        entry(ACCOUNT, "<CustomerAccount><budgetBill>Y</budgetBill><accountId>666</accountId></CustomerAccount>"),
        entry(AGREEMENT, "<CustomerAgreement><agreementId>77</agreementId></CustomerAgreement>"),
        entry(PLACE, f"<ServiceLocation><direction>rear</direction>{AT_POINT}</ServiceLocation>"),
        entry(PLACE + "/Meter/1", "<Meter><serialNumber>SN666</serialNumber></Meter>"),
    ]
    changed, notes = utility.feed(*stranger)
    assert changed == 0
    assert [each.partition(":")[0] for each in notes] == [
        "Customer",
        "CustomerAccount",
        "CustomerAgreement",
        "ServiceLocation",
        "Meter",
    ]
    assert utility.feed(*stranger, mapped={"666": "A-1", "SN666": "m1"}) == (4, [])
    assert said(utility.account()) == {"customer_kind": "residential", "budget_bill": "Y"}


def test_an_account_without_a_number_is_that_of_meters_which_never_had_another(utility: Utility) -> None:
    feed = [
        entry(ACCOUNT, "<CustomerAccount><budgetBill>Y</budgetBill></CustomerAccount>"),
        entry(AGREEMENT, "<CustomerAgreement><agreementId>77</agreementId></CustomerAgreement>"),
        entry(PLACE + "/Meter/1", "<Meter><serialNumber>m3</serialNumber></Meter>"),
    ]
    assert utility.feed(*feed) == (2, [])
    assert utility.account("A-2").budget_bill == "Y"
    utility.push("C2", "P2", "2 MAIN ST", "A-3", ["m3"])
    reason = "neither its number nor its meters name one account of the mirror"
    assert utility.feed(*feed, " ") == (0, [f"CustomerAccount: {reason}", f"CustomerAgreement: {reason}"])


def test_an_account_and_a_meter_that_never_met_make_no_agreement(utility: Utility) -> None:
    changed, notes = utility.feed(
        entry(ACCOUNT, "<CustomerAccount><accountId>A-2</accountId></CustomerAccount>"),
        entry(AGREEMENT, "<CustomerAgreement><agreementId>77</agreementId></CustomerAgreement>"),
        entry(PLACE + "/Meter/1", "<Meter><serialNumber>m1</serialNumber></Meter>"),
    )
    assert (changed, notes) == (0, ["CustomerAgreement: by the mirror its account has never had its meter"])


def test_a_feed_that_contradicts_itself_is_told_so(utility: Utility) -> None:
    def meter(path: str, form: str) -> str:
        return entry(path, f"<Meter><formNumber>{form}</formNumber><serialNumber>m1</serialNumber></Meter>")

    changed, notes = utility.feed(meter(PLACE + "/Meter/1", "2S"), meter(PLACE + "/Meter/2", "3S"))
    assert (changed, notes) == (1, ["Meter: the feed says otherwise of it before"])
    assert [each.form_number for each in utility.devices("m1")] == ["2S"]


def test_rows_keep_the_rules_of_billing_files(utility: Utility) -> None:
    changed, [note] = utility.feed(
        entry(ACCOUNT, "<CustomerAccount><accountId>A-1</accountId></CustomerAccount>"),
        entry(CUSTOMER, "<Customer><kind>martian</kind></Customer>"),
    )
    assert changed == 0
    assert note.startswith("Customer: customer_kind: Input should be 'residential'")
    assert "martian" not in note


@pytest.mark.parametrize(("start", "days"), [(MIDNIGHT, 30), (MIDNIGHT + 3600, 30)])
def test_power_quality_is_of_whole_days(utility: Utility, start: int, days: int) -> None:
    path = POINT.replace("U1", "m1") + "/ElectricPowerQualitySummary/1"
    length = days * 86400 + 3600  # November has 30 days and the hour that comes twice
    content = (
        "<ElectricPowerQualitySummary><flickerPlt>65</flickerPlt><mainsVoltage>1500000</mainsVoltage>"
        "<measurementProtocol>1</measurementProtocol><shortInterruptions>2</shortInterruptions><summaryInterval>"
        f"<duration>{length}</duration><start>{start}</start></summaryInterval></ElectricPowerQualitySummary>"
    )
    changed, notes = utility.feed(entry(path, content, "http://naesb.org/espi"))
    found = [said(each.facts) for each in known.power_quality(utility.db, utility.tenant.id, ["m1"])]
    if start != MIDNIGHT:
        assert (changed, len(notes), found) == (0, 1, [])
        return
    assert (changed, notes) == (1, [])
    assert found == [
        {
            "period_start": date(2025, 11, 1),
            "period_end": date(2025, 11, 30),
            "protocol": "EN50160",
            "long_term_flicker": Decimal("0.65"),
            "mains_voltage": Decimal("1.5"),
            "short_interruptions": 2,
        }
    ]
