"""The customer side: what is told, how it hangs together, and what stays untold."""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from io import BytesIO
from itertools import chain, combinations
from typing import Any

import pytest
from lxml import etree
from sqlalchemy import Connection, text
from tests.greenbutton.customer.conftest import BASE, Share

from energygrid.access import audit, tenants
from energygrid.access.caller import Tenant
from energygrid.access.vault import Vault
from energygrid.billing.records import files
from energygrid.billing.records.load import write_records
from energygrid.billing.records.record import Record, RecordKind
from energygrid.billing.records.sealing import Safe
from energygrid.billing.records.values import DateRules
from energygrid.customers.erase import erase_customer
from energygrid.errors import NotFound
from energygrid.espi_schemas import schema
from energygrid.greenbutton.atom import Entry, xml_entry_document
from energygrid.greenbutton.customer import views
from energygrid.greenbutton.entitlement import own_entitlement
from energygrid.greenbutton.feed import xml
from energygrid.greenbutton.sandbox import household
from energygrid.greenbutton.sandbox.household import SandboxCustomer
from energygrid.greenbutton.usage.context import Context

HREF = f"{BASE}/Batch/RetailCustomer/1000000000000001"
PERSONAL = ("Grace", "Greenfield", "Sunny", "Royal Oak", "48067", "48068", "grace@", "40-0001-7", "400000001")


def tell(db: Connection, vault: Vault, tenant: Tenant, kind: str, body: bytes, now: datetime) -> None:
    """Store what a billing file says."""
    records = list(files.read(BytesIO(body), RecordKind(kind), DateRules(), "USD"))
    assert all(isinstance(each, Record) for each in records), records
    write_records(
        db,
        tenant,
        Safe.of(tenant, vault),
        f"test {kind} {body!r}",
        RecordKind(kind),
        [each for each in records if isinstance(each, Record)],
        now,
    )


def leaf(entry: Entry, *path: str) -> Any:
    """The first value at a path of a content; None when there is none."""
    value: Any = entry.content
    for name in path:
        value = next((inside for element, inside in value if element == name), None)
        if value is None:
            return None
    return value


def named(entries: Sequence[Entry], resource: str) -> list[Entry]:
    return [each for each in entries if each.resource == resource]


def feed_text(db: Connection, ctx: Context) -> bytes:
    return b"".join(xml(views.customer_feed(db, ctx, HREF)))


def test_the_feed_is_valid_and_so_is_every_entry_by_itself(db: Connection, share: Share) -> None:
    ctx = share()
    strict = schema("4.0-strict")
    strict.assertValid(etree.fromstring(feed_text(db, ctx)))
    entries = views.resources(db, ctx)
    for entry in entries:
        strict.assertValid(etree.fromstring(xml_entry_document(entry)))
    assert {each.resource for each in entries} == {
        "Customer",
        "CustomerAccount",
        "CustomerAgreement",
        "ServiceSupplier",
        "ProgramDateIdMappings",
        "ServiceLocation",
        "Meter",
        "EndDevice",
        "Statement",
        "LocalTimeParameters",
    }


_BLOCKS = tuple(range(54, 63))
_SOME = [(each,) for each in _BLOCKS] + [(54, 58), (57, 59, 62), (58, 60, 61), (54, 55, 56, 57, 58, 59, 60, 61, 62)]


@pytest.mark.parametrize("blocks", _SOME, ids=str)
def test_a_narrowed_feed_is_valid_and_its_links_lead_somewhere(
    db: Connection, share: Share, blocks: tuple[int, ...]
) -> None:
    ctx = share("FB=" + "_".join(map(str, (4, *blocks))))
    schema("4.0-strict").assertValid(etree.fromstring(feed_text(db, ctx)))
    entries = views.resources(db, ctx)
    at = {each.href for each in entries}
    for entry in entries:
        for link in entry.related:
            if "-entry/" in link.type:
                assert link.href in at
            else:
                views.listed(db, ctx, link.href)


