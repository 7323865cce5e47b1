"""Writing down what was said about a bind: its state, its history, the commands and the events that follow from it.

Everything that moves a bind comes through `apply`, inside the caller's transaction and under the bind's lock.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.database.queue import defer
from energygrid.devices import queries
from energygrid.devices.binding import ENDED, Reason, Signal, State, step
from energygrid.devices.gateways import queries as commands
from energygrid.devices.gateways.gateway import CommandKind
from energygrid.devices.mac import show_mac
from energygrid.devices.parties import served_parties
from energygrid.devices.queries import Bind
from energygrid.devices.settings import devices_settings
from energygrid.messaging import events


class Source(StrEnum):
    """Where a word about a bind came from."""

    API = "api"
    DISPATCH = "dispatch"
    GATEWAY = "gateway"
    TIMER = "timer"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Word:
    """One thing said about a bind. `at` is the tenant's time; `sequence` is the gateway's number of its event."""

    signal: Signal
    at: datetime
    source: Source
    reason: str | None = None
    sequence: int | None = None
    actor: str | None = None


_EVENTS: Final = {
    State.REQUESTED: "bind.requested",
    State.PENDING: "bind.pending",
    State.PAIRED: "bind.paired",
    State.FAILED: "bind.failed",
    State.TIMED_OUT: "bind.timed_out",
    State.RELEASED: "bind.released",
}
_STILL_WANTED: Final = {
    State.REQUESTED: frozenset({CommandKind.JOIN}),
    State.PENDING: frozenset({CommandKind.REARM}),
    State.JOINING: frozenset({CommandKind.REARM}),
}
"""Commands that keep their point in a state; what else is open when a bind enters it is dropped."""


def apply(db: Connection, tenant: Tenant, bind: Bind, word: Word, now: datetime) -> Bind:
    """The bind after `word`. A word that is not legal in its state is recorded and changes nothing.

    bind  locked together with its meter and device
    now   real time, for the commands that follow
    """
    target = step(bind.state, word.signal)
    slot: int | None = bind.slot
    if target is not None and bind.state in ENDED:
        slot = _free_slot(db, tenant, bind)
        target = None if slot is None else target
    note(db, bind, word, target)
    if target is None:
        if word.signal is Signal.REGISTERED and bind.state in ENDED:
            # The device is on the network although nobody wants it there any more.
            command(db, bind, CommandKind.LEAVE, now)
        return bind
    changed = queries.change_bind(db, bind, slot=slot, **_consequences(tenant, bind, word, target))
    kinds = frozenset(CommandKind) - _STILL_WANTED.get(target, frozenset())
    commands.drop_commands(db, bind.tenant_id, bind.bind_id, kinds, now)
    follow_up = _follow_up(word, target)
    if follow_up is not None:
        command(db, changed, follow_up, now)
    announce(db, changed, now)
    return changed


def command(db: Connection, bind: Bind, kind: CommandKind, now: datetime) -> None:
    """Queue a command and the job that sends it."""
    commands.add_command(db, bind.tenant_id, bind.bind_id, kind, now)
    defer(db, "devices.dispatch", tenant_id=bind.tenant_id, bind_id=bind.bind_id)


def announce(db: Connection, bind: Bind, now: datetime, event: str | None = None) -> None:
    """Tell subscribers of the state the bind has entered, once; states without an event of their own are silent."""
    event = event or _EVENTS.get(bind.state)
    if event is None:
        return
    data: dict[str, object] = {
        "bindRequestId": bind.bind_id,
        "meterId": bind.meter_id,
        "macAddress": show_mac(bind.mac),
        "state": bind.state.value,
        "at": bind.changed_at.isoformat(),
    }
    if bind.reason is not None:
        data["reason"] = bind.reason
    if bind.late:
        data["late"] = True
    events.record(db, bind.tenant_id, event, data, now, f"{event}/{bind.bind_id}")


def note(db: Connection, bind: Bind, word: Word, target: State | None = None) -> None:
    """Append a word to the bind's history; without `target` it changed nothing."""
    queries.add_history(
        db,
        bind.tenant_id,
        bind.bind_id,
        at=word.at,
        source=word.source.value,
        signal=word.signal.value,
        from_state=bind.state,
        to_state=target,
        reason=word.reason,
        sequence=word.sequence,
        actor=word.actor,
    )


def _free_slot(db: Connection, tenant: Tenant, bind: Bind) -> int | None:
    """Where a device that paired after its time may go.

    None when the meter is full, the device is bound again, or its customer has no claim to the meter any more.
    """
    if not any(party.client_id == bind.client_id for party in served_parties(db, tenant, [bind.meter_id])):
        return None
    active = queries.active_binds(db, bind.tenant_id, bind.meter_id, bind.mac)
    if any(other.mac == bind.mac for other in active):
        return None
    taken = {other.slot for other in active}
    capacity = devices_settings(tenant).capacity
    return next((slot for slot in range(capacity) if slot not in taken), None) if len(active) < capacity else None


def _consequences(tenant: Tenant, bind: Bind, word: Word, target: State) -> dict[str, object]:
    """The columns that change when a bind enters `target`."""
    values: dict[str, object] = {
        "state": target,
        "changed_at": word.at,
        # The gateway has the code, or nobody needs it any more.
        "code_sealed": None,
        "reason": word.reason or (None if target is State.PAIRED else bind.reason),
    }
    if target is State.PAIRED:
        values |= {"paired_at": word.at, "late": bind.state is State.TIMED_OUT}
    if target is State.RELEASING:
        values["slow_at"] = None
        if bind.state is State.PAIRED:
            timers = devices_settings(tenant).timers_of(bind.device_type)
            values["deadline_at"] = word.at + timers.give_up_after
    if target is State.PAIRED or target in ENDED:
        values |= {"slow_at": None, "deadline_at": None}
    if target in ENDED - {State.TIMED_OUT}:
        values["client_id"] = None
    return values


def _follow_up(word: Word, target: State) -> CommandKind | None:
    """What the gateway must be told now that the bind has entered `target`."""
    if target is State.RELEASING or word.signal is Signal.UNREACHABLE:
        return CommandKind.LEAVE
    return CommandKind.CLOSE if target is State.TIMED_OUT and word.signal is Signal.DEADLINE else None


def release_reason(state: State) -> Reason | None:
    """Why a caller's release ends a bind: taking back one that has not paired is a cancellation."""
    return None if state is State.PAIRED else Reason.CANCELLED
