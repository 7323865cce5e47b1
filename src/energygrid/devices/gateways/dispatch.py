"""Sending commands to the gateway: claim in one transaction, send outside any, settle in another.

A worker that dies between the three leaves a lease that runs out; the command is then sent again under the same
idempotency key. Commands of one bind go out in order, one at a time. Times here are real ones, whatever a sandbox's
clock says.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.access.tenants import tenant_now
from energygrid.access.vault import Vault
from energygrid.database.engine import Database
from energygrid.database.queue import defer
from energygrid.devices import codes, queries
from energygrid.devices import lifecycle as life
from energygrid.devices.binding import Reason, Signal, State
from energygrid.devices.gateways import queries as outbox
from energygrid.devices.gateways.gateway import Answer, Command, CommandKind, Credential, Gateway
from energygrid.devices.queries import Bind
from energygrid.devices.settings import devices_settings
from energygrid.devices.timers import catch_up, schedule_next
from energygrid.errors import Unavailable

RETRIES: Final = tuple(timedelta(seconds=seconds) for seconds in (1, 5, 30, 120, 600))
"""Time to the next try after the first, second, ... failure; the last one repeats."""
LEASE: Final = timedelta(seconds=90)
"""Longer than any send may take."""
_GIVE_UP_REMOVAL: Final = timedelta(hours=48)


@dataclass(frozen=True, slots=True)
class Claim:
    """A command this worker alone may send until its lease ends."""

    pending: outbox.Pending
    command: Command


def dispatch(database: Database, vault: Vault, gateway: Gateway, tenant: Tenant, bind_id: str, now: datetime) -> bool:
    """Send the bind's next command; whether there was one to send."""
    claim = database.write(claim_command, vault, tenant, bind_id, now)
    if claim is None:
        return False
    try:
        answer = gateway.send(claim.command)
    except Unavailable:
        answer = None
    database.write(settle_command, tenant, claim, answer, now)
    return True


def claim_command(db: Connection, vault: Vault, tenant: Tenant, bind_id: str, now: datetime) -> Claim | None:
    """Lease the bind's first open command; None when there is none, it is not due, or one is being sent."""
    bind = queries.lock_bind(db, tenant.id, bind_id)
    if bind is None:
        return None
    pending = outbox.lock_commands(db, tenant.id, bind_id, now)
    if not pending or any(one.leased_until is not None and one.leased_until > now for one in pending):
        return None
    first = pending[0]
    if first.due_at > now:
        return None
    outbox.change_command(db, first, leased_until=now + LEASE, attempts=first.attempts + 1)
    return Claim(first, _command(vault, bind, first))


def settle_command(db: Connection, tenant: Tenant, claim: Claim, answer: Answer | None, now: datetime) -> None:
    """Record what the gateway answered; None means nobody knows whether it heard."""
    bind = queries.lock_bind(db, tenant.id, claim.command.bind_id)
    assert bind is not None
    pending = outbox.lock_command(db, tenant.id, bind.bind_id, claim.command.number)
    if pending.attempts != claim.pending.attempts + 1:
        return  # the lease ran out and another worker sends it now
    outbox.change_command(db, pending, leased_until=None)
    if pending.done_at is None:
        bind = _settle(db, tenant, bind, pending, answer, now)
    bind = catch_up(db, tenant, bind, now)
    schedule_next(db, tenant, bind, now)
    open_ones = outbox.lock_commands(db, tenant.id, bind.bind_id, now)
    if open_ones:
        defer(db, "devices.dispatch", at=open_ones[0].due_at, tenant_id=tenant.id, bind_id=bind.bind_id)


def wake_overdue(db: Connection, now: datetime) -> int:
    """Enqueue the sending of commands that a dead worker left behind; returns how many."""
    left = outbox.overdue(db, now)
    for tenant_id, bind_id in left:
        lock = f"devices.dispatch/{tenant_id}/{bind_id}"
        defer(db, "devices.dispatch", queueing_lock=lock, tenant_id=tenant_id, bind_id=bind_id)
    return len(left)


def forget_leases(db: Connection) -> None:
    """No worker lives, so no lease holds: what was being sent may be sent again at once."""
    outbox.drop_leases(db)


def _settle(
    db: Connection, tenant: Tenant, bind: Bind, pending: outbox.Pending, answer: Answer | None, now: datetime
) -> Bind:
    if answer is None:
        return _unheard(db, tenant, bind, pending, now)
    outbox.change_command(db, pending, done_at=now, outcome="accepted" if answer.accepted else "refused")
    at = tenant_now(tenant, now)
    match pending.kind, answer.accepted:
        case CommandKind.JOIN, True:
            word = life.Word(Signal.ACCEPTED, at, life.Source.DISPATCH)
        case CommandKind.JOIN, False:
            reason = answer.reason or Reason.DEVICE_REJECTED
            word = life.Word(Signal.REFUSED, at, life.Source.DISPATCH, reason)
        case CommandKind.LEAVE, False if bind.state is State.RELEASING:
            # The gateway knows no such device: there is nothing left to wait for.
            word = life.Word(Signal.LEFT, at, life.Source.DISPATCH)
        case _:
            return bind
    return life.apply(db, tenant, bind, word, now)


def _unheard(db: Connection, tenant: Tenant, bind: Bind, pending: outbox.Pending, now: datetime) -> Bind:
    """Try again later; or, when the gateway has been silent for too long, give up."""
    joins = pending.kind in {CommandKind.JOIN, CommandKind.REARM}
    patience = timedelta(seconds=devices_settings(tenant).unreachable_after_s) if joins else _GIVE_UP_REMOVAL
    if now - pending.created_at < patience:
        delay = RETRIES[min(pending.attempts, len(RETRIES)) - 1]
        outbox.change_command(db, pending, due_at=now + delay)
        return bind
    outbox.change_command(db, pending, done_at=now, outcome="unreachable")
    if pending.kind is not CommandKind.JOIN:
        return bind
    at = tenant_now(tenant, now)
    word = life.Word(Signal.UNREACHABLE, at, life.Source.DISPATCH, Reason.GATEWAY_UNREACHABLE)
    return life.apply(db, tenant, bind, word, now)


def _command(vault: Vault, bind: Bind, pending: outbox.Pending) -> Command:
    credential = None
    if pending.kind is CommandKind.JOIN and bind.code_sealed is not None:
        code = codes.unseal(vault, bind.code_sealed)
        credential = Credential(code.text, code.link_key())
    return Command(bind.bind_id, pending.number, pending.kind, bind.meter_id, bind.mac, credential)