def test_each_part_of_the_consent_opens_its_facts_alone(db: Connection, share: Share) -> None:
    """contracts/greenbutton.md 4, FB_54 to FB_62."""

    def told(block: int) -> set[str]:
        found = views.resources(db, share(f"FB=4_{block}"))
        return {f"{each.resource}/{name}" for each in found for name, _ in each.content}

    zone = {f"LocalTimeParameters/{name}" for name in ("dstEndRule", "dstOffset", "dstStartRule", "tzOffset")}
    point = {"ServiceLocation/UsagePoints"}
    assert told(54) - zone == {
        "Customer/status",
        "Customer/customerName",
        "CustomerAccount/name",
        "CustomerAccount/status",
        "CustomerAccount/accountId",
    }
    assert told(55) - zone == {
        "Customer/Organisation",
        "Customer/kind",
        "Customer/locale",
        "CustomerAccount/contactInfo",
    }
    assert told(56) - zone == {
        "CustomerAccount/billingCycle",
        "CustomerAccount/budgetBill",
        "CustomerAccount/notifications",
        "Statement/issueDateTime",
        "Statement/statementRef",
    }
    assert {each.partition("/")[0] for each in told(57) - zone} == {"CustomerAgreement"}
    assert {each.partition("/")[0] for each in told(58) - zone} == {"ServiceLocation"}
    assert {each.partition("/")[0] for each in told(59) - zone} == {"ServiceSupplier"}
    assert {each.partition("/")[0] for each in told(60) - zone - point} == {"Meter"}
    assert {each.partition("/")[0] for each in told(61) - zone - point} == {"EndDevice"}
    assert {each.partition("/")[0] for each in told(62) - zone} == {"ProgramDateIdMappings"}


def test_a_consent_to_readings_alone_tells_nothing_of_the_customer(db: Connection, share: Share) -> None:
    ctx = share("FB=4_5_15;IntervalDuration=900")
    assert views.resources(db, ctx) == []
    with pytest.raises(NotFound):
        views.listed(db, ctx, f"{BASE}/RetailCustomer/{ctx.entitlement.id}/Customer/1/CustomerAccount")
    schema("4.0-strict").assertValid(etree.fromstring(feed_text(db, ctx)))


def test_links_are_those_of_the_contract(db: Connection, share: Share, home: SandboxCustomer) -> None:
    """contracts/greenbutton.md 2.3."""
    ctx = share(meters=[home.electric])
    found = {each.resource: each for each in reversed(views.resources(db, ctx))}
    top = f"{BASE}/RetailCustomer/{ctx.entitlement.id}/Customer"
    customer, account = found["Customer"].href, found["CustomerAccount"].href
    agreement, place = found["CustomerAgreement"].href, found["ServiceLocation"].href
    zone = found["LocalTimeParameters"].href
    point = ctx.entitlement.meters[0].usage_point
    assert found["Customer"].up == top
    assert account.startswith(f"{customer}/CustomerAccount/")
    assert agreement == f"{account}/CustomerAgreement/{point}"
    assert place.startswith(f"{agreement}/ServiceLocation/")
    expected = {
        "Customer": [(f"{customer}/CustomerAccount", "feed/CustomerAccount"), (zone, "entry/LocalTimeParameters")],
        "CustomerAccount": [(f"{account}/CustomerAgreement", "feed/CustomerAgreement"), (customer, "entry/Customer")],
        "CustomerAgreement": [
            *(
                (f"{agreement}/{name}", f"feed/{name}")
                for name in ("ServiceSupplier", "ProgramDateIdMappings", "ServiceLocation", "Statement")
            ),
            (account, "entry/CustomerAccount"),
        ],
        "ServiceSupplier": [(agreement, "entry/CustomerAgreement")],
        "ProgramDateIdMappings": [(agreement, "entry/CustomerAgreement")],
        "Statement": [(agreement, "entry/CustomerAgreement")],
        "ServiceLocation": [
            (f"{place}/Meter", "feed/Meter"),
            (f"{place}/EndDevice", "feed/EndDevice"),
            (zone, "entry/LocalTimeParameters"),
            (agreement, "entry/CustomerAgreement"),
        ],
        "Meter": [(place, "entry/ServiceLocation")],
        "EndDevice": [(place, "entry/ServiceLocation")],
        "LocalTimeParameters": [(customer, "entry/Customer"), (place, "entry/ServiceLocation")],
    }
    for resource, links in expected.items():
        assert [(each.href, each.type) for each in found[resource].related] == [
            (href, f"cust-{kind}") for href, kind in links
        ], resource
        assert {each.rel for each in found[resource].related} == {"related"}
        assert found[resource].href.startswith(found[resource].up + "/")


