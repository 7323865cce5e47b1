"""Control groups of an event: from the statements of the controls to what others are compared with."""

from collections.abc import Iterator
from dataclasses import asdict
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
from energygrid.flexibility.runs.statement import PROCESSED
from energygrid.metering.readings import Int64s


class _Metered(msgspec.Struct):
    baseline: list[int]
    actual: list[int]


class _OfControl(msgspec.Struct, rename={"metered": "import"}):
    """What counts of a control's evidence."""

    state: str
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
    found = control_group.validity(called, [each.habits for each in _controls(db, tenant_id, event, method)])
    figures = {name: round(value, 6) if isinstance(value, float) else value for name, value in asdict(found).items()}
    waiting = sum(1 for _ in results.proofs(db, tenant_id, event, RunKind.CONTROL, method)) - found.controls
    return figures | {"waiting": waiting, "valid": found.valid}


def _controls(db: Connection, tenant_id: int, event: UUID, method: str) -> Iterator[Control]:
    """Those with a profile and all readings of the event, in the order of their UUIDs."""
    for proof in results.proofs(db, tenant_id, event, RunKind.CONTROL, method):
        found = _control(proof)
        if found.state == PROCESSED and found.control is not None:
            yield Control(found.control, found.metered.baseline, found.metered.actual)
