"""Every SQL statement about tenants, clients, users, issuers, keys, throttles and the audit log."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from sqlalchemy import Column, Connection, Row, bindparam, case, cast, delete, func, insert, select, text, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB

from energygrid.access.caller import Tenant
from energygrid.access.tables import (
    app_user,
    audit_log,
    client,
    client_secret,
    issuer,
    revoked_token,
    signing_key,
    tenant,
    throttle,
)

AnyRow: TypeAlias = Row[*tuple[Any, ...]]
_TENANT: tuple[Column[Any], ...] = (tenant.c.id, tenant.c.key, tenant.c.environment, tenant.c.settings)


def tenant_of(row: AnyRow | None) -> Tenant | None:
    return None if row is None else Tenant(row.id, row.key, row.environment, row.settings)


def tenant_by_key(db: Connection, key: str) -> Tenant | None:
    return tenant_of(db.execute(select(*_TENANT).where(tenant.c.key == key)).one_or_none())


def tenant_by_id(db: Connection, tenant_id: int) -> Tenant | None:
    return tenant_of(db.execute(select(*_TENANT).where(tenant.c.id == tenant_id)).one_or_none())


def tenants(db: Connection) -> Sequence[AnyRow]:
    return db.execute(select(*_TENANT, tenant.c.name, tenant.c.created_at, tenant.c.uuid).order_by(tenant.c.key)).all()


def insert_tenant(db: Connection, values: Mapping[str, object]) -> Tenant | None:
    """The new tenant, or None when the key is taken."""
    statement = postgresql.insert(tenant).values(**values).on_conflict_do_nothing(index_elements=["key"])
    return tenant_of(db.execute(statement.returning(*_TENANT)).one_or_none())


def set_tenant_settings(db: Connection, tenant_id: int, section: str, values: Mapping[str, object]) -> Tenant | None:
    """Replace one section of a tenant's settings; None when there is no such tenant."""
    merged = tenant.c.settings.concat(cast({section: values}, JSONB))
    statement = update(tenant).where(tenant.c.id == tenant_id).values(settings=merged).returning(*_TENANT)
    return tenant_of(db.execute(statement).one_or_none())


def lock_tenant(db: Connection, tenant_id: int) -> Tenant | None:
    return tenant_of(db.execute(select(*_TENANT).where(tenant.c.id == tenant_id).with_for_update()).one_or_none())


def insert_audit(db: Connection, values: Mapping[str, object]) -> None:
    db.execute(insert(audit_log).values(**values))


_AUDIT_OF_READING = text(
    """
    INSERT INTO audit_log (tenant_id, at, actor, action, subject, request_id, facts)
    SELECT :tenant_id, :at, :actor, :action, :subject, :request_id, :facts
    FROM set_config('synchronous_commit', 'off', true)
    """
).bindparams(bindparam("facts", type_=JSONB))


def insert_audit_of_reading(db: Connection, values: Mapping[str, object]) -> None:
    """The same, without waiting until it is on disk."""
    db.execute(_AUDIT_OF_READING, values)


def audit_entries(
    db: Connection,
    *,
    tenant_id: int | None,
    actor: str | None,
    subject: str | None,
    since: datetime | None,
    limit: int,
) -> Sequence[AnyRow]:
    """The newest `limit` entries that match, oldest first."""
    wanted = select(audit_log).order_by(audit_log.c.at.desc(), audit_log.c.id.desc()).limit(limit)
    for column, value in (
        (audit_log.c.tenant_id, tenant_id),
        (audit_log.c.actor, actor),
        (audit_log.c.subject, subject),
    ):
        if value is not None:
            wanted = wanted.where(column == value)
    if since is not None:
        wanted = wanted.where(audit_log.c.at >= since)
    return db.execute(wanted).all()[::-1]


def client_with_tenant(db: Connection, client_id: str, *, lock: bool = False) -> AnyRow | None:
    """A client's columns and its tenant's as `tenant_key`, `environment` and `settings`."""
    statement = (
        select(client, tenant.c.key.label("tenant_key"), tenant.c.environment, tenant.c.settings)
        .join(tenant, tenant.c.id == client.c.tenant_id)
        .where(client.c.client_id == client_id)
    )
    return db.execute(statement.with_for_update(of=client) if lock else statement).one_or_none()