def test_a_location_names_its_usage_point_letter_by_letter(db: Connection, share: Share) -> None:
    """FB_58: the one join between who and what."""
    ctx = share()
    points = [leaf(each, "UsagePoints", "UsagePoint") for each in views.service_locations(db, ctx)]
    assert points == [ctx.usage_point(each) for each in ctx.entitlement.meters]
    assert len(set(points)) == 3


def test_names_places_and_numbers_are_told(db: Connection, share: Share, home: SandboxCustomer) -> None:
    ctx = share()
    (customer,) = views.customers(db, ctx)
    assert leaf(customer, "customerName") == "Grace Greenfield"
    assert leaf(customer, "kind") == "residential"
    assert leaf(customer, "status", "value") == "active"
    assert leaf(customer, "Organisation", "electronicAddress", "email1") == "grace@customer.example"
    (account,) = views.accounts(db, ctx)
    assert leaf(account, "name") == leaf(account, "accountId") == home.account_number
    assert leaf(account, "contactInfo", "streetAddress", "streetDetail", "addressGeneral") == "P.O. Box 40"
    assert leaf(account, "billingCycle") == "1"
    agreement = views.agreements(db, ctx)[0]
    assert leaf(agreement, "name") == leaf(agreement, "agreementId") == f"AG-{home.electric}"
    assert leaf(agreement, "PricingStructures") == "https://utility.example/tariffs/RES1"
    assert leaf(agreement, "currency") == 840
    assert leaf(agreement, "validityInterval", "duration") is None
    assert leaf(agreement, "DemandResponseProgram", "enrollmentStatus") == "enrolled"
    place = views.service_locations(db, ctx)[0]
    assert leaf(place, "mainAddress", "streetDetail", "addressGeneral") == "40 Sunny Side Ave."
    assert leaf(place, "mainAddress", "postalCode") == "48067"
    assert leaf(views.meters(db, ctx)[0], "serialNumber") == f"SN{home.electric}"
    assert leaf(views.suppliers(db, ctx)[0], "Organisation", "organisationName") == "Sandbox Light and Water"
    codes = [leaf(each, "programDateIdMapping", "code") for each in views.program_date_id_mappings(db, ctx)]
    assert codes == ["PS-IN", "PS-OUT"]


def test_nothing_personal_stands_in_an_address_an_id_or_a_title(db: Connection, share: Share) -> None:
    """Certification test TC010 (contracts/greenbutton.md 2.1)."""
    tree = etree.fromstring(feed_text(db, share()))
    atom = "{http://www.w3.org/2005/Atom}"
    outside = [
        *(each.text or "" for each in tree.iter(f"{atom}id", f"{atom}title")),
        *(each.get("href", "") for each in tree.iter(f"{atom}link")),
        *(each.text or "" for each in tree.iter("{*}UsagePoint", "{*}statementURL")),
    ]
    assert len(outside) > 100
    assert not [each for each in outside if any(word in each for word in PERSONAL)]
    ids = [each.rpartition("/")[2] for each in outside if "/RetailCustomer/" in each]
    assert all(re.fullmatch(r"[1-9][0-9]{15}|[A-Za-z]+", each) for each in ids)


