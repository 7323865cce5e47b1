"""Bringing a bind up to the present: its timers, and in a sandbox the simulated gateway."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.access.tenants import get_tenant, tenant_now
from energygrid.database.engine import Database
from energygrid.database.queue import defer
from energygrid.devices import queries
from energygrid.devices.binding import WAITING, Reason, Signal, State
from energygrid.devices.gateways.simulator import script
from energygrid.devices.lifecycle import Source, Word, announce, apply
from energygrid.devices.queries import Bind
from energygrid.devices.settings import devices_settings


def current_tenant(db: Connection, tenant: Tenant) -> Tenant:
    """The tenant with the clock it has now: a caller's token may be older than the last advance of a sandbox."""
    return get_tenant(db, tenant.id) if tenant.environment == "sandbox" else tenant


def advance_bind(db: Connection, tenant: Tenant, bind_id: str, now: datetime) -> Bind | None:
    """Do everything that is due for one bind; None when there is no such bind."""
    bind = queries.lock_bind(db, tenant.id, bind_id)
    return None if bind is None else catch_up(db, tenant, bind, now)


def drive_bind(db: Connection, tenant: Tenant, bind_id: str, now: datetime) -> None:
    """Do everything that is due for one bind, and have the next simulated event driven at its own time too."""
    bind = advance_bind(db, tenant, bind_id, now)
    if bind is not None:
        schedule_next(db, tenant, bind, now)


def catch_up(db: Connection, tenant: Tenant, bind: Bind, now: datetime) -> Bind:
    """The locked bind as it is now, after everything due in the order of its own times.

    A decision about a bind starts here, so it never depends on how late a job runs.
    """
    at = tenant_now(tenant, now)
    while True:
        word = min(_words(db, tenant, bind), key=lambda word: word.at, default=None)
        slow = bind.slow_at
        if slow is not None and slow <= at and (word is None or slow <= word.at):
            bind = queries.change_bind(db, bind, slow_at=None)
            announce(db, bind, now, "bind.slow")
        elif word is not None and word.at <= at:
            bind = apply(db, tenant, bind, word, now)
        else:
            break
    return bind


def schedule_next(db: Connection, tenant: Tenant, bind: Bind, now: datetime) -> None:
    """Have the next simulated event of a bind driven at its own time rather than with the next sweep."""
    words = [word for word in _words(db, tenant, bind) if word.source is Source.GATEWAY]
    if words:
        ahead = tenant_now(tenant, now) - now
        due = min(word.at for word in words) - ahead
        defer(db, "devices.advance_bind", at=due, tenant_id=tenant.id, bind_id=bind.bind_id)


def advance_tenant(database: Database, tenant: Tenant, now: datetime) -> int:
    """Do everything due for a tenant, each bind in a transaction of its own; returns how many were looked at."""
    bind_ids = database.read(_work, tenant, now)
    for bind_id in bind_ids:
        database.write(advance_bind, tenant, bind_id, now)
    return len(bind_ids)


def _work(db: Connection, tenant: Tenant, now: datetime) -> list[str]:
    """Binds that `advance_bind` may have something to do for; what a simulator will say is not in the database."""
    if devices_settings(tenant).gateway_for(tenant) == "simulator":
        return queries.on_the_way(db, tenant.id)
    return queries.due(db, tenant.id, tenant_now(tenant, now))


def _words(db: Connection, tenant: Tenant, bind: Bind) -> Iterable[Word]:
    """What the clock and the simulated gateway have still to say in the bind's present state, due or not."""
    if bind.deadline_at is None:
        return
    if devices_settings(tenant).gateway_for(tenant) == "simulator":
        said = queries.last_sequence(db, tenant.id, bind.bind_id)
        for timed in script(bind.bind_id, bind.mac, bind.requested_at, bind.state, bind.changed_at):
            if timed.event.sequence > said:
                event = timed.event
                yield Word(event.signal, timed.at, Source.GATEWAY, event.reason, event.sequence)
    reason = Reason.RELEASE_UNCONFIRMED if bind.state is State.RELEASING else None
    if bind.state in WAITING or bind.state is State.RELEASING:
        yield Word(Signal.DEADLINE, bind.deadline_at, Source.TIMER, reason)