def clients_of(db: Connection, tenant_id: int | None) -> Sequence[AnyRow]:
    """Clients with their tenant's key and the number of their secrets, by tenant and age."""
    secrets = (
        select(func.count()).where(client_secret.c.client_id == client.c.client_id).scalar_subquery().label("secrets")
    )
    statement = (
        select(client, tenant.c.key.label("tenant_key"), secrets)
        .join(tenant, tenant.c.id == client.c.tenant_id)
        .order_by(tenant.c.key, client.c.created_at, client.c.client_id)
    )
    return db.execute(statement if tenant_id is None else statement.where(client.c.tenant_id == tenant_id)).all()


def insert_client(db: Connection, values: Mapping[str, object]) -> bool:
    """Whether the client id was free."""
    statement = postgresql.insert(client).values(**values).on_conflict_do_nothing(index_elements=["client_id"])
    return db.execute(statement.returning(client.c.client_id)).one_or_none() is not None


def update_client(db: Connection, client_id: str, values: Mapping[str, object]) -> None:
    db.execute(update(client).where(client.c.client_id == client_id).values(**values))


def secrets_of(db: Connection, client_id: str) -> Sequence[AnyRow]:
    """A client's secrets, oldest first."""
    return db.execute(
        select(client_secret).where(client_secret.c.client_id == client_id).order_by(client_secret.c.created_at)
    ).all()


def insert_secret(db: Connection, values: Mapping[str, object]) -> None:
    db.execute(insert(client_secret).values(**values))


def delete_secret(db: Connection, client_id: str, fingerprint: bytes) -> None:
    db.execute(
        delete(client_secret).where(client_secret.c.client_id == client_id, client_secret.c.fingerprint == fingerprint)
    )


def user_by_name(db: Connection, tenant_id: int, username: str) -> AnyRow | None:
    return db.execute(
        select(app_user).where(app_user.c.tenant_id == tenant_id, app_user.c.username == username)
    ).one_or_none()


def users_of(db: Connection, tenant_id: int | None) -> Sequence[AnyRow]:
    """Users with their tenant's key, by tenant and name."""
    statement = (
        select(app_user, tenant.c.key.label("tenant_key"))
        .join(tenant, tenant.c.id == app_user.c.tenant_id)
        .order_by(tenant.c.key, app_user.c.username)
    )
    return db.execute(statement if tenant_id is None else statement.where(app_user.c.tenant_id == tenant_id)).all()


def insert_user(db: Connection, values: Mapping[str, object]) -> int | None:
    """The new user's number, or None when the name is taken."""
    statement = (
        postgresql.insert(app_user)
        .values(**values)
        .on_conflict_do_nothing(index_elements=["tenant_id", "username"])
        .returning(app_user.c.id)
    )
    return db.execute(statement).scalar_one_or_none()


def update_user(db: Connection, tenant_id: int, user_id: int, values: Mapping[str, object]) -> None:
    db.execute(update(app_user).where(app_user.c.tenant_id == tenant_id, app_user.c.id == user_id).values(**values))


def issuers_named(db: Connection, name: str) -> Sequence[AnyRow]:
    """Every tenant's trust in the issuer `name` that is not disabled, with the tenant's columns."""
    statement = (
        select(issuer, tenant.c.key.label("tenant_key"), tenant.c.environment, tenant.c.settings)
        .join(tenant, tenant.c.id == issuer.c.tenant_id)
        .where(issuer.c.issuer == name, issuer.c.disabled_at.is_(None))
        .order_by(issuer.c.tenant_id)
    )
    return db.execute(statement).all()


def issuers_of(db: Connection, tenant_id: int | None) -> Sequence[AnyRow]:
    statement = (
        select(issuer, tenant.c.key.label("tenant_key"))
        .join(tenant, tenant.c.id == issuer.c.tenant_id)
        .order_by(tenant.c.key, issuer.c.issuer)
    )
    return db.execute(statement if tenant_id is None else statement.where(issuer.c.tenant_id == tenant_id)).all()


