"""Statements on third parties."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, Row, Select, insert, select, update

from energygrid.access.tables import client, tenant
from energygrid.access.third_parties.tables import third_party

AnyRow: TypeAlias = Row[*tuple[Any, ...]]

_THIRD_PARTIES: Select[*tuple[Any, ...]] = (
    select(
        third_party,
        client.c.name,
        client.c.grants,
        client.c.redirect_uris,
        client.c.auth_method,
        client.c.disabled_at,
        tenant.c.key.label("tenant_key"),
        tenant.c.environment,
        tenant.c.settings,
    )
    .join(client, client.c.client_id == third_party.c.client_id)
    .join(tenant, tenant.c.id == third_party.c.tenant_id)
)


def insert_third_party(db: Connection, values: Mapping[str, Any]) -> None:
    db.execute(insert(third_party).values(**values))


def update_third_party(db: Connection, client_id: str, values: Mapping[str, Any]) -> None:
    db.execute(update(third_party).where(third_party.c.client_id == client_id).values(**values))


def by_client(db: Connection, client_id: str, *, lock: bool = False) -> AnyRow | None:
    return _one(db, third_party.c.client_id == client_id, lock=lock)


def by_application(db: Connection, tenant_id: int, application_id: str) -> AnyRow | None:
    return _one(db, third_party.c.tenant_id == tenant_id, third_party.c.application_id == application_id)


def by_registration(db: Connection, fingerprint: bytes) -> AnyRow | None:
    return _one(db, third_party.c.registration_fingerprint == fingerprint)


def of_tenant(db: Connection, tenant_id: int | None) -> Sequence[AnyRow]:
    """By tenant and age; None: of all tenants."""
    query = _THIRD_PARTIES.order_by(tenant.c.key, third_party.c.created_at, third_party.c.client_id)
    return db.execute(query if tenant_id is None else query.where(third_party.c.tenant_id == tenant_id)).all()


def of_owner(db: Connection, tenant_id: int, user_id: int) -> Sequence[AnyRow]:
    owned = (third_party.c.tenant_id == tenant_id, third_party.c.owner_user_id == user_id)
    return db.execute(_THIRD_PARTIES.where(*owned).order_by(third_party.c.created_at, third_party.c.client_id)).all()


def _one(db: Connection, *wanted: ColumnElement[bool], lock: bool = False) -> AnyRow | None:
    query = _THIRD_PARTIES.where(*wanted)
    return db.execute(query.with_for_update(of=third_party) if lock else query).one_or_none()
