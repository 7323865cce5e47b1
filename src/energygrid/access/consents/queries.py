"""Statements on consents."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import (
    ARRAY,
    Connection,
    Row,
    Select,
    Text,
    any_,
    bindparam,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from energygrid.access.consents.tables import consent, consent_meter
from energygrid.access.tables import revoked_token
from energygrid.access.third_parties.facts import Status
from energygrid.access.third_parties.tables import third_party

AnyRow: TypeAlias = Row[*tuple[Any, ...]]


def _with_meters() -> Select[*tuple[Any, ...]]:
    meters = (
        select(func.array_agg(consent_meter.c.meter_id).label("meters"))
        .where(consent_meter.c.tenant_id == consent.c.tenant_id, consent_meter.c.consent_id == consent.c.id)
        .scalar_subquery()
    )
    return select(consent, func.coalesce(meters, literal([], ARRAY(Text))).label("meters"))


_CONSENTS = _with_meters()
_STANDING = _CONSENTS.join(third_party, third_party.c.client_id == consent.c.client_id).where(
    consent.c.tenant_id == bindparam("tenant"),
    consent.c.id == bindparam("consent"),
    third_party.c.status.in_([Status.REVIEW, Status.LIVE]),
    ~exists().where(revoked_token.c.tenant_id == consent.c.tenant_id, revoked_token.c.jti == bindparam("jti")),
)


def insert_consent(db: Connection, values: Mapping[str, Any], meters: Sequence[str]) -> None:
    db.execute(insert(consent).values(**values))
    if meters:
        rows = [{"tenant_id": values["tenant_id"], "consent_id": values["id"], "meter_id": each} for each in meters]
        db.execute(insert(consent_meter), rows)


def consent_by_id(db: Connection, tenant_id: int, consent_id: str, *, lock: bool = False) -> AnyRow | None:
    query = _CONSENTS.where(consent.c.tenant_id == tenant_id, consent.c.id == consent_id)
    return db.execute(query.with_for_update(of=consent) if lock else query).one_or_none()


def consent_of_standing_token(db: Connection, tenant_id: int, consent_id: str, jti: str) -> AnyRow | None:
    """None also when the third party is on hold or revoked, or the token was."""
    return db.execute(_STANDING, {"tenant": tenant_id, "consent": consent_id, "jti": jti}).first()


def consents_of_client(db: Connection, tenant_id: int, client_id: str) -> Sequence[AnyRow]:
    query = _CONSENTS.where(consent.c.tenant_id == tenant_id, consent.c.client_id == client_id)
    return db.execute(query.order_by(consent.c.created_at, consent.c.id)).all()


def consents_of_customer(db: Connection, tenant_id: int, customer_id: str) -> Sequence[AnyRow]:
    query = _CONSENTS.where(consent.c.tenant_id == tenant_id, consent.c.customer_id == customer_id)
    return db.execute(query.order_by(consent.c.created_at.desc(), consent.c.id)).all()


def consents_on_meters(db: Connection, tenant_id: int, meter_ids: Sequence[str], now: datetime) -> Sequence[AnyRow]:
    """Consents in force on any of the meters."""
    sharing = select(consent_meter.c.consent_id).where(
        consent_meter.c.tenant_id == tenant_id, consent_meter.c.meter_id == any_(literal(list(meter_ids), ARRAY(Text)))
    )
    query = _CONSENTS.where(
        consent.c.tenant_id == tenant_id,
        consent.c.id.in_(sharing),
        consent.c.revoked_at.is_(None),
        or_(consent.c.expires_at.is_(None), consent.c.expires_at > now),
    )
    return db.execute(query.order_by(consent.c.id)).all()


def update_consent(db: Connection, tenant_id: int, consent_id: str, values: Mapping[str, Any]) -> None:
    db.execute(update(consent).where(consent.c.tenant_id == tenant_id, consent.c.id == consent_id).values(**values))
