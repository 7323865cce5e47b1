"""Locking what one push touches, and reading it then."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import BindParameter, Column, Connection, Select, Table, bindparam, or_, select
from sqlalchemy.dialects.postgresql import insert as upsert

from energygrid.customers.queries.reading import AnyRow, Values
from energygrid.customers.tables import contract, customer, customer_premise, meter, premise, premise_meter

# Statements are built once: assembling one costs more than running it.
_TENANT: BindParameter[Any] = bindparam("tenant_id")
_CLIENT: BindParameter[Any] = bindparam("client_id")
_PREMISES: BindParameter[Any] = bindparam("premises", expanding=True)
_METERS: BindParameter[Any] = bindparam("meters", expanding=True)
_KEYS: BindParameter[Any] = bindparam("keys", expanding=True)

_PREMISES_OF = select(customer_premise.c.premise_id).where(
    customer_premise.c.tenant_id == _TENANT,
    customer_premise.c.client_id == _CLIENT,
    customer_premise.c.until.is_(None),
)


def premises_of(db: Connection, tenant_id: int, client_id: str) -> list[str]:
    """Where the client lives."""
    return list(db.execute(_PREMISES_OF, {"tenant_id": tenant_id, "client_id": client_id}).scalars())


def _locked(key: Column[Any]) -> Select[*tuple[Any, ...]]:
    """Rows with these keys, locked in the order of their keys."""
    table = key.table
    return select(table).where(table.c.tenant_id == _TENANT, key.in_(_KEYS)).order_by(key).with_for_update()


_LOCK = {table: _locked(key) for table, key in ((premise, premise.c.premise_id), (meter, meter.c.meter_id))}
_CLAIM = {
    table: upsert(table).on_conflict_do_nothing().returning(key)
    for table, key in ((premise, premise.c.premise_id), (meter, meter.c.meter_id))
}


def claim_things(
    db: Connection, tenant_id: int, table: Table, key: str, rows: Sequence[Values], *, also: Sequence[str] = ()
) -> tuple[list[AnyRow], set[str]]:
    """Lock the rows of these premises or meters, and of `also`, in the order of their keys.

    Missing ones are inserted, so that two pushes that name the same new thing wait for each other. Returns those that
    were there before, and the keys of those that were not.
    """
    new: set[str] = set()
    if rows:
        new.update(db.execute(_CLAIM[table], sorted(rows, key=lambda row: str(row[key]))).scalars())
    keys = {row[key] for row in rows}.union(also)
    if not keys - new:
        return [], new
    locked = db.execute(_LOCK[table], {"tenant_id": tenant_id, "keys": sorted(keys)})
    return [row for row in locked if row._mapping[key] not in new], new  # noqa: SLF001 - SQLAlchemy's accessor


_CLIENTS_AROUND = (
    select(customer_premise.c.client_id)
    .where(
        customer_premise.c.tenant_id == _TENANT,
        customer_premise.c.premise_id.in_(_PREMISES),
        customer_premise.c.until.is_(None),
    )
    .union(
        select(contract.c.client_id).where(
            contract.c.tenant_id == _TENANT, contract.c.meter_id.in_(_METERS), contract.c.until.is_(None)
        )
    )
)


def clients_around(db: Connection, tenant_id: int, premises: Sequence[str], meters: Sequence[str]) -> set[str]:
    """Clients with a live link to any of these."""
    values = {"tenant_id": tenant_id, "premises": premises, "meters": meters}
    return set(db.execute(_CLIENTS_AROUND, values).scalars())


_LOCK_CUSTOMERS = _locked(customer.c.client_id)


def lock_customers(db: Connection, tenant_id: int, client_ids: Iterable[str]) -> Sequence[AnyRow]:
    """Lock these customers in the order of their ids; returns those that exist."""
    keys = sorted(client_ids)
    return db.execute(_LOCK_CUSTOMERS, {"tenant_id": tenant_id, "keys": keys}).all() if keys else []


_CLAIM_CUSTOMER = upsert(customer).on_conflict_do_nothing().returning(customer)


def claim_customer(db: Connection, values: Values) -> tuple[AnyRow, bool]:
    """The locked row of a customer, and whether it is new."""
    new = db.execute(_CLAIM_CUSTOMER, [values]).one_or_none()
    if new is not None:
        return new, True
    return lock_customers(db, values["tenant_id"], [values["client_id"]])[0], False


_LIVE_SITES = (
    select(customer_premise)
    .where(
        customer_premise.c.tenant_id == _TENANT,
        customer_premise.c.until.is_(None),
        or_(customer_premise.c.client_id == _CLIENT, customer_premise.c.premise_id.in_(_PREMISES)),
    )
    .order_by(customer_premise.c.id)
)


def live_sites(db: Connection, tenant_id: int, client_id: str, premises: Sequence[str]) -> Sequence[AnyRow]:
    """Live links of the client, and of anybody to these premises."""
    return db.execute(_LIVE_SITES, {"tenant_id": tenant_id, "client_id": client_id, "premises": premises}).all()


_own = contract.alias("own")
_LIVE_CONTRACTS = (
    select(contract)
    .where(
        contract.c.tenant_id == _TENANT,
        contract.c.until.is_(None),
        or_(
            contract.c.premise_id.in_(_PREMISES),
            contract.c.meter_id.in_(_METERS),
            contract.c.meter_id.in_(
                select(_own.c.meter_id).where(
                    _own.c.tenant_id == _TENANT, _own.c.client_id == _CLIENT, _own.c.until.is_(None)
                )
            ),
        ),
    )
    .order_by(contract.c.id)
)


def live_contracts(
    db: Connection, tenant_id: int, client_id: str, premises: Sequence[str], meters: Sequence[str]
) -> Sequence[AnyRow]:
    """Live contracts at these premises, on these meters, and on any meter of the client."""
    values = {"tenant_id": tenant_id, "client_id": client_id, "premises": premises, "meters": meters}
    return db.execute(_LIVE_CONTRACTS, values).all()


_LIVE_PLACES = select(premise_meter.c.meter_id, premise_meter.c.premise_id).where(
    premise_meter.c.tenant_id == _TENANT,
    premise_meter.c.until.is_(None),
    or_(premise_meter.c.premise_id.in_(_PREMISES), premise_meter.c.meter_id.in_(_METERS)),
)


def live_places(db: Connection, tenant_id: int, premises: Sequence[str], meters: Sequence[str]) -> dict[str, str]:
    """Meter to premise, for these meters and for whatever hangs on these premises."""
    rows = db.execute(_LIVE_PLACES, {"tenant_id": tenant_id, "premises": premises, "meters": meters})
    return {row.meter_id: row.premise_id for row in rows}
