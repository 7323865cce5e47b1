"""SQL of rates and billing cycles."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, select
from sqlalchemy.dialects.postgresql import insert

from energygrid.billing.cycles import Cycle, Period
from energygrid.billing.tables import billing_cycle, billing_period, rate_version

_r, _c, _p = rate_version.c, billing_cycle.c, billing_period.c


def put_rate(db: Connection, values: Mapping[str, Any]) -> None:
    statement = insert(rate_version).values(**values)
    changed = {name: statement.excluded[name] for name in ("status", "document", "findings", "changed_at")}
    keys = ["tenant_id", "rate_code", "valid_from"]
    db.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed))


def rate_versions(db: Connection, tenant_id: int, rate_code: str) -> Sequence[Row[Any]]:
    """Oldest first."""
    statement = select(rate_version).where(_r.tenant_id == tenant_id, _r.rate_code == rate_code)
    return db.execute(statement.order_by(_r.valid_from)).all()


def rate_page(db: Connection, tenant_id: int, after: str, limit: int) -> Sequence[Row[Any]]:
    """All versions of the next `limit` codes, by code and age."""
    codes = (
        select(_r.rate_code)
        .where(_r.tenant_id == tenant_id, _r.rate_code > after)
        .distinct()
        .order_by(_r.rate_code)
        .limit(limit)
    )
    statement = select(rate_version).where(_r.tenant_id == tenant_id, _r.rate_code.in_(codes))
    return db.execute(statement.order_by(_r.rate_code, _r.valid_from)).all()


def put_cycle(db: Connection, tenant_id: int, cycle: Cycle, now: datetime) -> None:
    """Replace a cycle and its periods; the row's lock keeps two writers apart."""
    statement = insert(billing_cycle).values(
        tenant_id=tenant_id,
        cycle_id=cycle.cycle_id,
        name=cycle.name,
        is_bimonthly=cycle.is_bimonthly,
        changed_at=now,
    )
    changed = {name: statement.excluded[name] for name in ("name", "is_bimonthly", "changed_at")}
    db.execute(statement.on_conflict_do_update(index_elements=["tenant_id", "cycle_id"], set_=changed))
    db.execute(delete(billing_period).where(_p.tenant_id == tenant_id, _p.cycle_id == cycle.cycle_id))
    if cycle.periods:
        rows = [
            {
                "tenant_id": tenant_id,
                "cycle_id": cycle.cycle_id,
                "start_date": each.start,
                "end_date": each.end,
                "period_id": each.period_id,
            }
            for each in cycle.periods
        ]
        db.execute(insert(billing_period), rows)


def cycle(db: Connection, tenant_id: int, cycle_id: str) -> Cycle | None:
    head = db.execute(select(billing_cycle).where(_c.tenant_id == tenant_id, _c.cycle_id == cycle_id)).first()
    if head is None:
        return None
    statement = (
        select(_p.period_id, _p.start_date, _p.end_date)
        .where(_p.tenant_id == tenant_id, _p.cycle_id == cycle_id)
        .order_by(_p.start_date)
    )
    periods = tuple(Period(*row) for row in db.execute(statement))
    return Cycle(head.cycle_id, head.name, head.is_bimonthly, periods)


def cycle_page(db: Connection, tenant_id: int, after: str, limit: int) -> list[Cycle]:
    """The next cycles by id, without their periods."""
    statement = (
        select(_c.cycle_id, _c.name, _c.is_bimonthly)
        .where(_c.tenant_id == tenant_id, _c.cycle_id > after)
        .order_by(_c.cycle_id)
        .limit(limit)
    )
    return [Cycle(*row, ()) for row in db.execute(statement)]


def period_of(db: Connection, tenant_id: int, cycle_id: str, day: date) -> Period | None:
    statement = select(_p.period_id, _p.start_date, _p.end_date).where(
        _p.tenant_id == tenant_id, _p.cycle_id == cycle_id, _p.start_date <= day, _p.end_date > day
    )
    row = db.execute(statement).first()
    return Period(*row) if row else None
