"""Statements: what an event comes to for each asset. The same readings make the same statements, to the bit."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import Connection

from energygrid.flexibility.baselines.compute import State
from energygrid.flexibility.baselines.selection import MATTERS
from energygrid.flexibility.runs import curves, evidence, groups
from energygrid.flexibility.runs.basis import Basis, Rules, RunKind
from energygrid.flexibility.runs.flows import Flow, compared, flow_of
from energygrid.flexibility.runs.loading import Days, Revisions, days_of_events, load
from energygrid.flexibility.runs.queries import loading
from energygrid.flexibility.runs.queries.loading import Member
from energygrid.flexibility.runs.statement import EXPIRED, PENDING, PROCESSED, Statement
from energygrid.flexibility.settlement.delivery import Delivery, Metering, Pair, deliver
from energygrid.flexibility.settlement.energy import micro
from energygrid.flexibility.settlement.money import lines
from energygrid.metering.readings import Bools, Float64s


@dataclass(frozen=True, slots=True)
class Recorded:
    """What statements by one method were computed from, read from their evidence: for computing them once more.

    revisions  by flow, (H, U);  event_days  (H, D);  exported  (H,) whether an asset had an export meter then
    nominated  (H,) revisions of curves; 0: there was none
    """

    method: str
    revisions: dict[str, Revisions]
    event_days: Bools
    exported: Sequence[bool]
    nominated: Sequence[int]


@dataclass(frozen=True, slots=True)
class Work:
    """One evaluation: of `run` number `revision`, at `now`; `closed`: readings are no longer waited for."""

    tenant_id: int
    basis: Basis
    revision: int
    now: datetime
    closed: bool = False


def evaluate(db: Connection, work: Work, assets: Sequence[UUID], recorded: Recorded | None = None) -> list[Statement]:
    """Statements of some assets by each method, in the order of their UUIDs.

    recorded  compute from these revisions; then all assets are of one time zone, in the order of their UUIDs
    """
    members = loading.members(db, work.tenant_id, assets)
    zones: dict[str, list[Member]] = {}
    for member in members:
        zones.setdefault(member.zone, []).append(member)
    made = [each for zone, group in zones.items() for each in _of_zone(db, work, zone, group, recorded)]
    return sorted(made, key=lambda each: each.asset_uuid) if len(zones) > 1 else made


def _of_zone(
    db: Connection, work: Work, zone: str, members: list[Member], recorded: Recorded | None
) -> list[Statement]:
    days = Days.of(work.basis.days(zone))
    if recorded is None:
        uuids = [each.uuid for each in members]
        event_days = days_of_events(db, work.tenant_id, uuids, days.local, apart_from=work.basis.event)
    else:
        event_days = recorded.event_days
    known = {}
    if recorded is not None:
        known = recorded.revisions
        had = zip(members, recorded.exported, strict=True)
        members = [each if exported else each._replace(received=None) for each, exported in had]
    imported = load(db, [each.delivered for each in members], days, revisions=known.get("import"))
    received = [each.received for each in members]
    exported = None
    if any(each is not None for each in received):
        exported = load(db, received, days, revisions=known.get("export"))
    nominated = None if recorded is None else recorded.nominated
    filed = curves.filed(db, work.tenant_id, work.basis, [each.uuid for each in members], nominated)
    made: list[Statement] = []
    for rules in work.basis.computed:
        if recorded is not None and recorded.method != rules.rules.id:
            continue
        flows = {"import": flow_of(work.basis, rules, imported, event_days, filed)}
        if rules.group is not None:
            flows["import"] = compared(flows["import"], rules, groups.mean_days(db, work.tenant_id, work.basis, rules))
        elif exported is not None and rules.base is None:
            flows["export"] = flow_of(work.basis, rules, exported, event_days, filed, export=True)
        made += _statements(work, rules, days, members, flows)
    if len(work.basis.methods) > 1:
        made.sort(key=lambda each: each.asset_uuid)  # stable: methods stay in their order
    return made


def _statements(work: Work, rules: Rules, days: Days, members: list[Member], flows: dict[str, Flow]) -> list[Statement]:
    basis = work.basis
    state, counted = _waiting(work, members, flows)
    delivery = _delivered(basis, members, flows, counted)
    amounts = lines(delivery.total.tolist(), basis.incentive, basis.incentive_type)
    has_export = [member.received is not None for member in members]
    sums = {name: (_sums(flow.curve), _sums(flow.actual)) for name, flow in flows.items()}
    none: list[int | None] = [None] * len(members)
    proofs = _proofs(work, rules, days, members, flows, state, delivery, amounts)
    figures = _curves(delivery)
    matter = _matter(days, members, flows, basis.kind)
    columns = zip(
        state,
        *sums["import"],
        *(
            [value if there else None for value, there in zip(each, has_export, strict=True)]
            for each in sums.get("export", (none, none))
        ),
        delivery.total.tolist(),
        amounts,
        figures,
        matter,
        proofs,
        strict=True,
    )
    return [
        Statement._make(
            (
                work.tenant_id,
                basis.event,
                basis.kind,
                rules.rules.id,
                member.uuid,
                work.revision,
                work.now,
                *row[:-2],
                days.first,
                row[-2],
                row[-1].decode(),
                evidence.digest(row[-1]),
            )
        )
        for member, row in zip(members, columns, strict=True)
    ]


def _waiting(work: Work, members: list[Member], flows: dict[str, Flow]) -> tuple[list[str], Bools]:
    """Each asset's state, and whether its readings count."""
    imported, exported = flows["import"], flows.get("export")
    if work.basis.kind is RunKind.BASELINE:
        there: Bools = np.logical_not(np.isnan(imported.curve).any(axis=1))
        return np.where(there, PROCESSED, PENDING).tolist(), there
    used = [(imported, np.ones(len(members), np.bool_))]
    if exported is not None and work.basis.terms.metering is not Metering.IMPORT:
        used.append((exported, np.array([member.received is not None for member in members])))
    missing: Bools = np.zeros(len(members), np.bool_)
    for flow, counts in used:
        unread = np.isnan(flow.actual).any(axis=1)
        found = flow.baselines
        unsure = (found.state == State.PENDING) | ((found.state == State.OK) & (found.window_missing > 0))
        missing[:] |= counts & (unread | (unsure & (not work.closed)))
    return np.where(missing, EXPIRED if work.closed else PENDING, PROCESSED).tolist(), np.logical_not(missing)


