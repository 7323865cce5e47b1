"""Whether what was opted in may take part: the work of a job, or of an operator.

Source: contracts/flexibility.md 1.3; of two active assets with one MPAN in two tenants the later one is DUPLICATED.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection

from energygrid.access.caller import Actor, Tenant
from energygrid.access.tenants import tenant_now
from energygrid.errors import Conflict
from energygrid.flexibility import messages
from energygrid.flexibility.registry import assets, schemes, supply
from energygrid.flexibility.registry.assets import Asset
from energygrid.flexibility.registry.queries import assets as queries
from energygrid.flexibility.registry.queries import schemes as scheme_queries
from energygrid.flexibility.registry.queries.schemes import Change
from energygrid.flexibility.settings import FlexibilitySettings

Verdict = tuple[schemes.State, str | None]
_OPEN = {"OPT_IN", "DUPLICATED"}
"""A duplicate is looked at again, as the other may have left."""


def check(db: Connection, tenant: Tenant, uuids: Sequence[UUID], now: datetime) -> None:
    """Validate the MPANs that are PENDING, then verify what is opted in. Doing it again changes nothing."""
    found = [assets.of_row(row) for row in queries.assets_by_uuid(db, tenant.id, uuids, lock=True)]
    validated = _validate(db, tenant, [each for each in found if not each.archived], now)
    if tenant.section("flexibility", FlexibilitySettings).verification == "automatic":
        _verify(db, tenant, validated, now)


def decide(
    db: Connection,
    tenant: Tenant,
    scheme_uuid: UUID,
    uuids: Sequence[UUID],
    state: Literal["READY", "REJECTED"],
    *,
    reason: str | None = None,
    who: Actor,
    now: datetime,
) -> int:
    """An operator's word on assets that are opted in; how many changed.

    Raises NotFound UNKNOWN_SCHEME or UNKNOWN_ASSET, Conflict NOT_OPTED_IN.
    """
    schemes.find(db, tenant, scheme_uuid)
    by_uuid = {each.uuid: each for each in assets.require(db, tenant, uuids)}
    known = scheme_queries.memberships(db, tenant.id, list(by_uuid), scheme_uuid=scheme_uuid, lock=True)
    inside = {each.asset_uuid: each.state for each in known if each.state != "OPT_OUT"}
    if outside := [uuid for uuid in by_uuid if uuid not in inside]:
        raise Conflict("NOT_OPTED_IN", f"asset {outside[0]} is not opted into the scheme")
    changes = [
        (asset.opter, Change(scheme_uuid, uuid, state, reason, None))
        for uuid, asset in by_uuid.items()
        if inside[uuid] != state
    ]
    schemes.set_states(db, tenant, changes, now)
    assets.note(
        db, tenant, "scheme.verified", f"scheme/{scheme_uuid}", {"assets": len(changes), "state": state}, who, now
    )
    return len(changes)


def _validate(db: Connection, tenant: Tenant, found: Sequence[Asset], now: datetime) -> list[Asset]:
    """All of them, with the verdict that each now has; ASSET.MPAN_VALIDATED tells of the new ones."""
    at = tenant_now(tenant, now)
    faults = {each.uuid: _fault(each) for each in found if each.mpan_status == "PENDING"}
    if faults:
        verdicts = [(uuid, "VALID" if fault is None else "INVALID", fault) for uuid, fault in faults.items()]
        queries.set_mpan_verdicts(db, tenant.id, verdicts, at)
    for each in found:
        if each.uuid in faults:
            fault = faults[each.uuid]
            message = messages.asset_mpan_validated(
                each.uuid, asset_id=each.asset_id, mpan=each.mpan, valid=fault is None, reason=fault
            )
            messages.tell(db, tenant.id, message, at)
    again = assets.some(db, tenant, list(faults))
    return [again.get(each.uuid, each) for each in found]


def _fault(asset: Asset) -> str | None:
    if asset.mpan is None:
        return "MISSING: there is no mpan, and the assetId is not written as one"
    fault = supply.fault(asset.mpan)
    if fault is None and asset.export_mpan is not None:
        fault = supply.fault(asset.export_mpan)
        return None if fault is None else f"EXPORT_{fault}"
    return fault


def _verify(db: Connection, tenant: Tenant, found: Sequence[Asset], now: datetime) -> None:
    by_uuid = {each.uuid: each for each in found}
    open_ = [
        each for each in scheme_queries.memberships(db, tenant.id, list(by_uuid), lock=True) if each.state in _OPEN
    ]
    verdicts = _verdicts(db, tenant, [by_uuid[uuid] for uuid in {each.asset_uuid for each in open_}])
    changes = [
        (by_uuid[each.asset_uuid].opter, Change(each.scheme_uuid, each.asset_uuid, *verdicts[each.asset_uuid], None))
        for each in open_
        if verdicts[each.asset_uuid][0] != each.state
    ]
    schemes.set_states(db, tenant, changes, now)


def _verdicts(db: Connection, tenant: Tenant, found: Sequence[Asset]) -> dict[UUID, Verdict]:
    needed = tenant.section("flexibility", FlexibilitySettings).mpan_required
    earlier: dict[str, tuple[datetime, int]] = {}
    for twin in queries.twins(db, tenant.id, [each.mpan for each in found if each.mpan is not None]):
        age = (twin.created_at, twin.tenant_id)
        earlier[twin.mpan] = min(age, earlier.get(twin.mpan, age))
    verdicts: dict[UUID, Verdict] = {}
    for each in found:
        twin_age = earlier.get(each.mpan or "")
        if each.mpan_status == "INVALID" and (each.mpan is not None or needed):
            verdicts[each.uuid] = ("REJECTED", each.mpan_reason)
        elif twin_age is not None and twin_age < (each.created_at, tenant.id):
            verdicts[each.uuid] = ("DUPLICATED", "another supplier had an asset with this MPAN before")
        else:
            verdicts[each.uuid] = ("READY", None)
    return verdicts
