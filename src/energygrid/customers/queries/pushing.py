"""Writing what one push changes."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.dialects.postgresql import insert as upsert

from energygrid.customers.queries.reading import Values
from energygrid.customers.tables import (
    contract,
    customer,
    customer_premise,
    meter,
    meter_rate,
    premise,
    premise_meter,
)


def note_source_time(db: Connection, tenant_id: int, client_id: str, fingerprint: bytes, at: datetime) -> bool:
    """Remember when an unchanged payload was true; False when the mirror has changed in the meantime."""
    return (
        db.execute(
            update(customer)
            .where(
                customer.c.tenant_id == tenant_id,
                customer.c.client_id == client_id,
                customer.c.fingerprint == fingerprint,
            )
            .values(source_time=func.greatest(customer.c.source_time, at))
        ).rowcount
        == 1
    )


def update_customer(db: Connection, tenant_id: int, client_id: str, **values: Any) -> None:
    db.execute(
        update(customer).where(customer.c.tenant_id == tenant_id, customer.c.client_id == client_id).values(**values)
    )


def disturb(db: Connection, tenant_id: int, client_ids: Iterable[str], now: datetime) -> None:
    """The mirror of these clients was changed by another's push: their next push is written whatever it says."""
    db.execute(
        update(customer)
        .where(customer.c.tenant_id == tenant_id, customer.c.client_id.in_(sorted(client_ids)))
        .values(fingerprint=None, changed_at=now)
    )


def _put(table: Table) -> Insert:
    statement = upsert(table)
    keys = [column.name for column in table.primary_key]
    replaced = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=replaced)


_PUT = {table: _put(table) for table in (premise, meter, meter_rate)}


def put(db: Connection, table: Table, rows: Sequence[Values]) -> None:
    """Insert whole rows, or replace all but the key of those that exist."""
    if rows:
        db.execute(_PUT[table], rows)


def begin(db: Connection, table: Table, rows: Sequence[Values]) -> None:
    if rows:
        db.execute(insert(table), rows)


def change(db: Connection, table: Table, tenant_id: int, values: Mapping[int, Values]) -> None:
    """Replace columns of links by id."""
    for link_id, columns in values.items():
        db.execute(update(table).where(table.c.tenant_id == tenant_id, table.c.id == link_id).values(**columns))


def end(db: Connection, table: Table, tenant_id: int, ids: Sequence[int], at: datetime) -> None:
    """End live links by id, never before they began."""
    if ids:
        db.execute(
            update(table)
            .where(table.c.tenant_id == tenant_id, table.c.id.in_(ids), table.c.until.is_(None))
            .values(until=func.greatest(table.c.since, at))
        )


def take_down(db: Connection, tenant_id: int, meters: Sequence[str], at: datetime) -> None:
    """End where these meters hang."""
    if meters:
        db.execute(
            update(premise_meter)
            .where(
                premise_meter.c.tenant_id == tenant_id,
                premise_meter.c.meter_id.in_(meters),
                premise_meter.c.until.is_(None),
            )
            .values(until=func.greatest(premise_meter.c.since, at))
        )


def begin_rates(db: Connection, rows: Sequence[Values]) -> None:
    put(db, meter_rate, rows)


def forget_customer(db: Connection, tenant_id: int, client_id: str) -> None:
    """Delete the customer and every link of it, live or ended."""
    for table in (contract, customer_premise, customer):
        db.execute(delete(table).where(table.c.tenant_id == tenant_id, table.c.client_id == client_id))


def blank_streets(db: Connection, tenant_id: int, premises: Sequence[str], now: datetime) -> None:
    """Drop the street of premises where nobody lives any more."""
    lives_there = (
        select(customer_premise.c.id)
        .where(
            customer_premise.c.tenant_id == tenant_id,
            customer_premise.c.premise_id == premise.c.premise_id,
            customer_premise.c.until.is_(None),
        )
        .exists()
    )
    db.execute(
        update(premise)
        .where(premise.c.tenant_id == tenant_id, premise.c.premise_id.in_(premises), ~lives_there)
        .values(personal=None, personal_sealed=None, changed_at=now)
    )
