"""Control groups of an event: from the statements of the controls to what others are compared with."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
from sqlalchemy import Connection

from energygrid.flexibility.baselines import control_group
from energygrid.flexibility.baselines.control_group import Called, Control, ControlGroup, Habits
from energygrid.flexibility.runs.basis import Basis, Rules, RunKind
from energygrid.flexibility.runs.loading import SLOTS
from energygrid.flexibility.runs.queries import results
from energygrid.metering.readings import Int64s


class _Metered(msgspec.Struct):
    baseline: list[int | None]
    actual: list[int | None]


class _OfControl(msgspec.Struct, rename={"metered": "import"}):
    """What counts of a control's evidence."""

    control: Habits | None
    metered: _Metered


class _OfCalled(msgspec.Struct):
    control: Called | None


_control = msgspec.json.Decoder(_OfControl).decode
_called = msgspec.json.Decoder(_OfCalled).decode


def settlement(db: Connection, tenant_id: int, controls: Basis) -> Basis:
    """The basis of the settlement, once the run of its controls is finished."""
    groups = {}
    for each in controls.computed:
        found = list(_controls(db, tenant_id, controls.event, each.rules.id))
        groups[each.rules.id] = ControlGroup.of(found, controls.intervals)
    return controls.settled_by(groups)


def mean_days(db: Connection, tenant_id: int, basis: Basis, rules: Rules) -> Int64s:
    """(C, S) of the group's controls, Wh."""
    days = [each.habits.day for each in _controls(db, tenant_id, basis.event, rules.rules.id)]
    return np.array(days, np.int64).reshape(-1, SLOTS)


def published(db: Connection, tenant_id: int, basis: Basis, rules: Rules) -> dict[str, Any]:
    """How far the group can stand in for the called assets, see `control_group.Validity`, in plain JSON.

    waiting  controls without a profile, or without all readings of the event
    """
    event, method = basis.event, rules.rules.id
    proofs = results.proofs(db, tenant_id, event, basis.kind, method)
    called = (known for proof in proofs if (known := _called(proof).control) is not None)
    controls = [_read(proof) for proof in results.proofs(db, tenant_id, event, RunKind.CONTROL, method)]
    found = control_group.validity(called, [each.habits for each in controls if each is not None])
    return {
        "controls": found.controls,
        "waiting": controls.count(None),
        "valid": found.valid,
        "days": found.days,
        "bias": _short(found.bias),
        "biasLow": _short(found.low),
        "biasHigh": _short(found.high),
        "distance": _short(found.distance),
    }


def _short(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 6)


def _controls(db: Connection, tenant_id: int, event: UUID, method: str) -> Iterator[Control]:
    """Those with a profile and all readings of the event, in the order of their UUIDs."""
    for proof in results.proofs(db, tenant_id, event, RunKind.CONTROL, method):
        if (found := _read(proof)) is not None:
            yield found


def _read(proof: str) -> Control | None:
    """None without a profile, or without all readings of the event."""
    found = _control(proof)
    profile, actual = _whole(found.metered.baseline), _whole(found.metered.actual)
    if found.control is None or profile is None or actual is None:
        return None
    return Control(found.control, profile, actual)


def _whole(curve: list[int | None]) -> list[int] | None:
    known = [each for each in curve if each is not None]
    return known if len(known) == len(curve) else None
