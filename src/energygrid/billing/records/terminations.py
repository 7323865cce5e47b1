"""A closed account: its contracts end and the devices on its meters let go."""

from datetime import datetime

from sqlalchemy import Connection

from energygrid.access import audit
from energygrid.access.caller import Actor, Tenant
from energygrid.billing.records import queries
from energygrid.billing.records.record import Record
from energygrid.customers.sync import CHANGED
from energygrid.database.queue import defer
from energygrid.metering.calendar import day_span
from energygrid.metering.settings import MeteringSettings

_REASON = "account_denied"


def plan(db: Connection, tenant: Tenant, record: Record, revision: int, now: datetime) -> None:
    """Have the termination applied when its last day is over, at once if that has been."""
    at = day_span(record.columns["last_day"], tenant.section("metering", MeteringSettings).zone).end
    defer(
        db,
        "billing.apply_termination",
        at=at if at > now else None,
        tenant_id=tenant.id,
        termination_id=record.id,
        revision=revision,
    )


def apply(db: Connection, tenant: Tenant, termination_id: str, revision: int, *, who: Actor, now: datetime) -> None:
    """End the account's contracts after its last day and release what is bound to its meters.

    Does nothing when a newer revision came, or when it was applied before. A meter that somebody else still holds
    keeps its device.
    """
    row = queries.lock_termination(db, tenant.id, termination_id, revision)
    if row is None:
        return
    at = day_span(row.last_day, tenant.section("metering", MeteringSettings).zone).end
    ended = queries.end_contracts(db, tenant.id, row.account_number, row.premise_id, at)
    meters = {each.meter_id for each in ended}
    free = sorted(meters - queries.held_meters(db, tenant.id, sorted(meters)))
    if free:
        defer(db, "devices.release_for", tenant_id=tenant.id, meter_ids=free, reason=_REASON)
    queries.mark_applied(db, tenant.id, termination_id, revision, now)
    clients = sorted({each.client_id for each in ended})
    if clients:
        defer(db, CHANGED, tenant_id=tenant.id, customer_ids=clients)
    for client_id in clients:
        audit.record(
            db,
            tenant.id,
            actor=who.name,
            action="account.terminated",
            subject=f"customer/{client_id}",
            request_id=who.request_id,
            now=now,
            facts={"contracts": sum(each.client_id == client_id for each in ended)},
        )
