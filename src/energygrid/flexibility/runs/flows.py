"""One flow of some assets, import or export: its baselines by one method, and what was metered in the event."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from energygrid.flexibility.baselines import control_group
from energygrid.flexibility.baselines.compute import Baselines, compute
from energygrid.flexibility.baselines.control_group import Called, Habits
from energygrid.flexibility.baselines.rule_set import Method
from energygrid.flexibility.runs import curves
from energygrid.flexibility.runs.basis import Basis, Rules, RunKind
from energygrid.flexibility.runs.curves import Filed
from energygrid.flexibility.runs.loading import SLOTS, Loaded, Revisions
from energygrid.metering.readings import Bools, Float64s, Int64s


class Flow(NamedTuple):
    """The baseline of one flow and what was metered in the event, both (H, n).

    filed  of a nominated baseline;  known  of a control group's: what is known of each control, or called asset
    """

    baselines: Baselines
    curve: Float64s
    actual: Float64s
    revisions: Revisions
    filed: Filed | None
    known: Sequence[Habits | Called | None] | None = None


def flow_of(
    basis: Basis, rules: Rules, loaded: Loaded, event_days: Bools, filed: Filed | None, *, export: bool = False
) -> Flow:
    """Curves are given for import: where they are the method, export has no baseline."""
    usage, span = loaded.usage, basis.span
    given = curves.given(basis, rules.rules, len(usage.kwh), filed)
    if export and given is not None:
        given = np.full_like(given, np.nan)
    found = compute(rules.history, usage, span, holidays=rules.holidays, event_days=event_days, given=given)
    actual = usage.kwh[:, usage.days.positions(*span.instants())]
    used = filed if rules.rules.method is Method.NOMINATED else None
    if basis.kind is RunKind.BASELINE:
        return Flow(found, found.unadjusted, np.full_like(actual, np.nan), loaded.revisions, used)
    if rules.base is not None:
        return Flow(found, found.unadjusted, actual, loaded.revisions, None, control_group.habits(found, usage, span))
    return Flow(found, found.adjusted, actual, loaded.revisions, used)


def compared(flow: Flow, rules: Rules, controls: Int64s) -> Flow:
    """What the controls did is added; `controls`: their mean days (C, S)."""
    assert rules.group is not None
    assert flow.known is not None
    habits = [each if isinstance(each, Habits) else None for each in flow.known]
    found = control_group.compute(rules.rules, flow.baselines, habits, rules.group)
    days = np.array([each.day if each is not None else [0] * SLOTS for each in habits], np.int64).reshape(-1, SLOTS)
    far = [None if np.isnan(each) else round(each, 6) for each in control_group.distances(days, controls).tolist()]
    called = [
        None if each is None else Called(each.load, each.window, distance)
        for each, distance in zip(habits, far, strict=True)
    ]
    return flow._replace(baselines=found, curve=found.adjusted, known=called)
