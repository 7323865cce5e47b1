"""Curves that somebody names instead of history: nominated for each asset, or one fixed for all."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from sqlalchemy import Connection

from energygrid.flexibility.baselines.rule_set import Method, RuleSet
from energygrid.flexibility.runs.basis import Basis
from energygrid.flexibility.runs.queries import nominations as queries
from energygrid.flexibility.settlement.energy import MICRO
from energygrid.metering.readings import Float64s


@dataclass(frozen=True, slots=True)
class Filed:
    """Nominated curves of H assets.

    revisions  of each asset's curve; 0: none was filed in time for the event's times
    kwh        (H, n) kWh an interval; NaN: none
    """

    revisions: list[int]
    kwh: Float64s


def filed(
    db: Connection, tenant_id: int, basis: Basis, assets: Sequence[UUID], revisions: Sequence[int] | None = None
) -> Filed | None:
    """The newest curve of each asset that was filed in time, or its curve of these `revisions`; None: not asked for."""
    if basis.filed_by is None:
        return None
    span, count = basis.span, basis.intervals
    kwh, found = np.full((len(assets), count), np.nan), [0] * len(assets)
    if revisions is None:
        curves = queries.in_time(db, tenant_id, basis.event, assets, span.start, count, basis.filed_by)
    else:
        curves = queries.of_revisions(db, tenant_id, basis.event, assets, revisions)
    position = {asset: row for row, asset in enumerate(assets)}
    for each in curves:
        row = position[each.asset_uuid]
        kwh[row], found[row] = np.array(each.micro_kwh) / MICRO, each.revision
    return Filed(found, kwh)


def given(basis: Basis, rules: RuleSet, assets: int, filed: Filed | None) -> Float64s | None:
    """(assets, n) import for a method that is given its baselines, else None."""
    if rules.method is Method.FIXED:
        return np.tile(np.array(basis.fixed_kwh), (assets, 1))
    return filed.kwh if rules.method is Method.NOMINATED and filed is not None else None
