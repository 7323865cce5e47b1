"""SQL of binds, their history and the commands still to be sent."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, RowMapping, Select, func, insert, or_, select, text, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.dialects.postgresql import insert as pg_insert

from energygrid.devices.binding import ACTIVE, State
from energygrid.devices.settings import DeviceType
from energygrid.devices.tables import bind, bind_history, device_inventory

_b, _h, _d = bind.c, bind_history.c, device_inventory.c


@dataclass(frozen=True, slots=True)
class Bind:
    """One bind as it stands. `mac` is canonical; instants are in the tenant's time."""

    tenant_id: int
    bind_id: str
    meter_id: str
    slot: int
    mac: str
    client_id: str | None
    device_type: DeviceType
    state: State
    reason: str | None
    late: bool
    fingerprint: bytes = field(repr=False)
    code_sealed: bytes | None = field(repr=False)
    requested_at: datetime
    armed_at: datetime
    changed_at: datetime
    paired_at: datetime | None
    slow_at: datetime | None
    deadline_at: datetime | None

    @property
    def is_active(self) -> bool:
        return self.state in ACTIVE


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One thing said about a bind. `to_state` is None when it changed nothing: not legal in that state, or stale."""

    entry: int
    at: datetime
    source: str
    signal: str
    from_state: State | None
    to_state: State | None
    reason: str | None
    sequence: int | None
    actor: str | None


@dataclass(frozen=True, slots=True)
class Device:
    """A device the tenant's inventory knows; `fixture` marks one whose free-text code a sandbox accepts."""

    mac: str
    device_type: DeviceType
    fingerprint: bytes | None = field(repr=False)
    fixture: bool = False


def lock_ids(db: Connection, tenant_id: int, meter_ids: Iterable[str], macs: Iterable[str]) -> None:
    """Make this transaction the only one that changes binds of these meters and of these devices.

    Everybody locks all meters before any device, and both before rows: so nobody waits in a circle.
    """
    keys = [f"bind meter {tenant_id} {meter_id}" for meter_id in sorted(set(meter_ids))]
    keys += [f"bind mac {tenant_id} {mac}" for mac in sorted(set(macs))]
    for key in keys:
        db.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": key})


def get_bind(db: Connection, tenant_id: int, bind_id: str) -> Bind | None:
    return _first(db, select(bind).where(_b.tenant_id == tenant_id, _b.bind_id == bind_id))


def lock_bind(db: Connection, tenant_id: int, bind_id: str) -> Bind | None:
    """The bind, locked with its meter and device until the transaction ends."""
    seen = get_bind(db, tenant_id, bind_id)
    if seen is None:
        return None
    lock_ids(db, tenant_id, [seen.meter_id], [seen.mac])
    return _first(db, select(bind).where(_b.tenant_id == tenant_id, _b.bind_id == bind_id).with_for_update())


def active_binds(db: Connection, tenant_id: int, meter_id: str, mac: str | None) -> list[Bind]:
    """Every active bind of the meter or of the device, locked."""
    holds = _b.meter_id == meter_id
    if mac is not None:
        holds = or_(holds, _b.mac == mac)
    statement = select(bind).where(_b.tenant_id == tenant_id, holds, _b.state.in_(_names(ACTIVE)))
    return [_bind(row) for row in db.execute(statement.order_by(_b.bind_id).with_for_update()).mappings()]


def latest_bind(db: Connection, tenant_id: int, meter_id: str) -> Bind | None:
    """The meter's active bind, the oldest place first; without one the last that ended."""
    statement = (
        select(bind)
        .where(_b.tenant_id == tenant_id, _b.meter_id == meter_id)
        .order_by(_b.state.in_(_names(ACTIVE)).desc(), _b.slot, _b.requested_at.desc(), _b.bind_id)
    )
    return _first(db, statement.limit(1))


def latest_binds(db: Connection, tenant_id: int, meter_ids: Sequence[str]) -> dict[str, Bind]:
    """`latest_bind` of many meters in one statement; meters that never had one are absent."""
    statement = (
        select(bind)
        .ext(distinct_on(_b.meter_id))
        .where(_b.tenant_id == tenant_id, _b.meter_id.in_(meter_ids))
        .order_by(_b.meter_id, _b.state.in_(_names(ACTIVE)).desc(), _b.slot, _b.requested_at.desc(), _b.bind_id)
    )
    return {row["meter_id"]: _bind(row) for row in db.execute(statement).mappings()}


def active_binds_of(db: Connection, tenant_id: int, meter_ids: Sequence[str]) -> list[Bind]:
    """The active binds of some meters."""
    statement = select(bind).where(_b.tenant_id == tenant_id, _b.meter_id.in_(meter_ids), _b.state.in_(_names(ACTIVE)))
    return [_bind(row) for row in db.execute(statement.order_by(_b.bind_id)).mappings()]


def tenants_with_timers(db: Connection) -> list[int]:
    """Tenants that have any bind on the way."""
    return list(db.execute(select(_b.tenant_id).distinct().where(_b.deadline_at.is_not(None))).scalars())


def on_the_way(db: Connection, tenant_id: int) -> list[str]:
    """Ids of binds that wait for the gateway or for a timer, the oldest first."""
    statement = select(_b.bind_id).where(_b.tenant_id == tenant_id, _b.deadline_at.is_not(None))
    return list(db.execute(statement.order_by(_b.requested_at, _b.bind_id)).scalars())