def _delivered(basis: Basis, members: list[Member], flows: dict[str, Flow], counted: Bools) -> Delivery:
    """Assets that do not count are incomplete, all controls too; one without an export meter has exported nothing."""
    imported, exported = flows["import"], flows.get("export")
    counts = counted & (basis.kind is not RunKind.CONTROL)
    actual = np.where(counts[:, None], imported.actual, np.nan)
    pair = Pair(imported.curve, actual)
    if basis.terms.metering is Metering.IMPORT:
        return deliver(basis.terms, pair)
    if exported is None:
        return deliver(basis.terms, pair, Pair(np.zeros_like(actual), np.zeros_like(actual)))
    there = np.array([member.received is not None for member in members])[:, None]
    return deliver(basis.terms, pair, Pair(np.where(there, exported.curve, 0.0), np.where(there, exported.actual, 0.0)))


def _sums(kwh: Float64s) -> list[int | None]:
    whole: Bools = np.logical_not(np.isnan(kwh).any(axis=1))
    return [
        total if there else None for total, there in zip(micro(kwh).sum(axis=1).tolist(), whole.tolist(), strict=True)
    ]


def _told(kwh: Float64s) -> list[list[int | None]]:
    """None where there is no value."""
    there = np.logical_not(np.isnan(kwh))
    whole: list[list[int | None]] = micro(kwh).tolist()
    for row in np.flatnonzero(~there.all(axis=1)).tolist():
        whole[row] = [value if known else None for value, known in zip(whole[row], there[row].tolist(), strict=True)]
    return whole


def _curves(delivery: Delivery) -> list[bytes | None]:
    flows = np.stack([figure for channel in delivery.channels for figure in (channel.baseline, channel.actual)], axis=1)
    body, size = flows.astype("<i8").tobytes(), flows[0].size * 8
    complete = delivery.complete.tolist()
    return [body[row * size : row * size + size] if complete[row] else None for row in range(len(complete))]


def _matter(days: Days, members: list[Member], flows: dict[str, Flow], kind: RunKind) -> list[str]:
    """Of each asset, a letter a UTC day: whether any reading of it has a part in its figures."""
    assets = len(flows["import"].curve)
    local = np.zeros((assets, len(days.local.number)), np.bool_)
    matters = np.zeros(256, np.bool_)
    matters[list(MATTERS)] = True
    for name, flow in flows.items():
        there = np.array([name == "import" or member.received is not None for member in members])
        for selection in flow.baselines.selections:
            local |= matters[selection.reason] & there[:, None]
        if kind is not RunKind.BASELINE:
            local[:, [days.local.index(day) for day in flow.baselines.own_days]] = True
    utc = np.zeros((assets, days.count), np.bool_)
    for day in range(local.shape[1]):
        utc[:, days.utc(day)] |= local[:, day, None]
    text = np.where(utc, ord("1"), ord("0")).astype(np.uint8).tobytes().decode("ascii")
    return [text[at : at + days.count] for at in range(0, len(text), days.count)]


def _proofs(
    work: Work,
    rules: Rules,
    days: Days,
    members: list[Member],
    flows: dict[str, Flow],
    state: list[str],
    delivery: Delivery,
    amounts: list[Decimal],
) -> list[bytes]:
    """The evidence of each asset, see `evidence`."""
    head: dict[str, Any] = {
        "basis": work.basis.digest(),
        "method": rules.rules.id,
        "rules": rules.digest,
        "closed": work.closed,
        "zone": days.local.zone,
        "firstDay": days.local.first.isoformat(),
        "firstUtcDay": days.bounds[0].isoformat(),
        "revision": work.revision,
    }
    parts = {
        name: (
            evidence.of_flow(flow.baselines, flow.revisions),
            _told(flow.curve),
            _told(flow.actual),
        )
        for name, flow in flows.items()
    }
    counted, totals = delivery.counted.tolist(), delivery.total.tolist()
    filed, known = flows["import"].filed, flows["import"].known
    made = []
    for row, member in enumerate(members):
        whole: dict[str, Any] = {} if filed is None else {"nomination": filed.revisions[row]}
        whole |= head | {"asset": str(member.uuid), "state": state[row]}
        for name, (part, curve, actual) in parts.items():
            if name == "import" or member.received is not None:
                whole[name] = part[row] | {"baseline": curve[row], "actual": actual[row]}
        if known is not None:
            whole["control"] = known[row]
        whole |= {"counted": counted[row], "delivered": totals[row], "amount": str(amounts[row])}
        made.append(evidence.encode(whole))
    return made
