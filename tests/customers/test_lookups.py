"""What other parts of the platform ask about meters, premises and profiles; and erasure."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select, text
from tests.customers.payloads import customer as a_customer
from tests.customers.payloads import meter, site

from energygrid.access.caller import Actor, Tenant
from energygrid.access.vault import Vault
from energygrid.customers import meters, mirror, sandbox
from energygrid.customers.erase import erase_customer
from energygrid.customers.meters import Holder
from energygrid.customers.payload import check_payload
from energygrid.customers.premises import meter_for_slid
from energygrid.customers.privacy import Privacy
from energygrid.customers.profiles import resolve_profile
from energygrid.customers.settings import CustomerSettings
from energygrid.customers.sync import Synced, push_customer
from energygrid.customers.tables import premise, premise_meter
from energygrid.errors import Invalid, NotFound

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=30)
WHO = Actor("cis", "req-1")


@pytest.fixture
def push(db: Connection, tenant: Tenant, vault: Vault) -> Any:
    def run(payload: dict[str, Any], now: datetime = NOW) -> Synced:
        return push_customer(db, tenant, check_payload(payload, CustomerSettings()), vault=vault, who=WHO, now=now)

    return run


def test_a_meter_is_found_with_its_place_and_holders(push: Any, db: Connection, tenant: Tenant) -> None:
    push(a_customer("ann", site("p1", meter("m1", accountNumber="A1", billingCycleId="N1"), state="MI")))
    push(
        a_customer("bob", site("p1", meter("m1", accountNumber="A1", billingCycleId="N1"), state="MI"), AcctStatus="S")
    )
    found = meters.find_meter(db, tenant.id, "m1")
    assert found is not None
    assert (found.premise_id, found.billing_cycle, found.account_number, found.state) == ("p1", "N1", "A1", "MI")
    assert found.holders == (Holder("ann", "A1", None, "A"), Holder("bob", "A1", None, "S"))
    assert meters.find_meter(db, tenant.id, "m2") is None
    assert meters.find_meter(db, tenant.id + 1, "m1") is None


def test_holdings_tell_who_may_see_which_span(push: Any, db: Connection, tenant: Tenant) -> None:
    push(a_customer("ann", site("p1", meter("m1", accountNumber="A1"))))
    push(a_customer("bob", site("p1", meter("m1", accountNumber="B1"))), LATER)
    spans = [(held.client_id, held.since, held.until) for held in meters.holdings_of_meter(db, tenant.id, "m1")]
    assert spans == [("ann", NOW, LATER), ("bob", LATER, None)]
    assert [held.meter_id for held in meters.holdings_of_client(db, tenant.id, "ann")] == ["m1"]


def test_rate_history_prices_a_period_with_the_code_of_its_time(push: Any, db: Connection, tenant: Tenant) -> None:
    push(a_customer("ann", site("p1", meter("m1", rateCode="R1"))))
    push(a_customer("ann", site("p1", meter("m1", rateCode="R2"))), LATER)
    assert meters.rate_history(db, tenant.id, "m1") == [(NOW, "R1"), (LATER, "R2")]


def test_c12_a_slid_is_a_premise_or_an_account(push: Any, db: Connection, tenant: Tenant) -> None:
    gas = meter("g1", meterType="Gas", unitOfMeasure="ccf")
    push(a_customer("ann", site("000123456", meter("m1", accountNumber="A1"), gas)))
    prefixed = replace(tenant, settings={"customers": {"slid_prefix": "SL-"}}, _sections={})
    for at, slid in ((tenant, "000123456"), (prefixed, "SL-000123456"), (tenant, "A1")):
        assert meter_for_slid(db, at, slid).meter_id == "m1"
    with pytest.raises(NotFound) as unknown:
        meter_for_slid(db, tenant, "SL-000123456")
    assert unknown.value.code == "UNKNOWN_PREMISE"


def test_c12_of_several_meters_the_primary_one_is_meant(push: Any, db: Connection, tenant: Tenant) -> None:
    push(a_customer("ann", site("p1", meter("m1", isPrimary=False), meter("m2", isPrimary=True)), site("p2")))
    push(a_customer("bob", site("p3", meter("m3"), meter("m4")), site("p4", meter("m5", isAMI=False))))
    assert meter_for_slid(db, tenant, "p1").meter_id == "m2"
    for slid, code in (("p3", "AMBIGUOUS_METER"), ("p4", "METER_NOT_AMI"), ("p2", "METER_NOT_AMI")):
        with pytest.raises(Invalid) as caught:
            meter_for_slid(db, tenant, slid)
        assert caught.value.code == code


def test_c15_a_profile_is_a_guid_or_a_client_id(push: Any, db: Connection, tenant: Tenant) -> None:
    guid = push(a_customer("ann", site("p1"), AcctStatus="S")).profile_id
    for name in (str(guid), str(guid).upper(), "ann"):
        profile = resolve_profile(db, tenant, name)
        assert (profile.client_id, profile.acct_status) == ("ann", "S")
    with pytest.raises(NotFound) as caught:
        resolve_profile(db, tenant, "nobody")
    assert caught.value.code == "UNKNOWN_PROFILE"


def test_erasure_leaves_nothing_of_the_person(push: Any, db: Connection, tenant: Tenant, vault: Vault) -> None:
    push(a_customer("ann", site("p1", meter("m1"), address1="123 Main St."), firstName="Ann"))
    push(a_customer("bob", site("p1", meter("m1"), address1="123 Main St."), firstName="Bob"), LATER)
    erase_customer(db, tenant, "ann", who=WHO, now=LATER)
    with pytest.raises(NotFound):
        mirror.read_document(db, tenant.id, "ann", Privacy.of(tenant, vault))
    assert meters.holdings_of_client(db, tenant.id, "ann") == []
    street = select(premise.c.personal_sealed)
    assert db.execute(street).scalar() is not None, "bob lives there now"
    erase_customer(db, tenant, "bob", who=WHO, now=LATER)
    assert db.execute(street).scalar() is None
    assert db.execute(select(premise_meter.c.meter_id)).scalars().all() == ["m1"], "the meter still hangs there"
    released = text("SELECT args->>'reason' FROM procrastinate_jobs WHERE task_name = 'devices.release_for'")
    assert db.execute(released).scalars().all() == ["tenant_changed", "moved_out"]
    actions = text("SELECT action, subject FROM audit_log WHERE action = 'customer.erased' ORDER BY id")
    assert [tuple(row) for row in db.execute(actions)] == [
        ("customer.erased", "customer/ann"),
        ("customer.erased", "customer/bob"),
    ]
    with pytest.raises(NotFound) as caught:
        erase_customer(db, tenant, "ann", who=WHO, now=LATER)
    assert caught.value.code == "UNKNOWN_CLIENT"


def test_c17_the_sandbox_loads_once_and_its_customer_has_six_meter_fields(
    db: Connection, tenant: Tenant, vault: Vault
) -> None:
    clients = sandbox.load_fixtures(db, tenant, vault, NOW)
    count = text("SELECT count(*) FROM contract")
    before = db.execute(count).scalar()
    assert sandbox.load_fixtures(db, tenant, vault, LATER) == clients
    assert db.execute(count).scalar() == before
    document = mirror.read_document(db, tenant.id, "123456789", Privacy.of(tenant, vault)).document
    assert document["customerSites"][0]["meters"] == [
        {
            "meterId": "123456789",
            "meterType": "Electric",
            "unitOfMeasure": "kWh",
            "isAMI": True,
            "rateCode": "RES1",
            "billingCycleId": 1,
        }
    ]
