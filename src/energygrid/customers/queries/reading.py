"""Reading the mirror."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import ARRAY, Connection, Row, Select, Text, and_, any_, bindparam, select

from energygrid.customers.tables import (
    contract,
    customer,
    customer_premise,
    meter,
    meter_rate,
    premise,
    premise_meter,
)

AnyRow: TypeAlias = Row[*tuple[Any, ...]]
Values: TypeAlias = Mapping[str, Any]


_CUSTOMER = select(customer).where(
    customer.c.tenant_id == bindparam("tenant_id"), customer.c.client_id == bindparam("client_id")
)


def customer_of(db: Connection, tenant_id: int, client_id: str) -> AnyRow | None:
    return db.execute(_CUSTOMER, {"tenant_id": tenant_id, "client_id": client_id}).one_or_none()


def customer_by_profile(db: Connection, tenant_id: int, profile_id: UUID) -> AnyRow | None:
    return db.execute(
        select(customer).where(customer.c.tenant_id == tenant_id, customer.c.profile_id == profile_id)
    ).one_or_none()


def _document() -> Select[*tuple[Any, ...]]:
    site_link, place, deal, device = customer_premise, premise, contract, meter
    joined = (
        customer.outerjoin(
            site_link,
            and_(
                site_link.c.tenant_id == customer.c.tenant_id,
                site_link.c.client_id == customer.c.client_id,
                site_link.c.until.is_(None),
            ),
        )
        .outerjoin(
            place, and_(place.c.tenant_id == site_link.c.tenant_id, place.c.premise_id == site_link.c.premise_id)
        )
        .outerjoin(
            deal,
            and_(
                deal.c.tenant_id == site_link.c.tenant_id,
                deal.c.client_id == site_link.c.client_id,
                deal.c.premise_id == site_link.c.premise_id,
                deal.c.until.is_(None),
            ),
        )
        .outerjoin(device, and_(device.c.tenant_id == deal.c.tenant_id, device.c.meter_id == deal.c.meter_id))
    )
    return (
        select(
            customer.c.client_id,
            customer.c.profile_id,
            customer.c.acct_status,
            customer.c.personal,
            customer.c.personal_sealed,
            customer.c.changed_at,
            customer.c.source_time,
            site_link.c.premise_id,
            site_link.c.is_primary,
            site_link.c.personal.label("site_personal"),
            site_link.c.personal_sealed.label("site_personal_sealed"),
            place.c.personal.label("street"),
            place.c.personal_sealed.label("street_sealed"),
            place.c.city,
            place.c.state,
            place.c.postal_code,
            deal.c.account_number,
            deal.c.is_primary.label("meter_is_primary"),
            device,
        )
        .select_from(joined)
        .order_by(site_link.c.position, site_link.c.id, deal.c.position, deal.c.id)
    )


_DOCUMENT = _document().where(
    customer.c.tenant_id == bindparam("tenant_id"), customer.c.client_id == bindparam("client_id")
)
"""Built once: assembling it costs more than running it."""


def document_rows(db: Connection, tenant_id: int, client_id: str) -> Sequence[AnyRow]:
    """A customer with its live sites and meters: one row a meter, in the payload's order; one trip to the database."""
    return db.execute(_DOCUMENT, {"tenant_id": tenant_id, "client_id": client_id}).all()


def premises_ever_of(db: Connection, tenant_id: int, client_id: str) -> list[str]:
    """Where the client lives or lived."""
    return list(
        db.execute(
            select(customer_premise.c.premise_id)
            .distinct()
            .where(customer_premise.c.tenant_id == tenant_id, customer_premise.c.client_id == client_id)
        ).scalars()
    )


def meters_held_alone(db: Connection, tenant_id: int, client_id: str) -> list[str]:
    """Meters that this client and nobody else holds."""
    other = contract.alias("other")
    shared = (
        select(other.c.id)
        .where(
            other.c.tenant_id == tenant_id,
            other.c.meter_id == contract.c.meter_id,
            other.c.client_id != client_id,
            other.c.until.is_(None),
        )
        .exists()
    )
    return list(
        db.execute(
            select(contract.c.meter_id).where(
                contract.c.tenant_id == tenant_id,
                contract.c.client_id == client_id,
                contract.c.until.is_(None),
                ~shared,
            )
        ).scalars()
    )


