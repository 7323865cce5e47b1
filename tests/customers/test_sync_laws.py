"""Laws of the mirror that hold after any sequence of pushes."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select
from tests.customers.payloads import customer as a_customer
from tests.customers.payloads import meter, site

from energygrid.access.caller import Actor, Tenant
from energygrid.access.vault import Vault
from energygrid.customers import mirror
from energygrid.customers.payload import check_payload
from energygrid.customers.privacy import Privacy
from energygrid.customers.settings import CustomerSettings
from energygrid.customers.sync import push_customer
from energygrid.customers.tables import contract, customer_premise, premise_meter

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SETTINGS = CustomerSettings()


@st.composite
def payloads(draw: st.DrawFn) -> dict[str, Any]:
    """One of three clients on some of three premises, with some of five meters and one of two accounts."""
    account = draw(st.sampled_from([None, "A1", "A2"]))
    numbers = draw(st.lists(st.integers(0, 4), unique=True, max_size=5))
    homes = draw(st.lists(st.sampled_from(["p0", "p1", "p2"]), unique=True, min_size=1))
    meters: dict[str, list[dict[str, Any]]] = {home: [] for home in homes}
    for number in numbers:
        extra = {} if account is None else {"accountNumber": account}
        rate = draw(st.sampled_from(["R1", "R2"]))
        meters[draw(st.sampled_from(homes))].append(meter(f"m{number}", rateCode=rate, **extra))
    sites = [site(home, *meters[home], isPrimary=home == homes[0]) for home in homes]
    return a_customer(draw(st.sampled_from(["ann", "bob", "cyd"])), *sites, AcctStatus=draw(st.sampled_from("AC")))


def live(db: Connection, table: Any, *columns: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in db.execute(select(*columns).where(table.c.until.is_(None)))]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(payloads(), min_size=1, max_size=6))
def test_after_any_pushes_the_last_one_is_true_and_nothing_contradicts_it(
    db: Connection, tenant: Tenant, vault: Vault, sequence: list[dict[str, Any]]
) -> None:
    privacy = Privacy.of(tenant, vault)
    with db.begin_nested() as undo:
        for step, payload in enumerate(sequence):
            checked, now = check_payload(payload, SETTINGS), NOW + timedelta(days=step)
            push_customer(db, tenant, checked, vault=vault, who=Actor("cis", "r"), now=now)
            assert mirror.read_document(db, tenant.id, payload["clientId"], privacy).document == payload
            again = push_customer(db, tenant, checked, vault=vault, who=Actor("cis", "r"), now=now)
            assert again.outcome == "unchanged"

            places = live(db, premise_meter, premise_meter.c.meter_id, premise_meter.c.premise_id)
            contracts = live(db, contract, contract.c.client_id, contract.c.meter_id, contract.c.premise_id)
            homes = live(db, customer_premise, customer_premise.c.client_id, customer_premise.c.premise_id)
            assert len({number for number, _ in places}) == len(places), "a meter hangs on one premise"
            assert {(number, home) for _, number, home in contracts} <= set(places), "a contract's meter hangs there"
            assert {(client, home) for client, _, home in contracts} <= set(homes), "its client lives there"
        for table in (contract, customer_premise, premise_meter):
            ended = select(table.c.since, table.c.until).where(table.c.until.is_not(None))
            assert all(since <= until for since, until in db.execute(ended))
        undo.rollback()
