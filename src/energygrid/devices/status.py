"""Reading binds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from energygrid.access import audit
from energygrid.access.caller import Actor, Tenant
from energygrid.devices import queries
from energygrid.devices.mac import show_mac
from energygrid.devices.queries import Bind, HistoryEntry
from energygrid.errors import NotFound


@dataclass(frozen=True, slots=True)
class BindWithHistory:
    bind: Bind
    history: list[HistoryEntry]


@dataclass(frozen=True, slots=True)
class MeterBinding:
    """What a customer's document shows of a meter's bind; `device` only while one is paired or being released."""

    state: str
    device: str | None


def bind_status(db: Connection, tenant: Tenant, who: Actor, bind_id: str, now: datetime) -> BindWithHistory:
    """One request with everything that was said about it; raises NotFound UNKNOWN_BIND."""
    bind = queries.get_bind(db, tenant.id, bind_id)
    if bind is None:
        raise NotFound("UNKNOWN_BIND", "there is no such bind request", bindRequestId=bind_id)
    _audit(db, tenant, who, bind, now)
    return BindWithHistory(bind, queries.history(db, tenant.id, bind_id))


def current_binding(db: Connection, tenant: Tenant, who: Actor, meter_id: str, now: datetime) -> Bind:
    """The meter's active bind, or the last one that ended; raises NotFound UNKNOWN_METER when there never was one."""
    bind = queries.latest_bind(db, tenant.id, meter_id)
    if bind is None:
        raise NotFound("UNKNOWN_METER", "no bind was ever requested for this meter", meterId=meter_id)
    _audit(db, tenant, who, bind, now)
    return bind


def binds_of_meters(db: Connection, tenant_id: int, meter_ids: Sequence[str]) -> dict[str, MeterBinding]:
    """State and device of each meter that ever had a bind, by meter id (contract C10, `?include=bind`)."""
    return {meter_id: _binding(bind) for meter_id, bind in queries.latest_binds(db, tenant_id, meter_ids).items()}


def _binding(bind: Bind) -> MeterBinding:
    return MeterBinding(bind.state.value, show_mac(bind.mac) if bind.is_active else None)


def _audit(db: Connection, tenant: Tenant, who: Actor, bind: Bind, now: datetime) -> None:
    audit.record(
        db,
        tenant.id,
        actor=who.name,
        action="bind.read",
        subject=f"meter/{bind.meter_id}",
        request_id=who.request_id,
        now=now,
        facts={"bindRequestId": bind.bind_id},
    )
