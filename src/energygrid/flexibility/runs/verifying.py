"""Whether all figures of an event still follow from the readings they were made of."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.errors import NotFound
from energygrid.flexibility.runs import basis, evidence, groups, totals
from energygrid.flexibility.runs.basis import Basis, RunKind
from energygrid.flexibility.runs.loading import Days
from energygrid.flexibility.runs.queries import results
from energygrid.flexibility.runs.queries import runs as queries
from energygrid.flexibility.runs.queries.runs import Run
from energygrid.flexibility.runs.statement import Statement
from energygrid.flexibility.runs.statements import Recorded, Work, evaluate

_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Fault:
    """What does not hold; `asset` and `method` are None where it is the event's chain."""

    asset: UUID | None
    method: str | None
    what: str


@dataclass(frozen=True, slots=True)
class Verified:
    kind: str
    revision: int
    statements: int
    head: str
    faults: tuple[Fault, ...]


def verify(db: Connection, tenant: Tenant, event: UUID) -> list[Verified]:
    """Compute every statement of an event once more, from the readings of the revisions it was made of.

    Compared are the hash over all statements, each one's hash, evidence and figures; where they hold, the totals
    too, with what is paid for a bid. Raises NotFound NO_RUN.
    """
    found = []
    for kind in RunKind:
        newest = queries.newest_run(db, tenant.id, event, kind)
        if newest is not None and newest.head is not None:
            found.append(_verify(db, tenant, newest))
    if not found:
        raise NotFound("NO_RUN", f"nothing has been computed for an event {event} of this tenant")
    return found


def _verify(db: Connection, tenant: Tenant, newest: Run) -> Verified:
    how = basis.read(newest.basis)
    head, count, faults = bytes.fromhex(how.digest()), 0, []
    for rows in results.each_part(db, tenant.id, newest.event_uuid, newest.kind):
        head = evidence.chain(head, (digest for _, _, digest in rows))
        count += len(rows)
    if head != newest.head:
        faults.append(Fault(None, None, "the chain over all statements does not end in the hash that was published"))
    if any(each.group is not None for each in how.methods) and how != _regrouped(db, tenant, how):
        faults.append(Fault(None, None, "the figures of the control group are not those of its controls' statements"))
    for statements in _parts(db, tenant.id, newest):
        faults += _compare(db, tenant, how, statements)
    faults = faults or _totals(db, tenant, how, newest)
    return Verified(newest.kind, newest.revision, count, head.hex(), tuple(faults))


def _totals(db: Connection, tenant: Tenant, how: Basis, newest: Run) -> list[Fault]:
    """Methods whose published totals do not follow from the statements."""
    made, _ = totals.add_up(db, tenant.id, how)
    stored = newest.totals or {}
    differ = [method for method, of in made.items() if of != stored.get(method)]
    return [Fault(None, method, "its totals are not those of its statements") for method in differ]


def _regrouped(db: Connection, tenant: Tenant, how: Basis) -> Basis:
    return groups.settlement(db, tenant.id, replace(how, kind=RunKind.CONTROL))


def _parts(db: Connection, tenant_id: int, run: Run) -> Iterator[list[Statement]]:
    assets = results.assets(db, tenant_id, run.event_uuid, run.kind)
    for at in range(0, len(assets), _AT_ONCE):
        yield results.of_assets(db, tenant_id, run.event_uuid, run.kind, assets[at : at + _AT_ONCE])


def _compare(db: Connection, tenant: Tenant, how: Basis, statements: Sequence[Statement]) -> list[Fault]:
    """Statements that were computed alike are computed again together."""
    faults: list[Fault] = []
    sound = []
    for each in statements:
        if evidence.digest(each.evidence.encode()) != each.digest:
            faults.append(Fault(each.asset_uuid, each.method, "its evidence does not have its hash"))
        else:
            sound.append((each, json.loads(each.evidence)))
    sound.sort(key=lambda pair: (*_alike(pair), pair[0].asset_uuid))
    for (zone, _, closed, revision), pairs in groupby(sound, key=_alike):
        group = list(pairs)
        days = Days.of(how.days(zone))
        work = Work(tenant.id, how, revision, group[0][0].known_at, closed=closed)
        assets = [each.asset_uuid for each, _ in group]
        made = evaluate(db, work, assets, _recorded(group, days))
        again = {(each.method, each.asset_uuid): each for each in made}
        for each, _ in group:
            what = _fault(each, again.get((each.method, each.asset_uuid)))
            if what is not None:
                faults.append(Fault(each.asset_uuid, each.method, what))
    return sorted(faults, key=lambda each: (str(each.asset), str(each.method)))


def _alike(pair: tuple[Statement, dict[str, Any]]) -> tuple[str, str, bool, int]:
    statement, proof = pair
    return proof["zone"], statement.method, proof["closed"], proof["revision"]


def _recorded(group: Sequence[tuple[Statement, dict[str, Any]]], days: Days) -> Recorded:
    method = group[0][0].method
    nothing = np.zeros(days.count, np.int32)
    proofs = [proof for _, proof in group]
    revisions = {
        flow: np.array([evidence.read_runs(each[flow]["readings"]) if flow in each else nothing for each in proofs])
        for flow in ("import", "export")
    }
    width = len(days.local.number)
    event_days = np.zeros((len(group), width), np.bool_)
    for row, proof in enumerate(proofs):
        for flow in ("import", "export"):
            for letters in proof.get(flow, {}).get("days", {}).values():
                event_days[row] |= evidence.event_days(letters)
    exported, nominated = ["export" in each for each in proofs], [each.get("nomination", 0) for each in proofs]
    return Recorded(method, revisions, event_days, exported, nominated)


def _fault(stored: Statement, made: Statement | None) -> str | None:
    if made is None:
        return "its asset is gone"
    if stored.evidence != made.evidence:
        before, after = json.loads(stored.evidence), json.loads(made.evidence)
        differ = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        return f"its readings come to something else now, in: {', '.join(differ)}"
    if stored.figures() != made.figures():
        return "its figures are not those of its evidence"
    return None
