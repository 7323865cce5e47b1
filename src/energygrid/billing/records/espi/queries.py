"""SQL of what the mirror knows of the meters and accounts that a feed names."""

from collections.abc import Collection, Sequence

from sqlalchemy import ARRAY, Connection, Text, any_, literal, or_, select
from sqlalchemy.sql.elements import CollectionAggregate

from energygrid.customers.queries.reading import AnyRow
from energygrid.customers.tables import contract, customer, meter, premise


def _texts(values: Collection[str]) -> CollectionAggregate[bool]:
    return any_(literal(sorted(values), ARRAY(Text)))


def meters(db: Connection, tenant_id: int, names: Collection[str]) -> Sequence[AnyRow]:
    m = meter.c
    return db.execute(select(meter).where(m.tenant_id == tenant_id, m.meter_id == _texts(names))).all()


def contracts(
    db: Connection, tenant_id: int, meter_ids: Collection[str], accounts: Collection[str]
) -> Sequence[AnyRow]:
    """Every contract of these meters or accounts, past ones too, oldest first, with its customer's status."""
    c, k, m = contract.c, customer.c, meter.c
    statement = (
        select(c.meter_id, c.account_number, c.premise_id, c.since, c.until, k.acct_status, m.billing_cycle)
        .join(customer, (k.tenant_id == c.tenant_id) & (k.client_id == c.client_id))
        .join(meter, (m.tenant_id == c.tenant_id) & (m.meter_id == c.meter_id))
        .where(c.tenant_id == tenant_id, or_(c.meter_id == _texts(meter_ids), c.account_number == _texts(accounts)))
        .order_by(c.since, c.id)
    )
    return db.execute(statement).all()


def premises(db: Connection, tenant_id: int, premise_ids: Collection[str]) -> Sequence[AnyRow]:
    p = premise.c
    return db.execute(select(premise).where(p.tenant_id == tenant_id, p.premise_id == _texts(premise_ids))).all()
