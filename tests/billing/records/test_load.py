"""Billing jobs: revisions, restarts, rejects and closed accounts."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from energygrid.access.caller import Actor, Tenant
from energygrid.access.vault import Vault
from energygrid.billing.records import bills, load
from energygrid.database.engine import Database
from energygrid.ingest import jobs, landing
from energygrid.ingest.jobs import Job
from energygrid.messaging import feed

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WHO = Actor("test", "req_1")
HEAD = "ContractAccount,MeterID,BillingStart,BillingEnd,TotalConsumption,Cost\n"


def mch(*rows: tuple[str, str]) -> str:
    return HEAD + "".join(f"A1,{meter},2025-01-03,2025-01-30,100,{cost}\n" for meter, cost in rows)


class Desk:
    """Lands files and works on their jobs."""

    def __init__(self, database: Database, tenant: Tenant, vault: Vault) -> None:
        self.database, self.tenant, self.vault = database, tenant, vault

    def open(self, body: str, kind: str = "mch") -> str:
        landed = self.database.write(landing.land, self.tenant.id, [body.encode()], limit=1 << 20)
        job = self.database.write(
            jobs.open_job,
            self.tenant,
            WHO,
            landed,
            kind=load.JOB_KIND,
            task=load.TASK,
            name="f",
            options={"kind": kind},
            now=NOW,
        )
        return job.id

    def run(self, body: str, kind: str = "mch") -> Job:
        job_id = self.open(body, kind)
        load.run(self.database, self.vault, self.tenant.id, job_id, lambda: NOW)
        return self.database.read(jobs.find_job, self.tenant.id, job_id)

    def dump(self) -> list[Any]:
        query = "SELECT id, revision, cost, job_id, superseded_at FROM bill ORDER BY id, revision"
        return list(self.database.read(lambda db: db.execute(text(query)).all()))


@pytest.fixture
def desk(database: Database, committed_tenant: Tenant, vault: Vault) -> Desk:
    return Desk(database, committed_tenant, vault)


def test_a_changed_row_is_a_new_revision_and_an_unchanged_one_is_not_written(desk: Desk) -> None:
    assert desk.run(mch(("m1", "10.00"), ("m2", "20.00"))).counters["accepted"] == 2
    again = desk.run(mch(("m1", "10.00"), ("m2", "21.00")))
    assert (again.counters["unchanged"], again.counters["replaced"]) == (1, 1)
    (now,) = desk.database.read(bills.bills_of_meter, desk.tenant.id, "m2")
    assert (now.revision, now.cost) == (2, Decimal("21.00"))
    assert len(desk.dump()) == 3


def test_the_same_file_twice_is_a_duplicate(desk: Desk) -> None:
    desk.run(mch(("m1", "10.00")))
    assert desk.run(mch(("m1", "10.00"))).state == "duplicate"


def test_a_job_killed_anywhere_and_run_again_gives_the_same_tables_and_counters(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "BATCH", 2)
    desk.run(mch(("m1", "1.00"), ("m3", "3.00")))
    body = mch(*((f"m{n}", f"{n + 1}.00") for n in range(1, 8))) + "A1,bad,2025-01-03,2025-01-30,x,1\n"
    store = load._store
    monkeypatch.setattr(load.BillingSettings.model_fields["most_rejects"], "default", 1.0)
    job_id = desk.open(body)

    class Killed(BaseException):
        pass

    for survives in range(4):
        calls = iter(range(100))

        def dying(*args: Any, after: int = survives, count: Any = calls, **kwargs: Any) -> Any:
            if next(count) >= after:
                raise Killed
            return store(*args, **kwargs)

        monkeypatch.setattr(load, "_store", dying)
        with pytest.raises(Killed):
            load.run(desk.database, desk.vault, desk.tenant.id, job_id, lambda: NOW)
    monkeypatch.setattr(load, "_store", store)
    load.run(desk.database, desk.vault, desk.tenant.id, job_id, lambda: NOW)
    job = desk.database.read(jobs.find_job, desk.tenant.id, job_id)
    assert job.state == "completed"
    assert {k: job.counters[k] for k in ("accepted", "replaced", "unchanged", "rejected")} == {
        "accepted": 5,
        "replaced": 2,
        "unchanged": 0,
        "rejected": 1,
    }
    assert len(list(desk.database.read(lambda db: list(jobs.rejects(db, desk.tenant.id, job_id))))) == 1
    assert sorted(row.revision for row in desk.dump()) == [1] * 7 + [2] * 2


def test_too_many_rejects_stop_the_file(desk: Desk) -> None:
    job = desk.run(HEAD + "A1,m1,2025-01-03,2025-01-30,x,1\n" * 25)
    assert (job.state, job.error_code) == ("failed", "TOO_MANY_REJECTS")
    last = desk.database.write(feed.events_after, desk.tenant, 0)[-1]
    assert (last.type, last.data["error"]) == ("ingest.failed", "TOO_MANY_REJECTS")


def test_a_file_that_breaks_off_keeps_what_came_before_and_fails(desk: Desk) -> None:
    job = desk.run(mch(("m1", "1.00")) + 'A1,"m2')
    assert (job.state, job.error_code) == ("failed", "BAD_FILE")
    assert job.counters["accepted"] == 1


def test_completion_is_told_once(desk: Desk) -> None:
    job = desk.run(mch(("m1", "1.00")))
    (event,) = desk.database.write(feed.events_after, desk.tenant, 0)
    assert (event.type, event.data["jobId"], event.data["counters"]["accepted"]) == ("ingest.completed", job.id, 1)


def test_an_invoice_is_read_back_with_its_lines(desk: Desk) -> None:
    body = (
        "InvoiceNumber,ContractAccount,MeterID,BillingStart,BillingEnd,TotalAmount,LineKind,LineName,LineAmount\n"
        "I1,A1,m1,2025-01-01,2025-01-31,11.00,ENERGY,Usage,10.00\n"
        "I1,A1,m1,2025-01-01,2025-01-31,11.00,TAX,Tax,1.00\n"
    )
    desk.run(body, "invoice")
    (bill,) = desk.database.read(bills.bills_of_account, desk.tenant.id, "A1")
    assert [(line.kind, line.amount) for line in bill.lines] == [
        ("ENERGY", Decimal("10.00")),
        ("TAX", Decimal("1.00")),
    ]
    assert (bill.start_date, bill.end_date) == (date(2025, 1, 1), date(2025, 2, 1))
    desk.run(body.replace("10.00", "9.00").replace("11.00", "10.00"), "invoice")
    (bill,) = desk.database.read(bills.bills_of_account, desk.tenant.id, "A1")
    assert (bill.revision, sum(line.amount for line in bill.lines)) == (2, Decimal("10.00"))


def test_a_payment_plan_is_stored(desk: Desk) -> None:
    desk.run(
        "ContractAccount,PlanID,PlanType,StartDate,EndDate,InstallmentAmount\nA1,P1,BUDGET,2025-01-01,2025-12-31,75\n",
        "payment_plan",
    )
    (plan,) = desk.database.read(bills.plans_of_account, desk.tenant.id, "A1")
    assert (plan.plan_number, plan.end_date, plan.installment) == ("P1", date(2026, 1, 1), Decimal(75))


CONTRACT = """
INSERT INTO contract (tenant_id, client_id, premise_id, meter_id, account_number, position, since)
VALUES (:t, :client, 'p1', :meter, :account, 0, '2020-01-01')
"""


def test_a_closed_account_ends_its_contracts_after_its_last_day_and_lets_its_devices_go(
    desk: Desk, run_jobs: Callable[[], None]
) -> None:
    tenant = desk.tenant.id
    for client, meter, account in (("c1", "m1", "A1"), ("c1", "m2", "A1"), ("c2", "m2", "A2")):
        row = {"t": tenant, "client": client, "meter": meter, "account": account}
        desk.database.write(lambda db, row=row: db.execute(text(CONTRACT), row))
    desk.run("ContractAccount,TerminationDate,Reason\nA1,2025-06-30,moved\n", "termination")
    query = "SELECT args FROM procrastinate_jobs WHERE task_name = :task"
    released = text(query).bindparams(task="devices.release_for")
    run_jobs()
    spans = desk.database.read(
        lambda db: db.execute(text("SELECT account_number, meter_id, until FROM contract ORDER BY 1, 2")).all()
    )
    assert [tuple(row) for row in spans] == [
        ("A1", "m1", datetime(2025, 7, 1, tzinfo=UTC)),
        ("A1", "m2", datetime(2025, 7, 1, tzinfo=UTC)),
        ("A2", "m2", None),
    ]
    (args,) = desk.database.read(lambda db: db.execute(released).scalars().all())
    assert args["meter_ids"] == ["m1"]


def test_a_termination_to_come_waits_for_its_day(desk: Desk) -> None:
    desk.run("ContractAccount,TerminationDate\nA1,2026-03-31\n", "termination")
    query = text("SELECT scheduled_at FROM procrastinate_jobs WHERE task_name = 'billing.apply_termination'")
    assert desk.database.read(lambda db: db.execute(query).scalar_one()) == datetime(2026, 4, 1, tzinfo=UTC)
