"""SQL of stored answers."""

from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, delete, func, select
from sqlalchemy.dialects.postgresql import insert as upsert

from energygrid.access.idempotency.tables import idempotency

AnyRow: TypeAlias = Row[*tuple[Any, ...]]
_KEY = ("tenant_id", "client_id", "method", "path", "key")


def try_lock(db: Connection, key: int) -> bool:
    """Take the advisory lock `key` until the transaction ends; False when another has it."""
    return bool(db.execute(select(func.pg_try_advisory_xact_lock(key))).scalar_one())


def answer_of(
    db: Connection, tenant_id: int, client_id: str, method: str, path: str, key: str, now: datetime
) -> AnyRow | None:
    return db.execute(
        select(idempotency).where(
            idempotency.c.tenant_id == tenant_id,
            idempotency.c.client_id == client_id,
            idempotency.c.method == method,
            idempotency.c.path == path,
            idempotency.c.key == key,
            idempotency.c.expires_at > now,
        )
    ).one_or_none()


def put_answer(db: Connection, **values: Any) -> None:
    """Store an answer; one that has expired under the same key gives way."""
    statement = upsert(idempotency).values(**values)
    replaced = {name: statement.excluded[name] for name in values if name not in _KEY}
    db.execute(statement.on_conflict_do_update(index_elements=_KEY, set_=replaced))


def drop_answers_about(db: Connection, tenant_id: int, subject: str) -> None:
    db.execute(delete(idempotency).where(idempotency.c.tenant_id == tenant_id, idempotency.c.subject == subject))


def drop_expired(db: Connection, now: datetime) -> int:
    return db.execute(delete(idempotency).where(idempotency.c.expires_at <= now)).rowcount
