"""The rules of a bind: which state follows which, and what a request means beside the binds there are.

Pure: no clock, no database. Source: contract 3.4 (states, decision table) and 2 (C7, C8).

    (none) -> REQUESTED -> PENDING -> JOINING -> PAIRED -> RELEASING -> RELEASED
                  |           |          |
                  +-----------+----------+--> FAILED, TIMED_OUT, RELEASING
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from energygrid.access.caller import Environment


class State(StrEnum):
    REQUESTED = "REQUESTED"
    """Accepted here, not yet confirmed by the gateway."""
    PENDING = "PENDING"
    """The meter's join window is open; no contact yet. Head ends call it provision request."""
    JOINING = "JOINING"
    """First radio contact; keys are being established. Head ends call it find pending."""
    PAIRED = "PAIRED"
    RELEASING = "RELEASING"
    RELEASED = "RELEASED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"


class Signal(StrEnum):
    """What may move a bind: words of the gateway, a clock, or a caller."""

    ACCEPTED = "ACCEPTED"
    CONTACT = "CONTACT"
    REGISTERED = "REGISTERED"
    REFUSED = "REFUSED"
    WINDOW_CLOSED = "WINDOW_CLOSED"
    LEFT = "LEFT"
    UNREACHABLE = "UNREACHABLE"
    DEADLINE = "DEADLINE"
    RELEASE = "RELEASE"


class Reason(StrEnum):
    """Why a bind ended without pairing, or why it was released."""

    GATEWAY_UNREACHABLE = "GATEWAY_UNREACHABLE"
    METER_OFFLINE = "METER_OFFLINE"
    INSTALL_CODE_MISMATCH = "INSTALL_CODE_MISMATCH"
    KEY_ESTABLISHMENT_FAILED = "KEY_ESTABLISHMENT_FAILED"
    HAN_FULL = "HAN_FULL"
    DEVICE_REJECTED = "DEVICE_REJECTED"
    CANCELLED = "CANCELLED"
    MOVED_OUT = "MOVED_OUT"
    TENANT_CHANGED = "TENANT_CHANGED"
    METER_MOVED = "METER_MOVED"
    METER_REMOVED = "METER_REMOVED"
    ACCOUNT_DENIED = "ACCOUNT_DENIED"
    RELEASE_UNCONFIRMED = "RELEASE_UNCONFIRMED"


WAITING: Final = frozenset({State.REQUESTED, State.PENDING, State.JOINING})
ACTIVE: Final = WAITING | {State.PAIRED, State.RELEASING}
"""The states that hold the meter's slot and the device's address."""
ENDED: Final = frozenset(State) - ACTIVE


def _transitions() -> Mapping[tuple[State, Signal], State]:
    table = {
        (State.REQUESTED, Signal.ACCEPTED): State.PENDING,
        (State.REQUESTED, Signal.UNREACHABLE): State.FAILED,
        (State.RELEASING, Signal.LEFT): State.RELEASED,
        (State.RELEASING, Signal.DEADLINE): State.RELEASED,
        (State.PAIRED, Signal.RELEASE): State.RELEASING,
        (State.PAIRED, Signal.LEFT): State.RELEASED,
        # Late success: only where meter and device are still free, which the caller of `step` makes sure of.
        (State.TIMED_OUT, Signal.REGISTERED): State.PAIRED,
    }
    for state in WAITING:
        # A gateway's later word may overtake an earlier one, or our own record of its acknowledgement.
        table[state, Signal.REGISTERED] = State.PAIRED
        table[state, Signal.REFUSED] = State.FAILED
        table[state, Signal.DEADLINE] = State.TIMED_OUT
        table[state, Signal.RELEASE] = State.RELEASING
    for state in (State.REQUESTED, State.PENDING):
        table[state, Signal.CONTACT] = State.JOINING
    for state in (State.PENDING, State.JOINING):
        table[state, Signal.WINDOW_CLOSED] = State.TIMED_OUT
        table[state, Signal.LEFT] = State.RELEASED
    return MappingProxyType(table)


TRANSITIONS: Final = _transitions()


def step(state: State, signal: Signal) -> State | None:
    """The state after `signal`, or None when the signal is not legal there and changes nothing."""
    return TRANSITIONS.get((state, signal))