def _meter_rows() -> Select[*tuple[Any, ...]]:
    """One row a meter and holder, a meter's rows adjacent."""
    return (
        select(
            meter,
            premise_meter.c.premise_id,
            premise.c.state,
            premise.c.postal_code,
            contract.c.client_id,
            contract.c.account_number,
            contract.c.is_primary,
            customer.c.acct_status,
        )
        .select_from(
            meter.outerjoin(
                premise_meter,
                and_(
                    premise_meter.c.tenant_id == meter.c.tenant_id,
                    premise_meter.c.meter_id == meter.c.meter_id,
                    premise_meter.c.until.is_(None),
                ),
            )
            .outerjoin(
                premise,
                and_(
                    premise.c.tenant_id == premise_meter.c.tenant_id,
                    premise.c.premise_id == premise_meter.c.premise_id,
                ),
            )
            .outerjoin(
                contract,
                and_(
                    contract.c.tenant_id == meter.c.tenant_id,
                    contract.c.meter_id == meter.c.meter_id,
                    contract.c.until.is_(None),
                ),
            )
            .outerjoin(
                customer,
                and_(customer.c.tenant_id == contract.c.tenant_id, customer.c.client_id == contract.c.client_id),
            )
        )
        .order_by(meter.c.meter_id, contract.c.id)
    )


_METERS = _meter_rows().where(
    meter.c.tenant_id == bindparam("tenant_id"), meter.c.meter_id.in_(bindparam("meter_ids", expanding=True))
)
_METERS_AT = _meter_rows().where(
    meter.c.tenant_id == bindparam("tenant_id"), premise_meter.c.premise_id == bindparam("premise_id")
)


def meter_rows(db: Connection, tenant_id: int, meter_ids: Sequence[str]) -> Sequence[AnyRow]:
    return db.execute(_METERS, {"tenant_id": tenant_id, "meter_ids": meter_ids}).all()


def meter_rows_at(db: Connection, tenant_id: int, premise_id: str) -> Sequence[AnyRow]:
    return db.execute(_METERS_AT, {"tenant_id": tenant_id, "premise_id": premise_id}).all()


def account_meters(db: Connection, tenant_id: int, account_number: str) -> Sequence[str]:
    return (
        db.execute(
            select(contract.c.meter_id).where(
                contract.c.tenant_id == tenant_id,
                contract.c.account_number == account_number,
                contract.c.until.is_(None),
            )
        )
        .scalars()
        .all()
    )


_CONTRACTS_OF_CLIENT = (
    select(contract)
    .where(contract.c.tenant_id == bindparam("tenant_id"), contract.c.client_id == bindparam("client_id"))
    .order_by(contract.c.since, contract.c.id)
)
_ON_METERS = _CONTRACTS_OF_CLIENT.where(contract.c.meter_id == any_(bindparam("meter_ids", type_=ARRAY(Text))))


def contracts_of_client(
    db: Connection, tenant_id: int, client_id: str, meter_ids: Sequence[str] | None
) -> Sequence[AnyRow]:
    """Of the named meters, or of all."""
    values = {"tenant_id": tenant_id, "client_id": client_id}
    if meter_ids is None:
        return db.execute(_CONTRACTS_OF_CLIENT, values).all()
    return db.execute(_ON_METERS, values | {"meter_ids": list(meter_ids)}).all()


def contracts_of_meter(db: Connection, tenant_id: int, meter_id: str) -> Sequence[AnyRow]:
    return db.execute(
        select(contract)
        .where(contract.c.tenant_id == tenant_id, contract.c.meter_id == meter_id)
        .order_by(contract.c.since, contract.c.id)
    ).all()


def rates_of(db: Connection, tenant_id: int, meter_id: str) -> Sequence[AnyRow]:
    return db.execute(
        select(meter_rate)
        .where(meter_rate.c.tenant_id == tenant_id, meter_rate.c.meter_id == meter_id)
        .order_by(meter_rate.c.since)
    ).all()


def premise_exists(db: Connection, tenant_id: int, premise_id: str) -> bool:
    found = select(premise.c.premise_id).where(premise.c.tenant_id == tenant_id, premise.c.premise_id == premise_id)
    return db.execute(found).first() is not None
