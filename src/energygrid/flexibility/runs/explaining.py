"""Why a figure is what it is."""

import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.errors import NotFound
from energygrid.flexibility.runs import basis, evidence
from energygrid.flexibility.runs.basis import Basis, Rules, RunKind
from energygrid.flexibility.runs.queries import results
from energygrid.flexibility.runs.queries import runs as queries
from energygrid.flexibility.runs.queries.runs import Run
from energygrid.flexibility.runs.statement import Statement
from energygrid.flexibility.settlement.energy import kwh, kwhs, micro

_OUTSIDE = "."


def explain(
    db: Connection,
    tenant: Tenant,
    event: UUID,
    asset: UUID,
    *,
    as_of: datetime | None = None,
) -> list[dict[str, Any]]:
    """The statement of an asset by each method, with what it was made of: the settlement's, before it the baselines'.

    Of a control it is what others are compared with.

    Raises NotFound NO_STATEMENT.
    """
    for each in (RunKind.SETTLEMENT, RunKind.BASELINE, RunKind.CONTROL):
        if found := results.as_of(db, tenant.id, event, each, [asset], as_of):
            newest = queries.newest_run(db, tenant.id, event, each)
            # of an asset's statements some may be of older runs than others
            bases = {revision: _basis(db, tenant, event, each, revision) for revision in {s.revision for s in found}}
            found.sort(key=lambda statement: bases[statement.revision].place(statement.method))
            return [_explained(statement, bases[statement.revision], newest) for statement in found]
    raise NotFound("NO_STATEMENT", "there are no figures of this asset: it takes no part, or nothing is computed yet")


def _basis(db: Connection, tenant: Tenant, event: UUID, kind: RunKind, revision: int) -> Basis:
    run = queries.find_run(db, tenant.id, event, kind, revision)
    assert run is not None
    return basis.read(run.basis)


def _explained(statement: Statement, how: Basis, newest: Run | None) -> dict[str, Any]:
    proof = json.loads(statement.evidence)
    rules = how.methods[how.place(statement.method)]
    flows = {name: _flow(proof, proof[name]) for name in ("import", "export") if name in proof}
    return {
        "kind": statement.kind,
        "revision": statement.revision,
        "computedAt": statement.known_at,
        "ruleSet": dict(rules.rules.as_json()),
        "ruleSetDigest": rules.digest,
        "controlGroup": None if rules.base is None else _group(rules, proof, newest),
        "terms": how.as_json()["terms"],
        "state": statement.state,
        "deadlinePassed": proof["closed"],
        "zone": proof["zone"],
        "nominationRevision": proof.get("nomination"),
        "flows": flows,
        "countedKwh": [str(each) for each in kwhs(proof["counted"])],
        "deliveredKwh": str(kwh(proof["delivered"])),
        "amount": proof["amount"],
        "basisDigest": proof["basis"],
        "evidence": statement.evidence,
        "sha256": statement.digest.hex(),
        "eventHead": None if newest is None or newest.head is None else newest.head.hex(),
        "eventRevision": None if newest is None else newest.revision,
    }


def _flow(proof: Mapping[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
    first, utc = date.fromisoformat(proof["firstDay"]), date.fromisoformat(proof["firstUtcDay"])
    revisions = evidence.read_runs(part["readings"]).tolist()
    return {
        "considered": [
            {
                "forDay": day,
                "days": [
                    {"day": (first + timedelta(days=at)).isoformat(), "reason": evidence.REASONS[letter].name}
                    for at, letter in enumerate(letters)
                    if letter != _OUTSIDE
                ],
            }
            for day, letters in part["days"].items()
        ],
        "readingRevisions": [
            {"utcDay": (utc + timedelta(days=at)).isoformat(), "revision": number}
            for at, number in enumerate(revisions)
            if number
        ],
        "baselineState": part["baselineState"],
        "unadjustedKwh": part["unadjusted"],
        "adjustment": part["adjustment"],
        "adjustmentReadingsMissing": part["windowMissing"],
        "baselineKwh": [_kwh(value) for value in part["baseline"]],
        "actualKwh": [_kwh(value) for value in part["actual"]],
    }


def _group(rules: Rules, proof: Mapping[str, Any], newest: Run | None) -> dict[str, Any]:
    """What the controls came to when the statement was made, and how far they can be relied on now."""
    assert rules.base is not None
    known, group = proof.get("control") or {}, rules.group
    totals = {} if newest is None or newest.totals is None else newest.totals
    there = group is not None and group.controls > 0
    return {
        "baseRuleSet": rules.base.id,
        "baseVersion": rules.base.version,
        "ownLoadKwhPerDay": _kwh(known.get("load")),
        "distance": known.get("distance"),
        "controls": None if group is None else group.controls,
        "changeKwh": [str(each) for each in kwhs(micro(group.mean_change).tolist())] if group and there else None,
        "loadKwhPerDay": str(kwh(round(group.load / group.controls))) if group and there else None,
        "scale": proof["import"]["adjustment"] if there else None,
        "digest": None if group is None else group.digest,
        "validity": totals.get(rules.rules.id, {}).get("controlGroup"),
    }


def _kwh(of: int | None) -> str | None:
    return None if of is None else str(kwh(of))