@dataclass(frozen=True, slots=True)
class ActiveBind:
    """What a decision needs to know of one bind that holds a meter or a device."""

    bind_id: str
    meter_id: str
    mac: str
    slot: int
    state: State
    fingerprint: bytes = field(repr=False)
    armed_at: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to bind, checked and with its code reduced to a fingerprint.

    `strict` is the caller's `Prefer: handling=strict`: a repeated bind is an error wherever it may be one.
    """

    meter_id: str
    mac: str
    fingerprint: bytes = field(repr=False)
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """The tenant's part in a decision.

    `capacity` is devices a meter; `repeat_is_noop` says what binding a paired device again means: None leaves it to the
    environment (C7).
    """

    environment: Environment
    capacity: int = 1
    repeat_is_noop: bool | None = None
    rearm_after: timedelta = timedelta(minutes=15)

    def forgives_repeats(self, asked: Asked) -> bool:
        if asked.strict:
            return False
        return self.environment != "production" if self.repeat_is_noop is None else self.repeat_is_noop


class Verdict(StrEnum):
    NEW = "new"
    SAME = "same"
    REARM = "rearm"
    NOOP = "noop"
    RELEASE = "release"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do; `bind` is the existing one it is about, `slot` where a new one goes, `code` why it is refused."""

    verdict: Verdict
    bind: ActiveBind | None = None
    slot: int = 0
    code: str = ""
    retry_after: int | None = None


RELEASE_TAKES_S: Final = 30


def decide_bind(active: Sequence[ActiveBind], asked: Asked, rules: Rules, now: datetime) -> Decision:
    """The decision table for actionCode 1.

    active  every active bind of the asked meter or of the asked device
    """
    here = [bind for bind in active if bind.meter_id == asked.meter_id]
    mine = next((bind for bind in here if bind.mac == asked.mac), None)
    if mine is not None:
        return _decide_repeat(mine, asked, rules, now)
    taken = {bind.slot for bind in here}
    free = next((slot for slot in range(rules.capacity) if slot not in taken), None)
    # A meter whose capacity was lowered may hold more binds than it has slots: then none is free.
    if free is None or len(here) >= rules.capacity:
        leaving = any(bind.state is State.RELEASING for bind in here)
        return _refuse("METER_ALREADY_BOUND", leaving=leaving)
    elsewhere = next((bind for bind in active if bind.mac == asked.mac), None)
    if elsewhere is not None:
        return _refuse("DEVICE_ALREADY_BOUND", elsewhere, leaving=elsewhere.state is State.RELEASING)
    return Decision(Verdict.NEW, slot=free)


def _decide_repeat(mine: ActiveBind, asked: Asked, rules: Rules, now: datetime) -> Decision:
    if mine.state is State.RELEASING:
        return _refuse("METER_ALREADY_BOUND", mine, leaving=True)
    if mine.fingerprint != asked.fingerprint:
        return _refuse("INVALID_INSTALL_CODE", mine)
    if mine.state is State.PAIRED:
        if rules.forgives_repeats(asked):
            return Decision(Verdict.NOOP, mine)
        return _refuse("METER_ALREADY_BOUND", mine)
    # REQUESTED has no window to open again: the gateway has not confirmed the first one.
    if mine.state is not State.REQUESTED and now - mine.armed_at >= rules.rearm_after:
        return Decision(Verdict.REARM, mine)
    return Decision(Verdict.SAME, mine)


def decide_release(on_meter: Sequence[ActiveBind], mac: str | None) -> Decision:
    """The decision table for actionCode 0.

    The named device goes; the only device goes whatever is named, since a newcomer cannot know the old address.
    A release under way is the same request again.
    """
    chosen = next((bind for bind in on_meter if bind.mac == mac), None)
    if chosen is None and len(on_meter) == 1:
        chosen = on_meter[0]
    if chosen is None:
        return Decision(Verdict.NOOP)
    return Decision(Verdict.SAME if chosen.state is State.RELEASING else Verdict.RELEASE, chosen)


def _refuse(code: str, bind: ActiveBind | None = None, *, leaving: bool = False) -> Decision:
    return Decision(Verdict.REFUSE, bind, code=code, retry_after=RELEASE_TAKES_S if leaving else None)
