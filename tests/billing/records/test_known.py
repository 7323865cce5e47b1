"""Records that are kept as documents: what comes in a file is read back, personal parts sealed at every step."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from energygrid.access import tenants
from energygrid.access.caller import Actor, Tenant
from energygrid.access.vault import Vault
from energygrid.billing.records import bills, known, load
from energygrid.billing.records.facts import StatementRow
from energygrid.database.engine import Database
from energygrid.errors import NotFound
from energygrid.ingest import jobs, landing
from energygrid.ingest.jobs import Job
from energygrid.ingest.landing import Receiver

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WHO = Actor("test", "req_1")
PDF = b"%PDF-1.4 a bill of Ada Lovelace"

Load = Callable[..., Job]


@pytest.fixture
def load_file(database: Database, vault: Vault) -> Load:
    def run(tenant: Tenant, kind: str, body: object, *, is_landed_only: bool = False) -> Job:
        seal = landing.sealing(vault)
        lines = body if isinstance(body, str) else "\n".join(map(json.dumps, body))  # type: ignore[call-overload]
        with Receiver(1 << 25, seal) as receiver:
            receiver.add(lines.encode())
            job: Job = database.write(
                jobs.receive_file,
                tenant,
                WHO,
                receiver,
                kind=load.JOB_KIND,
                task=load.TASK,
                name="f",
                options={"kind": kind} | landing.SEALED,
                now=NOW,
            )
        if not is_landed_only:
            load.run(database, vault, tenant.id, job.id, lambda: NOW)
        return database.read(jobs.find_job, tenant.id, job.id)

    return run


def everything(database: Database) -> bytes:
    """Every byte of the tables that a record passes through."""
    names = ("utility_record", "statement_file", "landed_chunk", "ingest_reject", "ingest_note", "ingest_job")
    read = [database.read(lambda db, n=name: db.execute(text(f"SELECT * FROM {n}")).all()) for name in names]
    return b"\n".join(
        bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
        for rows in read
        for row in rows
        for value in row
    )


def statement(**fields: Any) -> dict[str, Any]:
    return {
        "ContractAccount": "A1",
        "StatementID": "S1",
        "IssueDate": "2026-02-03",
        "FileName": "lovelace.pdf",
        "MediaType": "application/pdf",
        "Content": base64.b64encode(PDF).decode(),
    } | fields


AGREEMENT = {
    "ContractAccount": "A1",
    "AgreementID": "G1",
    "MeterID": "m1",
    "SupplierID": "sup",
    "SignDate": "2020-01-02",
    "ValidFrom": "2020-01-03",
    "IsPrePay": False,
    "Currency": "USD",
    "TariffURL": ["https://utility.example/tariffs/RES1"],
    "Programs": [
        {
            "Name": "Peak Saver",
            "Status": "enrolled",
            "Dates": [{"Type": "CUST_DR_PROGRAM_ENROLLMENT_DATE", "Date": "2021-05-01", "Code": "PS1"}],
        }
    ],
}


def test_an_agreement_with_its_programmes_is_read_back(
    database: Database, committed_tenant: Tenant, load_file: Load
) -> None:
    assert load_file(committed_tenant, "agreement", [AGREEMENT]).counters["accepted"] == 1
    (found,) = database.read(known.agreements, committed_tenant.id, ["A1", "A2"])
    assert (found.facts.agreement_id, found.facts.meter_id, found.facts.sign_date) == ("G1", "m1", date(2020, 1, 2))
    assert found.facts.is_pre_pay is False
    (program,) = found.facts.programs
    assert (program.name, program.status, program.dates[0].date) == ("Peak Saver", "enrolled", date(2021, 5, 1))
    assert database.read(known.agreements, committed_tenant.id, ["A2"]) == []


def test_a_changed_agreement_is_a_new_revision_and_the_same_one_is_not_written(
    database: Database, committed_tenant: Tenant, load_file: Load
) -> None:
    load_file(committed_tenant, "agreement", [AGREEMENT])
    assert load_file(committed_tenant, "agreement", [{**AGREEMENT, "Unknown": 1}]).counters["unchanged"] == 1
    assert load_file(committed_tenant, "agreement", [{**AGREEMENT, "IsPrePay": True}]).counters["replaced"] == 1
    (found,) = database.read(known.agreements, committed_tenant.id, ["A1"])
    assert (found.revision, found.facts.is_pre_pay) == (2, True)


def test_a_csv_names_one_programme_of_an_agreement(
    database: Database, committed_tenant: Tenant, load_file: Load
) -> None:
    load_file(
        committed_tenant,
        "agreement",
        "ContractAccount,AgreementID,TariffURL,ProgramName,ProgramStatus\n"
        "A1,G1,https://u.example/a https://u.example/b,Peak Saver,enrolled\n",
    )
    (found,) = database.read(known.agreements, committed_tenant.id, ["A1"])
    assert found.facts.tariff_url == ["https://u.example/a", "https://u.example/b"]
    assert found.facts.programs[0].name == "Peak Saver"
    assert found.facts.programs[0].dates == []


def test_a_supplier_needs_no_account(database: Database, committed_tenant: Tenant, load_file: Load) -> None:
    load_file(committed_tenant, "supplier", "SupplierID,Name,Kind,Phone\nsup,Testville Light,utility,555-0100\n")
    found = database.read(known.suppliers, committed_tenant.id, ["sup", "other"])
    assert list(found) == ["sup"]
    assert (found["sup"].facts.name, found["sup"].facts.kind, found["sup"].facts.phone) == (
        "Testville Light",
        "utility",
        "555-0100",
    )


def test_a_kind_outside_its_closed_list_is_refused(committed_tenant: Tenant, load_file: Load) -> None:
    job = load_file(committed_tenant, "supplier", "SupplierID,Name,Kind\nsup,Testville Light,wizard\n")
    assert (job.counters["accepted"], job.counters["rejected"]) == (0, 1)


def test_a_statement_is_served_byte_for_byte(
    database: Database, vault: Vault, committed_tenant: Tenant, load_file: Load
) -> None:
    load_file(committed_tenant, "statement", [statement()])
    (found,) = database.read(known.statements, vault, committed_tenant, ["A1"])
    assert (found.facts.issue_date, found.facts.file_name) == (date(2026, 2, 3), "lovelace.pdf")
    served = database.read(known.statement_file, vault, committed_tenant, found.id)
    assert served == ("application/pdf", "lovelace.pdf", PDF)


def test_a_statement_of_five_mebibytes_is_taken_and_a_larger_one_refused(
    database: Database, vault: Vault, committed_tenant: Tenant, load_file: Load
) -> None:
    most = bytes(5 << 20)
    rows = [
        statement(StatementID="most", Content=base64.b64encode(most).decode()),
        statement(StatementID="more", Content=base64.b64encode(most + b"...").decode()),
        statement(StatementID="none", Content=""),
        statement(StatementID="text", Content="not base64!"),
        statement(StatementID="type", MediaType="application/x-msdownload"),
    ]
    job = load_file(committed_tenant, "statement", rows)
    assert (job.counters["accepted"], job.counters["rejected"]) == (1, 4)
    served = database.read(known.statement_file, vault, committed_tenant, StatementRow.id_of("A1", "most"))
    assert served[2] == most


def test_nobody_serves_a_statement_of_another_utility(
    database: Database, vault: Vault, committed_tenant: Tenant, load_file: Load
) -> None:
    load_file(committed_tenant, "statement", [statement()])
    other = database.write(tenants.create_tenant, "elsewhere", environment="sandbox", now=NOW)
    with pytest.raises(NotFound, match="there is no statement"):
        database.read(known.statement_file, vault, other, StatementRow.id_of("A1", "S1"))


PERSONAL = {
    "account": {
        "ContractAccount": "A1",
        "CustomerKind": "residential",
        "ContactName": "Ada Lovelace",
        "Email": "a@x",
    },
    "location": {"MeterID": "m1", "Street": "12 St James Square, Lovelace", "Longitude": "-83.1", "OutageBlock": "B7"},
    "statement": statement(),
}


@pytest.mark.parametrize("kind", PERSONAL)
def test_what_is_personal_never_rests_in_the_clear(
    database: Database, committed_tenant: Tenant, load_file: Load, kind: str
) -> None:
    """Neither while the file waits, nor in the rejects of its rows, nor in the tables; level `encrypted` is default."""
    broken = {**PERSONAL[kind], "ContractAccount": "", "MeterID": ""}
    rows = [PERSONAL[kind], broken]
    load_file(committed_tenant, kind, rows, is_landed_only=True)
    assert b"ovelace" not in everything(database)
    job = load_file(committed_tenant, kind, [*rows, {**broken, "x": 1}])
    assert job.state == "completed"
    assert job.counters["accepted"] == 1
    assert job.counters["rejected"] >= 1
    assert b"ovelace" not in everything(database)


def test_a_contact_is_read_back_from_its_seal(
    database: Database, vault: Vault, committed_tenant: Tenant, load_file: Load
) -> None:
    load_file(committed_tenant, "account", [PERSONAL["account"]])
    assert load_file(committed_tenant, "account", [{**PERSONAL["account"], "x": 1}]).counters["unchanged"] == 1
    found = database.read(known.accounts, vault, committed_tenant, ["A1"])["A1"].facts
    assert (found.contact_name, found.email, found.customer_kind) == ("Ada Lovelace", "a@x", "residential")


def test_a_tenant_that_keeps_nothing_personal_keeps_the_rest(database: Database, vault: Vault, load_file: Load) -> None:
    shy = database.write(
        tenants.create_tenant,
        "shy",
        environment="sandbox",
        settings={"customers": {"pii_level": "none"}},
        now=NOW,
    )
    load_file(shy, "account", [PERSONAL["account"]])
    load_file(shy, "location", [PERSONAL["location"]])
    found = database.read(known.accounts, vault, shy, ["A1"])["A1"].facts
    assert (found.contact_name, found.email, found.customer_kind) == (None, None, "residential")
    place = database.read(known.locations, vault, shy, ["m1"])["m1"].facts
    assert (place.street, place.longitude, place.outage_block) == (None, None, "B7")
    job = load_file(shy, "statement", [statement()])
    rejects = database.read(jobs.rejects, shy.id, job.id)
    assert [each.code for each in rejects] == ["PERSONAL_DATA_REFUSED"]
    assert database.read(known.statements, vault, shy, ["A1"]) == []


def test_power_quality_is_read_in_order_of_time(database: Database, committed_tenant: Tenant, load_file: Load) -> None:
    head = "MeterID,PeriodStart,PeriodEnd,Protocol,ShortTermFlicker,MainsVoltage,SupplyVoltageDips\n"
    rows = "m1,2026-02-01,2026-02-28,EN50160,0.71,120.4,3\nm1,2026-01-01,2026-01-31,EN50160,0.69,120.1,0\n"
    load_file(committed_tenant, "power_quality", head + rows)
    found = [each.facts for each in database.read(known.power_quality, committed_tenant.id, ["m1"])]
    assert [each.period_start.month for each in found] == [1, 2]
    assert (found[1].short_term_flicker, found[1].supply_voltage_dips, found[1].long_interruptions) == (
        Decimal("0.71"),
        3,
        None,
    )


def test_devices_know_their_multipliers(database: Database, committed_tenant: Tenant, load_file: Load) -> None:
    device = {"MeterID": "m1", "DeviceID": "m1", "SerialNumber": 1130000000, "FormNumber": "2S"}
    load_file(committed_tenant, "device", [device | {"Multipliers": [{"Kind": "kR", "Value": 1.5}]}])
    (found,) = database.read(known.devices, committed_tenant.id, ["m1"])
    assert (found.facts.serial_number, found.facts.multipliers[0].value) == ("1130000000", Decimal("1.5"))


def test_a_bill_says_what_else_it_knows_and_nothing_more(
    database: Database, committed_tenant: Tenant, load_file: Load
) -> None:
    head = "ContractAccount,MeterID,BillingStart,BillingEnd,TotalConsumption,Cost"
    load_file(
        committed_tenant,
        "mch",
        f"{head},PeakDemand,DemandUnit,RatchetStart,RatchetEnd,QualityOfReading,StatusTime\n"
        "A1,m1,2025-01-03,2025-01-30,100,10,4.2,kW,2024-02-01,2025-01-30,17,2025-01-31T06:00:00Z\n"
        "A1,m2,2025-01-03,2025-01-30,100,10,,,,,,\n",
    )
    (said,) = database.read(bills.bills_of_meter, committed_tenant.id, "m1")
    assert (said.facts.peak_demand, said.facts.ratchet_end) == (Decimal("4.2"), date(2025, 1, 30))
    assert said.facts.status_time == datetime(2025, 1, 31, 6, tzinfo=UTC)
    (silent,) = database.read(bills.bills_of_meter, committed_tenant.id, "m2")
    assert not silent.facts.model_dump(exclude_none=True)


@pytest.mark.parametrize(
    "wrong",
    [{"RatchetStart": "2025-01-01"}, {"QualityOfReading": 18.5}, {"StatusTime": "2025-01-31T06:00:00"}],
    ids=["half a span", "no such quality", "no zone"],
)
def test_a_wrong_fact_of_a_bill_refuses_its_row(committed_tenant: Tenant, load_file: Load, wrong: Any) -> None:
    row = {
        "ContractAccount": "A1",
        "MeterID": "m1",
        "BillingStart": "2025-01-03",
        "BillingEnd": "2025-01-30",
        "TotalConsumption": 100,
        "Cost": 10,
    }
    assert load_file(committed_tenant, "mch", [row | wrong]).counters["rejected"] == 1