def test_each_address_is_one_of_its_own_and_stays_so(db: Connection, share: Share) -> None:
    ctx = share()
    entries = views.resources(db, ctx)
    assert max(Counter(each.href for each in entries).values()) == 1
    assert [each.href for each in views.resources(db, ctx)] == [each.href for each in entries]
    for entry in entries:
        assert views.one(db, ctx, entry.href) == entry
        if entry.resource != "LocalTimeParameters":
            assert entry in views.listed(db, ctx, entry.up)


def test_two_third_parties_cannot_compare_their_ids(db: Connection, share: Share) -> None:
    def ids(ctx: Context) -> set[str]:
        return {part for each in views.resources(db, ctx) for part in each.href.split("/") if part.isdigit()}

    assert not ids(share()) & ids(share())


def test_nobody_learns_of_what_another_consent_opens(db: Connection, share: Share, home: SandboxCustomer) -> None:
    mine, other = share(meters=[home.gas]), share()
    theirs = [each.href for each in views.resources(db, other)]
    for href in theirs:
        with pytest.raises(NotFound):
            views.one(db, mine, href)
    assert len(views.agreements(db, mine)) == 1


def test_an_empty_list_is_empty_and_one_without_a_parent_is_unknown(
    db: Connection, share: Share, home: SandboxCustomer
) -> None:
    ctx = share(meters=[home.water])
    (agreement,) = views.agreements(db, ctx)
    assert views.listed(db, ctx, f"{agreement.href}/ProgramDateIdMappings") == []
    with pytest.raises(NotFound):
        views.listed(db, ctx, f"{agreement.href}9/ProgramDateIdMappings")


def test_the_version_changes_with_the_content_alone(
    db: Connection, vault: Vault, tenant: Tenant, now: datetime, share: Share, home: SandboxCustomer
) -> None:
    ctx = share()
    before = views.customer_feed(db, ctx, HREF)
    later = Context(ctx.vault, ctx.base, ctx.entitlement, ctx.now + timedelta(hours=5))
    assert views.customer_feed(db, later, HREF).version == before.version
    row = f'{{"ContractAccount": "{home.account_number}", "BudgetBill": "Y"}}'
    tell(db, vault, tenant, "account", row.encode(), now + timedelta(hours=1))
    after = views.customer_feed(db, ctx, HREF)
    assert after.version != before.version
    assert after.updated == now + timedelta(hours=1)


def test_a_statement_is_served_to_whom_it_is_linked(db: Connection, share: Share, home: SandboxCustomer) -> None:
    ctx = share()
    (entry, *_) = views.statements(db, ctx)
    url = leaf(entry, "statementRef", "statementURL")
    assert url.startswith(f"{BASE}/Non-ESPI/statements/")
    media, name, body = views.statement_file(db, ctx, url.rpartition("/")[2])
    assert (media, name) == (leaf(entry, "statementRef", "mediaType"), leaf(entry, "statementRef", "fileName"))
    assert body.startswith(b"%PDF")
    for other in (share(meters=[home.gas]), share("FB=4_58"), share("FB=4_5")):
        assert views.statements(db, other) == []
        with pytest.raises(NotFound):
            views.statement_file(db, other, url.rpartition("/")[2])


def test_a_statement_of_the_whole_account_needs_all_its_meters(
    db: Connection, vault: Vault, tenant: Tenant, now: datetime, share: Share, home: SandboxCustomer
) -> None:
    row = (
        f'{{"ContractAccount": "{home.account_number}", "StatementID": "all", "IssueDate": "2026-02-02",'
        ' "MediaType": "text/plain", "Content": "YWxs"}'
    )
    tell(db, vault, tenant, "statement", row.encode(), now)

    def has_it(ctx: Context) -> bool:
        return any(leaf(each, "statementRef", "mediaType") == "text/plain" for each in views.statements(db, ctx))

    assert has_it(share())
    assert not has_it(share(meters=[home.electric, home.gas]))


