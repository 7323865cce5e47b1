"""The sandbox's gateway: what becomes of a bind is a function of the device's address and the tenant's virtual clock.

Source: contract 3.4, row "sandbox". Nothing is stored and nothing is sent, so the outcome of a bind at any instant can
be computed by whoever asks, and a clock that jumps over days still finds every event at its own time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from energygrid.devices.binding import Reason, Signal, State
from energygrid.devices.gateways.gateway import Answer, Command, GatewayEvent


@dataclass(frozen=True, slots=True)
class _Line:
    after: timedelta
    signal: Signal
    reason: Reason | None = None


def _pairs(contact_s: int, registered_s: int) -> tuple[_Line, ...]:
    return (
        _Line(timedelta(), Signal.ACCEPTED),
        _Line(timedelta(seconds=contact_s), Signal.CONTACT),
        _Line(timedelta(seconds=registered_s), Signal.REGISTERED),
    )


_AT_ONCE: Final = _pairs(0, 0)
_SOON: Final = _pairs(2, 5)
_BY_SUFFIX: Final = {
    "eeff": _AT_ONCE,
    "01": _pairs(14 * 60, 15 * 60),
    "02": (
        _Line(timedelta(), Signal.ACCEPTED),
        _Line(timedelta(), Signal.CONTACT),
        _Line(timedelta(), Signal.REFUSED, Reason.INSTALL_CODE_MISMATCH),
    ),
    "03": (_Line(timedelta(), Signal.ACCEPTED),),
    "04": (_Line(timedelta(), Signal.REFUSED, Reason.METER_OFFLINE),),
    "05": _AT_ONCE,
}
_LEAVES_SLOWLY: Final = {"05": timedelta(minutes=10)}


@dataclass(frozen=True, slots=True)
class Timed:
    """A simulated event and the virtual instant at which it happens."""

    at: datetime
    event: GatewayEvent


class Simulator:
    """Accepts everything; `script` tells the rest."""

    def send(self, command: Command) -> Answer:  # noqa: ARG002 - the protocol's method
        return Answer(accepted=True)

    def events(self, bind_id: str, after: int) -> Sequence[GatewayEvent]:  # noqa: ARG002
        return ()


def script(bind_id: str, mac: str, requested_at: datetime, state: State, changed_at: datetime) -> list[Timed]:
    """Everything the simulated gateway has to say of a bind, in order; the caller leaves out what lies ahead.

    changed_at  when the bind entered `state`: a device that is asked to leave does so after that
    """
    suffix = next((suffix for suffix in _BY_SUFFIX if mac.endswith(suffix)), "")
    lines = _BY_SUFFIX.get(suffix, _SOON)
    if state is State.RELEASING:
        gone = changed_at + _LEAVES_SLOWLY.get(suffix, timedelta())
        return [Timed(gone, GatewayEvent(bind_id, len(lines) + 1, Signal.LEFT))]
    return [
        Timed(requested_at + line.after, GatewayEvent(bind_id, number, line.signal, line.reason))
        for number, line in enumerate(lines, start=1)
    ]
