"""Erasing a customer takes with it what the utility's records tell of it."""

import base64
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, text

from energygrid.access.audit import SYSTEM
from energygrid.access.caller import Tenant
from energygrid.access.vault import Vault
from energygrid.billing.erase import erase_customer
from energygrid.billing.records import files, known
from energygrid.billing.records.load import write_records
from energygrid.billing.records.record import Record, RecordKind
from energygrid.billing.records.sealing import Safe
from energygrid.billing.records.values import DateRules
from energygrid.customers.payload import check_payload
from energygrid.customers.settings import CustomerSettings
from energygrid.customers.sync import push_customer
from energygrid.errors import NotFound

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def push(db: Connection, vault: Vault, tenant: Tenant, client: str, *meters: tuple[str, str]) -> None:
    payload = {
        "clientId": client,
        "customerSites": [
            {
                "externalSiteId": f"home of {client}".replace(" ", "-"),
                "postalCode": "48067",
                "meters": [
                    {
                        "meterId": meter,
                        "meterType": "Electric",
                        "isAMI": True,
                        "rateCode": "RES1",
                        "billingCycleId": 1,
                        "accountNumber": account,
                    }
                    for meter, account in meters
                ],
            }
        ],
    }
    checked = check_payload(payload, tenant.section("customers", CustomerSettings))
    push_customer(db, tenant, checked, vault=vault, who=SYSTEM, now=NOW)


def tell(db: Connection, vault: Vault, tenant: Tenant, kind: RecordKind, **row: Any) -> None:
    found = list(files.read(io.BytesIO(json.dumps(row).encode()), kind, DateRules(), "USD"))
    records = [each for each in found if isinstance(each, Record)]
    assert len(records) == 1
    write_records(db, tenant, Safe.of(tenant, vault), json.dumps(row), kind, records, NOW)


def tell_all(db: Connection, vault: Vault, tenant: Tenant, account: str, meter: str) -> None:
    content = base64.b64encode(b"a bill").decode()
    more: dict[str, Any] = {"MediaType": "application/pdf", "Content": content}
    tell(db, vault, tenant, RecordKind.ACCOUNT, ContractAccount=account, ContactName="Ann")
    tell(db, vault, tenant, RecordKind.ACCOUNT, ContractAccount=account, ContactName="Ann B.")
    tell(db, vault, tenant, RecordKind.AGREEMENT, ContractAccount=account, AgreementID="G", MeterID=meter)
    tell(db, vault, tenant, RecordKind.STATEMENT, ContractAccount=account, StatementID="S", FileName="ann.pdf", **more)
    tell(db, vault, tenant, RecordKind.LOCATION, MeterID=meter, Street="1 Ann Way", OutageBlock="B7")
    tell(db, vault, tenant, RecordKind.LOCATION, MeterID=meter, Street="2 Ann Way", OutageBlock="B7")
    tell(db, vault, tenant, RecordKind.DEVICE, MeterID=meter, DeviceID=meter, SerialNumber="S-1")


def sealed(db: Connection) -> int:
    query = "SELECT count(*) FROM utility_record WHERE personal_sealed IS NOT NULL OR personal IS NOT NULL"
    return int(db.execute(text(query)).scalar_one())


def test_documents_accounts_and_addresses_go_in_every_revision(db: Connection, vault: Vault, tenant: Tenant) -> None:
    push(db, vault, tenant, "ann", ("m1", "A1"))
    tell_all(db, vault, tenant, "A1", "m1")
    assert sealed(db) == 5
    erase_customer(db, tenant, "ann", who=SYSTEM, now=NOW + timedelta(days=1))
    assert sealed(db) == 0
    assert db.execute(text("SELECT count(*) FROM statement_file")).scalar_one() == 0
    assert known.accounts(db, vault, tenant, ["A1"]) == {}
    assert known.agreements(db, tenant.id, ["A1"]) == []
    assert known.locations(db, vault, tenant, ["m1"])["m1"].facts.outage_block == "B7"
    assert [each.facts.serial_number for each in known.devices(db, tenant.id, ["m1"])] == ["S-1"]


def test_what_is_told_of_others_stays(db: Connection, vault: Vault, tenant: Tenant) -> None:
    push(db, vault, tenant, "ann", ("m1", "A1"))
    push(db, vault, tenant, "bob", ("m2", "A2"))
    tell_all(db, vault, tenant, "A2", "m2")
    erase_customer(db, tenant, "ann", who=SYSTEM, now=NOW)
    assert sealed(db) == 5
    assert len(known.statements(db, vault, tenant, ["A2"])) == 1


def test_an_account_that_two_share_keeps_its_records_until_both_are_gone(
    db: Connection, vault: Vault, tenant: Tenant
) -> None:
    push(db, vault, tenant, "ann", ("m1", "A1"))
    push(db, vault, tenant, "bob", ("m2", "A1"))
    tell_all(db, vault, tenant, "A1", "m1")
    erase_customer(db, tenant, "ann", who=SYSTEM, now=NOW)
    assert len(known.statements(db, vault, tenant, ["A1"])) == 1
    assert known.locations(db, vault, tenant, ["m1"])["m1"].facts.street is None
    erase_customer(db, tenant, "bob", who=SYSTEM, now=NOW)
    assert sealed(db) == 0


def test_who_is_not_known_cannot_be_erased(db: Connection, tenant: Tenant) -> None:
    with pytest.raises(NotFound):
        erase_customer(db, tenant, "nobody", who=SYSTEM, now=NOW)