def test_a_statement_from_before_what_is_shared_stays_unseen(db: Connection, now: datetime, share: Share) -> None:
    everything, some = share(), share(data_from=now - timedelta(days=100))
    issued = [leaf(each, "issueDateTime") for each in views.statements(db, some)]
    assert len(views.statements(db, everything)) > len(issued) > 0
    assert min(issued) >= (now - timedelta(days=100)).timestamp()


def test_the_last_statement_is_issued_after_moving_out_and_seen_all_the_same(
    db: Connection, vault: Vault, tenant: Tenant, now: datetime, share: Share, home: SandboxCustomer
) -> None:
    moved = now - timedelta(days=10)
    for name, days in (("last", 5), ("later", 2)):
        row = (
            f'{{"ContractAccount": "{home.account_number}", "MeterID": "{home.electric}", "StatementID": "{name}",'
            f' "IssueDate": "{(now - timedelta(days=days)).date()}", "FileName": "{name}.txt",'
            ' "MediaType": "text/plain", "Content": "YWxs"}'
        )
        tell(db, vault, tenant, "statement", row.encode(), now)
    db.execute(text("UPDATE contract SET until = :at"), {"at": moved})

    def names(ctx: Context) -> set[object]:
        return {leaf(each, "statementRef", "fileName") for each in views.statements(db, ctx)} & {
            "last.txt",
            "later.txt",
        }

    assert names(share()) == {"last.txt"}
    assert names(share(data_until=moved - timedelta(days=1))) == set()
    taken = (
        "INSERT INTO contract (tenant_id, client_id, premise_id, meter_id, account_number, position, since)"
        " VALUES (:tenant, 'next', 'P', 'M', :account, 0, :at)"
    )
    db.execute(text(taken), {"tenant": tenant.id, "account": home.account_number, "at": moved})
    assert names(share()) == set()


def test_after_moving_out_nothing_is_told_of_visits_to_the_place(
    db: Connection, vault: Vault, tenant: Tenant, now: datetime, share: Share, home: SandboxCustomer
) -> None:
    row = f'{{"MeterID": "{home.electric}", "AccessMethod": "key at the porch", "OutageBlock": "B8"}}'
    tell(db, vault, tenant, "location", row.encode(), now)

    def access(ctx: Context) -> tuple[Any, Any]:
        place = views.service_locations(db, ctx)[0]
        return leaf(place, "accessMethod"), leaf(place, "outageBlock")

    assert access(share()) == ("key at the porch", "B8")
    db.execute(text("UPDATE contract SET until = :now"), {"now": now - timedelta(days=1)})
    assert access(share()) == (None, "B8")


def test_the_agreement_that_holds_now_is_told(
    db: Connection, vault: Vault, tenant: Tenant, now: datetime, share: Share, home: SandboxCustomer
) -> None:
    rows = [
        f'{{"ContractAccount": "{home.account_number}", "AgreementID": "{name}", "MeterID": "{home.gas}"{dates}}}'
        for name, dates in (
            ("old", ', "ValidFrom": "2018-01-01", "ValidUntil": "2019-08-31"'),
            ("next", ', "ValidFrom": "2027-01-01"'),
        )
    ]
    rows.append(f'{{"ContractAccount": "{home.account_number}", "AgreementID": "whole", "ValidFrom": "2025-01-01"}}')
    tell(db, vault, tenant, "agreement", "\n".join(rows).encode(), now)
    ctx = share(meters=[home.gas])
    assert leaf(views.agreements(db, ctx)[0], "agreementId") == f"AG-{home.gas}"


