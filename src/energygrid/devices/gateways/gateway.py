"""What every gateway understands, and what it may answer.

A command is sent at least once: a gateway treats a second one with the same `idempotency_key` as the first. Sending is
synchronous and short; what becomes of it arrives later as events.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from energygrid.devices.binding import Signal


class CommandKind(StrEnum):
    JOIN = "join"
    """Open the meter's join window for the device."""
    REARM = "rearm"
    """Open the window of an earlier join again."""
    CLOSE = "close"
    """Close the window of a join that was given up."""
    LEAVE = "leave"
    """Remove the device from the meter, or forget it if it never joined."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What lets the device in: its install code in hex, and the link key made of it (None for a sandbox code)."""

    code: str = field(repr=False)
    link_key: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Command:
    """One thing to tell the gateway; `credential` comes with JOIN alone."""

    bind_id: str
    number: int
    kind: CommandKind
    meter_id: str
    mac: str
    credential: Credential | None = None

    @property
    def idempotency_key(self) -> str:
        """The bindRequestId itself for the join; later commands of the bind carry their number."""
        return self.bind_id if self.kind is CommandKind.JOIN else f"{self.bind_id}.{self.number}"


@dataclass(frozen=True, slots=True)
class Answer:
    """The gateway took the command, or refuses it for good with one of the failure reasons."""

    accepted: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class GatewayEvent:
    """Something the gateway reports. `sequence` counts up within a bind and never repeats for another event."""

    bind_id: str
    sequence: int
    signal: Signal
    reason: str | None = None


REPORTABLE = frozenset(
    {
        Signal.ACCEPTED,
        Signal.CONTACT,
        Signal.REGISTERED,
        Signal.REFUSED,
        Signal.WINDOW_CLOSED,
        Signal.LEFT,
    }
)
"""The signals a gateway may report; the others are ours."""


class Gateway(Protocol):
    def send(self, command: Command) -> Answer:
        """Hand over one command; raises Unavailable when nobody knows whether it arrived."""
        ...

    def events(self, bind_id: str, after: int) -> Sequence[GatewayEvent]:
        """What was reported for a bind after event `after`, for events that got lost; raises Unavailable."""
        ...
