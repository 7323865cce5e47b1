"""What a push does to the mirror (contract P-1)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select, text
from tests.customers.payloads import customer as a_customer
from tests.customers.payloads import meter, site

from energygrid.access.caller import Actor, Tenant
from energygrid.access.vault import Vault
from energygrid.customers import mirror
from energygrid.customers.payload import check_payload
from energygrid.customers.privacy import Privacy
from energygrid.customers.settings import CustomerSettings
from energygrid.customers.sync import Synced, push_customer
from energygrid.customers.tables import contract, customer, customer_premise, meter_rate, premise, premise_meter
from energygrid.errors import Invalid, NotFound

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=30)
WHO = Actor("cis", "req-1")
Push = Callable[..., Synced]


@pytest.fixture
def push(db: Connection, tenant: Tenant, vault: Vault) -> Push:
    def run(payload: dict[str, Any], *, now: datetime = NOW, at: Tenant = tenant, **more: Any) -> Synced:
        checked = check_payload(payload, at.section("customers", CustomerSettings))
        return push_customer(db, at, checked, vault=vault, who=WHO, now=now, **more)

    return run


@pytest.fixture
def read(db: Connection, tenant: Tenant, vault: Vault) -> Callable[[str], dict[str, Any]]:
    return lambda client_id: mirror.read_document(db, tenant.id, client_id, Privacy.of(tenant, vault)).document


def jobs(db: Connection, task: str) -> list[dict[str, Any]]:
    query = text("SELECT args FROM procrastinate_jobs WHERE task_name = :task ORDER BY id")
    return [
        {key: value for key, value in args.items() if key != "tenant_id"}
        for args in db.execute(query, {"task": task}).scalars()
    ]


def with_settings(tenant: Tenant, **settings: Any) -> Tenant:
    return replace(tenant, settings={"customers": settings}, _sections={})


def test_the_first_push_creates_and_the_same_again_changes_nothing(push: Push) -> None:
    payload = a_customer("c1", site("p1", meter("m1")))
    assert [push(payload).outcome, push(payload).outcome] == ["created", "unchanged"]


def test_the_mirror_gives_back_what_was_pushed(push: Push, read: Callable[[str], dict[str, Any]]) -> None:
    payload = a_customer(
        "c1",
        site(
            "p2",
            meter("m9", accountNumber="A1", isPrimary=True, isAMR=False, PANID="0x1", rateMultiplier=1.5, dialCount=5),
            meter("m1", meterType="Gas", unitOfMeasure="ccf", billingCycleId="N07"),
            isPrimary=True,
            firstName="Ann",
            lastName="Doe",
            address1="123 Main St.",
            city="Detroit",
            state="MI",
        ),
        site("p1", meter("m2"), isPrimary=False),
        site("p3"),
        firstName="Zoë",
        lastName="Doe",
        businessName="Doe & Sons",
    )
    synced = push(payload)
    assert synced.document == read("c1") == payload
    assert list(read("c1")["customerSites"][0]["meters"][0])[:6] == [
        "meterId", "meterType", "unitOfMeasure", "isAMI", "rateCode", "billingCycleId",
    ]  # fmt: skip


def test_c16_a_billing_cycle_stays_the_kind_of_value_it_came_as(push: Push, read: Any) -> None:
    push(a_customer("c1", site("p1", meter("m1", billingCycleId=7), meter("m2", billingCycleId="7"))))
    cycles = [entry["billingCycleId"] for entry in read("c1")["customerSites"][0]["meters"]]
    assert cycles == [7, "7"]


def test_c19_gas_keeps_the_unit_that_the_cis_uses(push: Push, read: Any) -> None:
    units = ["ccf", "cm", "therms"]
    push(a_customer("c1", site("p1", *[meter(unit, meterType="Gas", unitOfMeasure=unit) for unit in units])))
    assert [entry["unitOfMeasure"] for entry in read("c1")["customerSites"][0]["meters"]] == units


def test_missing_sites_and_meters_are_ended_not_deleted(push: Push, db: Connection, read: Any) -> None:
    push(a_customer("c1", site("p1", meter("m1"), meter("m2")), site("p2", meter("m3"))))
    assert push(a_customer("c1", site("p1", meter("m1"))), now=LATER).outcome == "updated"
    assert read("c1")["customerSites"] == [site("p1", meter("m1"), isPrimary=True)]
    ended = select(contract.c.meter_id, contract.c.since, contract.c.until).where(contract.c.until.is_not(None))
    assert {tuple(row) for row in db.execute(ended)} == {("m2", NOW, LATER), ("m3", NOW, LATER)}
    places = db.execute(select(premise_meter.c.meter_id, premise_meter.c.until)).all()
    assert {tuple(row) for row in places} == {("m1", None), ("m2", LATER), ("m3", None)}, "m3 hangs in an empty home"
    assert jobs(db, "devices.release_for") == [
        {"meter_ids": ["m2"], "reason": "meter_removed"},
        {"meter_ids": ["m3"], "reason": "moved_out"},
    ]


def test_a_customer_without_sites_is_believed_only_when_closed(push: Push, read: Any) -> None:
    push(a_customer("c1", site("p1", meter("m1"))))
    for status in ("A", "S"):
        with pytest.raises(Invalid, match="customerSites may be empty"):
            push(a_customer("c1", AcctStatus=status))
    assert push(a_customer("c1", AcctStatus="C")).outcome == "updated"
    assert read("c1")["customerSites"] == []


def test_a_status_that_denies_service_releases_devices_once(push: Push, db: Connection) -> None:
    for status in ("A", "S", "C", "A"):
        push(a_customer("c1", site("p1", meter("m1")), AcctStatus=status))
    assert jobs(db, "devices.release_for") == [{"meter_ids": ["m1"], "reason": "account_denied"}]
    assert jobs(db, "metering.unpark") == [{"meter_ids": ["m1"]}, {"meter_ids": ["m1"]}]


def test_a_new_client_on_a_premise_replaces_who_was_there(push: Push, db: Connection, read: Any) -> None:
    old = a_customer("old", site("p1", meter("m1", accountNumber="A1")))
    push(old)
    push(a_customer("new", site("p1", meter("m1", accountNumber="A2"))), now=LATER)
    assert read("old")["customerSites"] == []
    assert len(read("new")["customerSites"]) == 1
    assert jobs(db, "devices.release_for") == [{"meter_ids": ["m1"], "reason": "tenant_changed"}]
    assert push(old, now=LATER).outcome == "updated", "the old client's own push is no longer what the mirror says"


def test_clients_of_one_account_share_its_premise(push: Push, db: Connection, read: Any) -> None:
    payload = a_customer("ann", site("p1", meter("m1", accountNumber="A1"), isPrimary=True))
    push(payload)
    push(payload | {"clientId": "bob"}, now=LATER)
    assert read("ann")["customerSites"] == read("bob")["customerSites"] == payload["customerSites"]
    push(a_customer("ann", AcctStatus="C"), now=LATER)
    assert read("bob")["customerSites"] == payload["customerSites"]
    assert jobs(db, "devices.release_for") == [], "bob still lives there"


def test_a_change_of_a_shared_meter_makes_the_other_clients_next_push_count(push: Push, read: Any) -> None:
    ann = a_customer("ann", site("p1", meter("m1", accountNumber="A1"), isPrimary=True))
    push(ann)
    push(ann | {"clientId": "bob"})
    push(a_customer("bob", site("p1", meter("m1", accountNumber="A1", rateCode="TOU"), isPrimary=True)))
    assert push(ann).outcome == "updated"
    assert read("ann") == ann


def test_a_tenant_may_rule_that_nobody_is_replaced(push: Push, tenant: Tenant, read: Any) -> None:
    shared = with_settings(tenant, shared_premises="always")
    push(a_customer("ann", site("p1", meter("m1"))), at=shared)
    push(a_customer("bob", site("p1", meter("m1"))), at=shared)
    assert read("ann")["customerSites"] == read("bob")["customerSites"]


def test_a_meter_hangs_on_one_premise_at_a_time(push: Push, db: Connection, read: Any) -> None:
    push(a_customer("c1", site("p1", meter("m1"))))
    push(a_customer("c2", site("p2", meter("m1"))), now=LATER)
    assert read("c1")["customerSites"] == [site("p1", isPrimary=True)]
    live = select(premise_meter.c.premise_id).where(premise_meter.c.until.is_(None))
    assert db.execute(live).scalars().all() == ["p2"]
    assert jobs(db, "devices.release_for") == [{"meter_ids": ["m1"], "reason": "meter_moved"}]


def test_another_billing_account_is_another_contract(push: Push, db: Connection) -> None:
    push(a_customer("c1", site("p1", meter("m1", accountNumber="A1"))))
    push(a_customer("c1", site("p1", meter("m1", accountNumber="A2"))), now=LATER)
    spans = db.execute(
        select(contract.c.account_number, contract.c.since, contract.c.until).order_by(contract.c.id)
    ).all()
    assert [tuple(row) for row in spans] == [("A1", NOW, LATER), ("A2", LATER, None)]
    assert jobs(db, "devices.release_for") == []


def test_rate_codes_are_kept_with_their_dates(push: Push, db: Connection) -> None:
    for rate, now in (("RES1", NOW), ("RES1", NOW), ("TOU", LATER)):
        push(a_customer("c1", site("p1", meter("m1", rateCode=rate))), now=now)
    rates = db.execute(select(meter_rate.c.rate_code, meter_rate.c.since).order_by(meter_rate.c.since)).all()
    assert [tuple(row) for row in rates] == [("RES1", NOW), ("TOU", LATER)]


def test_an_older_payload_than_the_newest_known_is_stale(push: Push, read: Any) -> None:
    hours = [NOW - timedelta(hours=hour) for hour in (3, 2, 1)]
    first, second = (a_customer("c1", site("p1", meter("m1", rateCode=rate)), firstName="A") for rate in ("R1", "R2"))
    assert push(first, source_time=hours[0]).outcome == "created"
    assert push(first, source_time=hours[2]).outcome == "unchanged"
    stale = push(second, source_time=hours[1])
    assert stale.outcome == "stale"
    assert stale.document == read("c1")
    assert read("c1")["customerSites"][0]["meters"][0]["rateCode"] == "R1"
    assert push(second, source_time=NOW).outcome == "updated"
    with pytest.raises(Invalid, match="in the future"):
        push(second, source_time=LATER)


def test_ids_are_case_sensitive_and_kinds_do_not_mix(push: Push, read: Any) -> None:
    push(a_customer("123", site("123", meter("123"))))
    push(a_customer("Abc", site("P", meter("M"))))
    push(a_customer("abc", site("p", meter("m"))))
    assert [read(client)["customerSites"][0]["externalSiteId"] for client in ("123", "Abc", "abc")] == ["123", "P", "p"]


def test_one_tenants_customers_are_not_the_others(push: Push, db: Connection, tenant: Tenant, read: Any) -> None:
    push(a_customer("c1", site("p1", meter("m1"))), at=replace(tenant, id=tenant.id + 1))
    with pytest.raises(NotFound):
        read("c1")


@pytest.mark.parametrize("level", ["encrypted", "plain", "none"])
def test_c25_personal_data_rests_at_the_tenants_level(
    push: Push, db: Connection, tenant: Tenant, vault: Vault, level: str
) -> None:
    at = with_settings(tenant, pii_level=level)
    payload = a_customer(
        "c1", site("p1", meter("m1"), firstName="Ann", address1="123 Main St.", isPrimary=True), lastName="Doe"
    )
    pushed = push(payload, at=at).document
    stored = "".join(
        repr(row) for table in (customer, premise, customer_premise) for row in db.execute(select(table)).all()
    )
    assert [name in stored for name in ("Ann", "Doe", "Main")] == [level == "plain"] * 3
    document = mirror.read_document(db, tenant.id, "c1", Privacy.of(at, vault)).document
    nameless = a_customer("c1", site("p1", meter("m1"), isPrimary=True))
    assert document == pushed == (nameless if level == "none" else payload)


def test_c25_the_first_push_after_a_change_of_level_rewrites(push: Push, db: Connection, tenant: Tenant) -> None:
    payload = a_customer("c1", site("p1", meter("m1"), address1="123 Main St."), lastName="Doe")
    push(payload, at=with_settings(tenant, pii_level="plain"))
    assert push(payload).outcome == "updated"
    assert "Doe" not in repr(db.execute(select(customer)).all())
    assert "Main" not in repr(db.execute(select(premise)).all())