def test_what_the_utility_never_said_has_no_element(db: Connection, share: Share, home: SandboxCustomer) -> None:
    db.execute(text("DELETE FROM utility_record"))
    ctx = share(meters=[home.electric])
    entries = views.resources(db, ctx)
    schema("4.0-strict").assertValid(etree.fromstring(feed_text(db, ctx)))
    assert [each.resource for each in entries] == [
        "Customer",
        "CustomerAccount",
        "CustomerAgreement",
        "ServiceLocation",
        "Meter",
        "LocalTimeParameters",
    ]
    customer, account, agreement, place, meter, _ = entries
    assert [name for name, _ in customer.content] == ["Organisation", "status", "customerName"]
    assert [name for name, _ in account.content] == ["name", "billingCycle", "contactInfo", "accountId"]
    assert agreement.content == ()
    assert [name for name, _ in place.content] == ["mainAddress", "UsagePoints"]
    assert meter.content == (("type", "AMI"), ("serialNumber", home.electric))


def test_a_tenant_that_keeps_nothing_personal_tells_nothing_personal(
    db: Connection, vault: Vault, now: datetime
) -> None:
    shy = tenants.create_tenant(
        db, "shy", environment="sandbox", settings={"customers": {"pii_level": "none"}}, now=now
    )
    home = household.load(db, vault, shy, now)
    ctx = Context(vault, BASE, own_entitlement(db, vault, shy, home.customer_id, now), now)
    told = feed_text(db, ctx)
    schema("4.0-strict").assertValid(etree.fromstring(told))
    assert views.statements(db, ctx) == []
    assert len(views.service_locations(db, ctx)) == 3
    assert not [
        word for word in ("Grace", "Greenfield", "Sunny", "P.O. Box", "grace@", "83.14") if word.encode() in told
    ]


def test_a_bound_device_is_the_customers_own_and_keeps_its_code(
    db: Connection, tenant: Tenant, now: datetime, share: Share, home: SandboxCustomer
) -> None:
    insert = text(
        "INSERT INTO bind (tenant_id, bind_id, meter_id, slot, mac, client_id, device_type, state, late,"
        " code_fingerprint, code_sealed, requested_at, armed_at, changed_at, paired_at)"
        " VALUES (:tenant, :bind, :meter, :slot, :mac, :client, 'DATABRIDGE', :state, false,"
        " 'x', 'secret', :now, :now, :now, :now)"
    )
    for slot, (client, state) in enumerate(
        [(home.customer_id, "PAIRED"), ("somebody-else", "PAIRED"), (home.customer_id, "JOINING")]
    ):
        db.execute(
            insert,
            {
                "tenant": tenant.id,
                "bind": f"b{slot}",
                "meter": home.electric,
                "slot": slot,
                "mac": f"00aabbccddee000{slot}",
                "client": client,
                "state": state,
                "now": now,
            },
        )
    devices = views.end_devices(db, share(meters=[home.electric]))
    macs = [leaf(each, "electronicAddress", "mac") for each in devices]
    assert macs == [None, "00:AA:BB:CC:DD:EE:00:00"]
    assert leaf(devices[1], "isPan") is True
    assert leaf(devices[1], "installCode") is None


def test_an_erased_customer_has_nothing_left_to_tell(
    db: Connection, tenant: Tenant, now: datetime, share: Share, home: SandboxCustomer
) -> None:
    ctx = share()
    erase_customer(db, tenant, home.customer_id, who=audit.SYSTEM, now=now)
    assert views.resources(db, ctx) == []


def test_any_subset_of_meters_gives_its_own_tree(db: Connection, share: Share, home: SandboxCustomer) -> None:
    subsets = chain.from_iterable(combinations(home.meters, size) for size in (1, 2, 3))
    for some in subsets:
        ctx = share(meters=list(some))
        assert len(views.agreements(db, ctx)) == len(views.meters(db, ctx)) == len(some)
        assert [each.rpartition("/")[2] for each in (e.href for e in views.agreements(db, ctx))] == [
            each.usage_point for each in ctx.entitlement.meters
        ]