def due(db: Connection, tenant_id: int, now: datetime) -> list[str]:
    """Ids of binds with a timer that has run out."""
    statement = select(_b.bind_id).where(
        _b.tenant_id == tenant_id,
        _b.deadline_at.is_not(None),
        or_(_b.deadline_at <= now, _b.slow_at <= now),
    )
    return list(db.execute(statement.order_by(_b.requested_at, _b.bind_id)).scalars())


def insert_bind(db: Connection, new: Bind) -> None:
    values = {name: getattr(new, name) for name in Bind.__slots__}
    values["code_fingerprint"] = values.pop("fingerprint")
    db.execute(insert(bind).values(values))


def change_bind(db: Connection, old: Bind, **values: object) -> Bind:
    """Set some columns of a locked bind; returns it as it is now."""
    statement = (
        update(bind).where(_b.tenant_id == old.tenant_id, _b.bind_id == old.bind_id).values(values).returning(bind)
    )
    return _bind(db.execute(statement).mappings().one())


def forget_clients(db: Connection, tenant_id: int, meter_ids: Sequence[str], served: Sequence[str]) -> None:
    """Forget whose the ended binds of some meters were, except for clients that are still served."""
    db.execute(
        update(bind)
        .where(
            _b.tenant_id == tenant_id,
            _b.meter_id.in_(meter_ids),
            _b.state.not_in(_names(ACTIVE)),
            _b.client_id.not_in(served),
        )
        .values(client_id=None)
    )


def add_history(
    db: Connection,
    tenant_id: int,
    bind_id: str,
    *,
    at: datetime,
    source: str,
    signal: str,
    from_state: State | None,
    to_state: State | None,
    reason: str | None = None,
    sequence: int | None = None,
    actor: str | None = None,
) -> None:
    """Append one entry; the caller holds the bind's lock, so numbers have no holes."""
    last = (
        select(func.coalesce(func.max(_h.entry), 0) + 1)
        .where(_h.tenant_id == tenant_id, _h.bind_id == bind_id)
        .scalar_subquery()
    )
    db.execute(
        insert(bind_history).values(
            tenant_id=tenant_id,
            bind_id=bind_id,
            entry=last,
            at=at,
            source=source,
            signal=signal,
            from_state=from_state,
            to_state=to_state,
            reason=reason,
            sequence=sequence,
            actor=actor,
        )
    )


def history(db: Connection, tenant_id: int, bind_id: str) -> list[HistoryEntry]:
    statement = select(bind_history).where(_h.tenant_id == tenant_id, _h.bind_id == bind_id).order_by(_h.entry)
    return [_entry(row) for row in db.execute(statement).mappings()]


def last_sequence(db: Connection, tenant_id: int, bind_id: str) -> int:
    """The greatest event number the gateway has reported for the bind; 0 when none."""
    statement = select(func.max(_h.sequence)).where(_h.tenant_id == tenant_id, _h.bind_id == bind_id)
    return int(db.execute(statement).scalar_one() or 0)


def has_sequence(db: Connection, tenant_id: int, bind_id: str, sequence: int) -> bool:
    statement = select(_h.entry).where(_h.tenant_id == tenant_id, _h.bind_id == bind_id, _h.sequence == sequence)
    return db.execute(statement).first() is not None


def inventory_device(db: Connection, tenant_id: int, mac: str) -> Device | None:
    row = db.execute(select(device_inventory).where(_d.tenant_id == tenant_id, _d.mac == mac)).first()
    if row is None:
        return None
    return Device(row.mac, DeviceType(row.device_type), row.code_fingerprint, fixture=row.fixture)


def is_fixture_code(db: Connection, tenant_id: int, fingerprint: bytes) -> bool:
    """Whether the code belongs to a sandbox fixture, whatever its device."""
    statement = select(_d.mac).where(_d.tenant_id == tenant_id, _d.code_fingerprint == fingerprint, _d.fixture)
    return db.execute(statement.limit(1)).first() is not None


def put_device(db: Connection, tenant_id: int, device: Device, now: datetime) -> None:
    """Add a device to the inventory, or replace what is known of it."""
    new = pg_insert(device_inventory).values(
        tenant_id=tenant_id,
        mac=device.mac,
        device_type=device.device_type,
        code_fingerprint=device.fingerprint,
        fixture=device.fixture,
        added_at=now,
    )
    columns = ("device_type", "code_fingerprint", "fixture", "added_at")
    db.execute(
        new.on_conflict_do_update(
            index_elements=["tenant_id", "mac"], set_={name: new.excluded[name] for name in columns}
        )
    )


def _names(states: frozenset[State]) -> list[str]:
    return sorted(state.value for state in states)


def _first(db: Connection, statement: Select[tuple[object, ...]]) -> Bind | None:
    row = db.execute(statement).mappings().first()
    return None if row is None else _bind(row)


def _bind(row: RowMapping) -> Bind:
    values = dict(row)
    values["fingerprint"] = values.pop("code_fingerprint")
    values["state"] = State(values["state"])
    values["device_type"] = DeviceType(values["device_type"])
    return Bind(**values)


def _entry(row: RowMapping) -> HistoryEntry:
    values = dict(row)
    for unneeded in ("tenant_id", "bind_id"):
        del values[unneeded]
    for name in ("from_state", "to_state"):
        values[name] = values[name] and State(values[name])
    return HistoryEntry(**values)
