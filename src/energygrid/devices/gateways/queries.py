"""SQL of the commands to the gateway: an outbox with leases, in order within a bind."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, func, insert, or_, select, update

from energygrid.devices.gateways.gateway import CommandKind
from energygrid.devices.tables import gateway_command

_c = gateway_command.c


@dataclass(frozen=True, slots=True)
class Pending:
    """One command and how far it got; instants are real time."""

    tenant_id: int
    bind_id: str
    number: int
    kind: CommandKind
    created_at: datetime
    due_at: datetime
    attempts: int
    leased_until: datetime | None
    done_at: datetime | None
    outcome: str | None


def add_command(db: Connection, tenant_id: int, bind_id: str, kind: CommandKind, now: datetime) -> None:
    """Append a command; the caller holds the bind's lock."""
    last = (
        select(func.coalesce(func.max(_c.number), 0) + 1)
        .where(_c.tenant_id == tenant_id, _c.bind_id == bind_id)
        .scalar_subquery()
    )
    db.execute(
        insert(gateway_command).values(
            tenant_id=tenant_id,
            bind_id=bind_id,
            number=last,
            kind=kind.value,
            created_at=now,
            due_at=now,
            attempts=0,
        )
    )


def lock_commands(db: Connection, tenant_id: int, bind_id: str, now: datetime) -> list[Pending]:
    """The bind's commands that are open or being sent, in order."""
    statement = (
        select(gateway_command)
        .where(
            _c.tenant_id == tenant_id,
            _c.bind_id == bind_id,
            or_(_c.done_at.is_(None), _c.leased_until > now),
        )
        .order_by(_c.number)
        .with_for_update()
    )
    return [_pending(row) for row in db.execute(statement).mappings()]


def lock_command(db: Connection, tenant_id: int, bind_id: str, number: int) -> Pending:
    statement = (
        select(gateway_command)
        .where(_c.tenant_id == tenant_id, _c.bind_id == bind_id, _c.number == number)
        .with_for_update()
    )
    return _pending(db.execute(statement).mappings().one())


def change_command(db: Connection, old: Pending, **values: object) -> None:
    db.execute(
        update(gateway_command)
        .where(_c.tenant_id == old.tenant_id, _c.bind_id == old.bind_id, _c.number == old.number)
        .values(**values)
    )


def drop_commands(db: Connection, tenant_id: int, bind_id: str, kinds: frozenset[CommandKind], now: datetime) -> None:
    """Close open commands that have lost their point. A lease stays: what is being sent is being sent."""
    db.execute(
        update(gateway_command)
        .where(
            _c.tenant_id == tenant_id,
            _c.bind_id == bind_id,
            _c.done_at.is_(None),
            _c.kind.in_(sorted(kinds)),
        )
        .values(done_at=now, outcome="moot")
    )


def overdue(db: Connection, now: datetime) -> list[tuple[int, str]]:
    """(tenant, bind) with a command nobody is sending although it is due: a worker died, or is about to begin."""
    statement = (
        select(_c.tenant_id, _c.bind_id)
        .distinct()
        .where(
            _c.done_at.is_(None),
            _c.due_at <= now,
            or_(_c.leased_until.is_(None), _c.leased_until <= now),
        )
        .order_by(_c.tenant_id, _c.bind_id)
    )
    return [(row.tenant_id, row.bind_id) for row in db.execute(statement)]


def drop_leases(db: Connection) -> None:
    """Nobody is sending anything any more."""
    db.execute(update(gateway_command).where(_c.leased_until.is_not(None)).values(leased_until=None))


def _pending(row: RowMapping) -> Pending:
    values = dict(row)
    values["kind"] = CommandKind(values["kind"])
    return Pending(**values)
