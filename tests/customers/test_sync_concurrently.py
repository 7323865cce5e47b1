"""Pushes at the same time leave one consistent truth (contract 6.4)."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, func, select, text
from tests.customers.payloads import customer as a_customer
from tests.customers.payloads import meter, site

from energygrid.access.caller import Actor, Tenant
from energygrid.access.vault import Vault
from energygrid.customers import mirror
from energygrid.customers.payload import check_payload
from energygrid.customers.privacy import Privacy
from energygrid.customers.settings import CustomerSettings
from energygrid.customers.sync import push_customer
from energygrid.customers.tables import contract, customer, customer_premise, premise_meter
from energygrid.database.engine import Database

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
THREADS = 20


def at_once(work: Callable[[int], Any]) -> list[Any]:
    """Results of `work(0..19)`, all started at the same moment."""
    gate = threading.Barrier(THREADS)
    results: list[Any] = [None] * THREADS

    def run(number: int) -> None:
        gate.wait()
        results[number] = work(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def pusher(database: Database, tenant: Tenant, vault: Vault) -> Callable[[dict[str, Any]], str]:
    def push(payload: dict[str, Any]) -> str:
        checked = check_payload(payload, CustomerSettings())
        who = Actor("cis", "req")
        return database.write(push_customer, tenant, checked, vault=vault, who=who, now=NOW).outcome

    return push


def count(db: Connection, table: Any, *where: Any) -> int:
    return int(db.execute(select(func.count()).select_from(table).where(*where)).scalar_one())


def test_the_same_payload_from_twenty_threads_creates_once(
    database: Database, committed_tenant: Tenant, vault: Vault
) -> None:
    push = pusher(database, committed_tenant, vault)
    payload = a_customer("c1", site("p1", meter("m1"), meter("m2")), site("p2", meter("m3")))
    assert sorted(at_once(lambda _: push(payload))) == ["created"] + ["unchanged"] * (THREADS - 1)
    counts = [database.read(count, table) for table in (customer, customer_premise, contract, premise_meter)]
    assert counts == [1, 2, 3, 3]


def test_different_payloads_of_one_client_leave_one_of_them(
    database: Database, committed_tenant: Tenant, vault: Vault
) -> None:
    push = pusher(database, committed_tenant, vault)
    payloads = [
        a_customer(
            "c1",
            site(f"p{n % 3}", meter("shared"), meter(f"m{n}"), isPrimary=True),
            site(f"q{n % 2}"),
            firstName=f"N{n}",
        )
        for n in range(THREADS)
    ]
    for payload in payloads:
        payload["customerSites"][1]["isPrimary"] = False
    outcomes = at_once(lambda n: push(payloads[n]))
    assert sorted(set(outcomes)) == ["created", "updated"]
    assert outcomes.count("created") == 1
    privacy = Privacy.of(committed_tenant, vault)
    assert database.read(mirror.read_document, committed_tenant.id, "c1", privacy).document in payloads
    for table in (customer_premise, contract):
        assert database.read(count, table, table.c.until.is_(None)) == 2
    places = select(premise_meter.c.meter_id).where(premise_meter.c.until.is_(None))
    live = database.read(lambda db: db.execute(places).scalars().all())
    assert len(live) == len(set(live))


def test_clients_fighting_for_one_premise_leave_one_of_them_there(
    database: Database, committed_tenant: Tenant, vault: Vault
) -> None:
    push = pusher(database, committed_tenant, vault)
    for _ in range(3):
        at_once(lambda n: push(a_customer(f"c{n}", site("p1", meter("m1", accountNumber=f"A{n}")), site(f"own{n}"))))
    assert database.read(count, customer) == THREADS
    assert database.read(count, contract, contract.c.until.is_(None)) == 1
    at_p1 = (customer_premise.c.until.is_(None), customer_premise.c.premise_id == "p1")
    assert database.read(count, customer_premise, *at_p1) == 1
    winner = database.read(
        lambda db: db.execute(select(contract.c.client_id).where(contract.c.until.is_(None))).scalar()
    )
    current = select(customer.c.client_id).where(customer.c.fingerprint.is_not(None))
    assert database.read(lambda db: db.execute(current).scalars().all()) == [winner]


def test_neighbours_naming_each_others_premises_in_any_order_do_not_deadlock(
    database: Database, committed_tenant: Tenant, vault: Vault
) -> None:
    push = pusher(database, committed_tenant, vault)

    def work(number: int) -> None:
        order = [0, 1, 2, 3, 4]
        for turn in range(5):
            rotated = order[(number + turn) % 5 :] + order[: (number + turn) % 5]
            push(a_customer(f"c{number}", *[site(f"p{n}", meter(f"m{n}")) for n in rotated]))

    at_once(work)
    deadlocks = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    assert database.read(lambda db: db.execute(deadlocks).scalar()) == 0
    assert database.read(count, contract, contract.c.until.is_(None)) == 5
