"""SQL of the customer side: the mirror's rows behind a customer, its premises and its meters."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, select

from energygrid.customers.tables import contract, customer, customer_premise, meter, premise

AnyRow: TypeAlias = Row[*tuple[Any, ...]]


def customer_row(db: Connection, tenant_id: int, client_id: str) -> AnyRow | None:
    c = customer.c
    return db.execute(select(customer).where(c.tenant_id == tenant_id, c.client_id == client_id)).first()


def premise_rows(db: Connection, tenant_id: int, premise_ids: Sequence[str]) -> dict[str, AnyRow]:
    p = premise.c
    rows = db.execute(select(premise).where(p.tenant_id == tenant_id, p.premise_id.in_(premise_ids)))
    return {row.premise_id: row for row in rows}


def meter_rows(db: Connection, tenant_id: int, meter_ids: Sequence[str]) -> dict[str, AnyRow]:
    m = meter.c
    rows = db.execute(select(meter).where(m.tenant_id == tenant_id, m.meter_id.in_(meter_ids)))
    return {row.meter_id: row for row in rows}


def other_holders(db: Connection, tenant_id: int, client_id: str, accounts: Sequence[str]) -> Sequence[AnyRow]:
    """Contracts of others under the accounts: number, since, until."""
    c = contract.c
    statement = select(c.account_number, c.since, c.until).where(
        c.tenant_id == tenant_id, c.account_number.in_(accounts), c.client_id != client_id
    )
    return db.execute(statement).all()


def primary_premises(db: Connection, tenant_id: int, client_id: str) -> list[str]:
    """Premises of a customer that the utility calls primary."""
    p = customer_premise.c
    statement = select(p.premise_id).where(p.tenant_id == tenant_id, p.client_id == client_id, p.is_primary.is_(True))
    return sorted(set(db.execute(statement).scalars()))
