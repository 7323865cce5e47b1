"""Locking and writing what one push touches."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, Table, delete, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from energygrid.customers.tables import (
    contract,
    customer,
    customer_premise,
    meter_rate,
    premise,
    premise_meter,
)

AnyRow: TypeAlias = Row[*tuple[Any, ...]]
Values: TypeAlias = Mapping[str, Any]


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


def premises_of(db: Connection, tenant_id: int, client_id: str) -> list[str]:
    """Where the client lives."""
    return list(
        db.execute(
            select(customer_premise.c.premise_id).where(
                customer_premise.c.tenant_id == tenant_id,
                customer_premise.c.client_id == client_id,
                customer_premise.c.until.is_(None),
            )
        ).scalars()
    )


def claim_things(
    db: Connection, tenant_id: int, table: Table, key: str, rows: Sequence[Values], *, also: Sequence[str] = ()
) -> list[AnyRow]:
    """Lock the rows of these premises or meters, and of `also`, in the order of their keys.

    Missing ones are inserted, so that two pushes that name the same new thing wait for each other. Returns those that
    were there before.
    """
    new: set[str] = set()
    if rows:
        absent = upsert(table).on_conflict_do_nothing().returning(table.c[key])
        new.update(db.execute(absent, sorted(rows, key=lambda row: str(row[key]))).scalars())
    keys = {row[key] for row in rows}.union(also)
    if not keys:
        return []
    locked = db.execute(
        select(table)
        .where(table.c.tenant_id == tenant_id, table.c[key].in_(keys))
        .order_by(table.c[key])
        .with_for_update()
    )
    return [row for row in locked if row._mapping[key] not in new]  # noqa: SLF001 - SQLAlchemy's accessor


def clients_around(db: Connection, tenant_id: int, premises: Sequence[str], meters: Sequence[str]) -> set[str]:
    """Clients with a live link to any of these."""
    at_premises = select(customer_premise.c.client_id).where(
        customer_premise.c.tenant_id == tenant_id,
        customer_premise.c.premise_id.in_(premises),
        customer_premise.c.until.is_(None),
    )
    on_meters = select(contract.c.client_id).where(
        contract.c.tenant_id == tenant_id, contract.c.meter_id.in_(meters), contract.c.until.is_(None)
    )
    return set(db.execute(at_premises.union(on_meters)).scalars())


def lock_customers(db: Connection, tenant_id: int, client_ids: Iterable[str]) -> list[AnyRow]:
    """Lock these customers in the order of their ids; returns those that exist."""
    return list(
        db.execute(
            select(customer)
            .where(customer.c.tenant_id == tenant_id, customer.c.client_id.in_(list(client_ids)))
            .order_by(customer.c.client_id)
            .with_for_update()
        )
    )


def claim_customer(db: Connection, values: Values) -> tuple[AnyRow, bool]:
    """The locked row of a customer, and whether it is new."""
    new = db.execute(upsert(customer).values(**values).on_conflict_do_nothing().returning(customer)).one_or_none()
    if new is not None:
        return new, True
    return lock_customers(db, values["tenant_id"], [values["client_id"]])[0], False


def live_sites(db: Connection, tenant_id: int, client_id: str, premises: Sequence[str]) -> Sequence[AnyRow]:
    """Live links of the client, and of anybody to these premises."""
    return db.execute(
        select(customer_premise)
        .where(
            customer_premise.c.tenant_id == tenant_id,
            customer_premise.c.until.is_(None),
            or_(customer_premise.c.client_id == client_id, customer_premise.c.premise_id.in_(premises)),
        )
        .order_by(customer_premise.c.id)
    ).all()


def live_contracts(
    db: Connection, tenant_id: int, client_id: str, premises: Sequence[str], meters: Sequence[str]
) -> Sequence[AnyRow]:
    """Live contracts at these premises, on these meters, and on any meter of the client."""
    own = contract.alias("own")
    on_own_meters = contract.c.meter_id.in_(
        select(own.c.meter_id).where(own.c.tenant_id == tenant_id, own.c.client_id == client_id, own.c.until.is_(None))
    )
    return db.execute(
        select(contract)
        .where(
            contract.c.tenant_id == tenant_id,
            contract.c.until.is_(None),
            or_(contract.c.premise_id.in_(premises), contract.c.meter_id.in_(meters), on_own_meters),
        )
        .order_by(contract.c.id)
    ).all()


def live_places(db: Connection, tenant_id: int, premises: Sequence[str], meters: Sequence[str]) -> dict[str, str]:
    """Meter to premise, for these meters and for whatever hangs on these premises."""
    rows = db.execute(
        select(premise_meter.c.meter_id, premise_meter.c.premise_id).where(
            premise_meter.c.tenant_id == tenant_id,
            premise_meter.c.until.is_(None),
            or_(premise_meter.c.premise_id.in_(premises), premise_meter.c.meter_id.in_(meters)),
        )
    )
    return {row.meter_id: row.premise_id for row in rows}


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


def put(db: Connection, table: Table, rows: Sequence[Values]) -> None:
    """Insert rows, or replace all but the key of those that exist."""
    if not rows:
        return
    keys = [column.name for column in table.primary_key]
    statement = upsert(table)
    changed = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    db.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), rows)


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