def put_issuer(db: Connection, values: Mapping[str, object]) -> None:
    """Add the issuer, or replace what was known of it."""
    statement = postgresql.insert(issuer).values(**values)
    changed = {name: statement.excluded[name] for name in values if name not in {"tenant_id", "issuer", "created_at"}}
    db.execute(statement.on_conflict_do_update(index_elements=["tenant_id", "issuer"], set_=changed))


def disable_issuer(db: Connection, tenant_id: int, name: str, now: datetime) -> bool:
    """Whether the tenant trusted this issuer until now."""
    wanted = (issuer.c.tenant_id == tenant_id, issuer.c.issuer == name, issuer.c.disabled_at.is_(None))
    return db.execute(update(issuer).where(*wanted).values(disabled_at=now)).rowcount == 1


def lock_signing_keys(db: Connection) -> None:
    """One process at a time changes the signing keys; held until the transaction ends."""
    db.execute(text("SELECT pg_advisory_xact_lock(hashtext('energygrid.signing_key'))"))


def signing_keys(db: Connection) -> Sequence[AnyRow]:
    """All keys, in the order in which they sign, the next one last."""
    return db.execute(
        select(signing_key).order_by(signing_key.c.signs_from.asc().nulls_last(), signing_key.c.published_at)
    ).all()


def insert_signing_key(db: Connection, values: Mapping[str, object]) -> None:
    db.execute(insert(signing_key).values(**values))


def update_signing_key(db: Connection, kid: str, values: Mapping[str, object]) -> None:
    db.execute(update(signing_key).where(signing_key.c.kid == kid).values(**values))


def delete_signing_keys(db: Connection, kids: Sequence[str]) -> None:
    db.execute(delete(signing_key).where(signing_key.c.kid.in_(kids)))


def insert_revocation(db: Connection, values: Mapping[str, object]) -> None:
    db.execute(postgresql.insert(revoked_token).values(**values).on_conflict_do_nothing())


def is_revoked(db: Connection, tenant_id: int, jti: str) -> bool:
    wanted = select(revoked_token.c.jti).where(revoked_token.c.tenant_id == tenant_id, revoked_token.c.jti == jti)
    return db.execute(wanted).one_or_none() is not None


def delete_expired_revocations(db: Connection, before: datetime) -> int:
    return db.execute(delete(revoked_token).where(revoked_token.c.expires_at < before)).rowcount


def delete_idle_throttles(db: Connection, before: datetime) -> int:
    """A row whose times have passed says no more than no row."""
    idle = (throttle.c.tat < before, throttle.c.locked_until < before)
    return db.execute(delete(throttle).where(*idle)).rowcount


def throttle_row(db: Connection, key: str) -> AnyRow | None:
    return db.execute(select(throttle).where(throttle.c.key == key)).one_or_none()


def delete_throttle(db: Connection, key: str) -> None:
    db.execute(delete(throttle).where(throttle.c.key == key))


def advance_throttle(db: Connection, key: str, *, interval: timedelta, tolerance: timedelta, now: datetime) -> bool:
    """Take one unit of the GCRA bucket `key` when its theoretical arrival time is at most `now + tolerance`."""
    statement = postgresql.insert(throttle).values(key=key, tat=now + interval, locked_until=now)
    taken = statement.on_conflict_do_update(
        index_elements=["key"],
        set_={"tat": func.greatest(throttle.c.tat + interval, statement.excluded.tat)},
        where=throttle.c.tat <= now + tolerance,
    ).returning(throttle.c.key)
    return db.execute(taken).one_or_none() is not None


def add_failure(
    db: Connection, key: str, *, interval: timedelta, locks_after: timedelta, lock: timedelta, now: datetime
) -> AnyRow | None:
    """Count one failure, lock when the bucket is fuller than `locks_after`, and return the row as it is then.

    None, and nothing counted, when it is locked already.
    """
    first_locks = interval > locks_after
    statement = postgresql.insert(throttle).values(
        key=key, tat=now + interval, locked_until=now + lock if first_locks else now
    )
    tat = func.greatest(throttle.c.tat + interval, statement.excluded.tat)
    counted = statement.on_conflict_do_update(
        index_elements=["key"],
        set_={"tat": tat, "locked_until": case((tat > now + locks_after, now + lock), else_=now)},
        where=throttle.c.locked_until <= now,
    )
    return db.execute(counted.returning(throttle)).one_or_none()
