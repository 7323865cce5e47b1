"""Schemes, and which assets take part in them.

An asset that was opted in is OPT_IN until it has been verified (`verification`): then READY, DUPLICATED or REJECTED.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID, uuid4

from sqlalchemy import Connection

from energygrid.access import audit
from energygrid.access.caller import Actor, Tenant
from energygrid.access.tenants import tenant_now
from energygrid.database.queue import defer
from energygrid.errors import Conflict, Invalid, NotFound
from energygrid.flexibility import messages
from energygrid.flexibility.registry import consents
from energygrid.flexibility.registry.queries import schemes as queries
from energygrid.flexibility.registry.queries.schemes import Change

State = Literal["OPT_IN", "OPT_OUT", "DUPLICATED", "REJECTED", "READY"]
CHECK = "flexibility.check_assets"
"""The job that validates MPANs and verifies what was opted in."""
_JOB_OF = 1000


@dataclass(frozen=True, slots=True)
class Scheme:
    """`facts`: rule set, floor, cap and other defaults of its events."""

    uuid: UUID
    name: str
    description: str | None
    facts: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Member:
    """`reason`: why an asset is REJECTED or DUPLICATED."""

    uuid: UUID
    asset_id: str
    state: State
    reason: str | None


@dataclass(frozen=True, slots=True)
class Opter:
    """An asset, as far as opting in or out is about it."""

    uuid: UUID
    asset_id: str
    user_id: str


def create(
    db: Connection,
    tenant: Tenant,
    name: str,
    *,
    who: Actor,
    now: datetime,
    description: str | None = None,
    facts: Mapping[str, Any] | None = None,
    uuid: UUID | None = None,
) -> Scheme:
    """Raises Invalid BAD_SCHEME, Conflict SCHEME_EXISTS."""
    if not name.strip():
        raise Invalid("BAD_SCHEME", "a scheme has a name")
    at = tenant_now(tenant, now)
    made = Scheme(uuid or uuid4(), name.strip(), description, dict(facts or {}), at, at)
    values = {name: getattr(made, name) for name in ("uuid", "name", "description", "facts")}
    if not queries.insert_scheme(db, values | {"tenant_id": tenant.id, "created_at": at, "updated_at": at}):
        raise Conflict("SCHEME_EXISTS", f"there is a scheme {made.name} already")
    _audit(db, tenant, "scheme.created", f"scheme/{made.uuid}", {"name": made.name}, who, now)
    return made


def listed(db: Connection, tenant: Tenant) -> list[Scheme]:
    """All of them, by name."""
    return [_scheme(row) for row in queries.schemes(db, tenant.id)]


def find(db: Connection, tenant: Tenant, uuid: UUID) -> Scheme:
    """Raises NotFound UNKNOWN_SCHEME."""
    row = queries.scheme(db, tenant.id, uuid)
    if row is None:
        raise NotFound("UNKNOWN_SCHEME", "there is no such scheme")
    return _scheme(row)


def members(
    db: Connection, tenant: Tenant, uuid: UUID, offset: int, limit: int, state: State | None = None
) -> tuple[list[Member], int]:
    """A page of a scheme's assets, and how many there are; raises NotFound UNKNOWN_SCHEME."""
    find(db, tenant, uuid)
    rows, total = queries.members(db, tenant.id, uuid, state, offset, limit)
    return [Member(row.uuid, row.asset_id, row.state, row.reason) for row in rows], total


def of_assets(db: Connection, tenant: Tenant, assets: Sequence[UUID]) -> dict[UUID, list[tuple[UUID, State]]]:
    """Scheme and state of each asset that is in any."""
    found: dict[UUID, list[tuple[UUID, Any]]] = {}
    for each in queries.memberships(db, tenant.id, assets):
        found.setdefault(each.asset_uuid, []).append((each.scheme_uuid, each.state))
    return found


def ready_assets(db: Connection, tenant: Tenant, scheme_uuid: UUID) -> list[UUID]:
    """Assets that may take part in the scheme's events: READY, not archived, meter data not withdrawn."""
    return queries.ready(db, tenant.id, scheme_uuid)


def opt_in(
    db: Connection,
    tenant: Tenant,
    scheme_uuid: UUID,
    assets: Iterable[Opter],
    *,
    who: Actor,
    now: datetime,
    opted_in_at: datetime | None = None,
    source: consents.Source = "API",
    evidence: Mapping[str, Any] | None = None,
) -> None:
    """Let assets take part, with their users' consent; those that do already stay as they are.

    Verification follows as a job. Raises NotFound UNKNOWN_SCHEME.
    """
    find(db, tenant, scheme_uuid)
    by_uuid = {each.uuid: each for each in assets}
    known = queries.memberships(db, tenant.id, list(by_uuid), scheme_uuid=scheme_uuid, lock=True)
    settled = {each.asset_uuid for each in known if each.state in {"OPT_IN", "READY"}}
    at = opted_in_at or tenant_now(tenant, now)
    users = {each.uuid: each.user_id for each in by_uuid.values()}
    consents.grant(db, tenant, users, "SCHEME", scheme_uuid, now, granted_at=at, source=source, evidence=evidence)
    joining = [each for uuid, each in by_uuid.items() if uuid not in settled]
    set_states(
        db,
        tenant,
        [(each, Change(scheme_uuid, each.uuid, "OPT_IN", None, at)) for each in joining],
        now,
    )
    check_later(db, tenant.id, [each.uuid for each in joining])
    _audit(db, tenant, "scheme.opted_in", f"scheme/{scheme_uuid}", {"assets": len(joining)}, who, now)


def opt_out(
    db: Connection,
    tenant: Tenant,
    scheme_uuid: UUID | None,
    assets: Iterable[Opter],
    *,
    who: Actor,
    now: datetime,
) -> None:
    """Take assets out of a scheme, or with None out of all that they are in; their consent ends."""
    if scheme_uuid is not None:
        find(db, tenant, scheme_uuid)
    by_uuid = {each.uuid: each for each in assets}
    known = queries.memberships(db, tenant.id, list(by_uuid), scheme_uuid=scheme_uuid, lock=True)
    out = {(each.scheme_uuid, each.asset_uuid) for each in known if each.state == "OPT_OUT"}
    where = {(each.scheme_uuid, each.asset_uuid) for each in known}
    if scheme_uuid is not None:  # a wish not to take part is kept, whether or not the asset did
        where |= {(scheme_uuid, uuid) for uuid in by_uuid}
    leaving = sorted(where - out)
    consents.withdraw(db, tenant, list(by_uuid), "SCHEME", scheme_uuid, now)
    changes = [(by_uuid[asset], Change(scheme, asset, "OPT_OUT", None, None)) for scheme, asset in leaving]
    set_states(db, tenant, changes, now)
    subject = "schemes" if scheme_uuid is None else f"scheme/{scheme_uuid}"
    _audit(db, tenant, "scheme.opted_out", subject, {"assets": len({asset for _, asset in leaving})}, who, now)


def set_states(db: Connection, tenant: Tenant, changes: Sequence[tuple[Opter, Change]], now: datetime) -> None:
    """Write new states and tell of them, a message for every thousand assets of a scheme."""
    if not changes:
        return
    at = tenant_now(tenant, now)
    queries.write_memberships(db, tenant.id, [change for _, change in changes], at)
    by_scheme: dict[UUID, list[messages.SchemeAsset]] = {}
    for asset, change in changes:
        told = messages.SchemeAsset(asset.uuid, asset.asset_id, change.state)
        by_scheme.setdefault(change.scheme_uuid, []).append(told)
    for scheme_uuid, told_of in sorted(by_scheme.items()):
        for message in messages.scheme_assets_updated(scheme_uuid, told_of):
            messages.tell(db, tenant.id, message, at)


def check_later(db: Connection, tenant_id: int, assets: Sequence[UUID]) -> None:
    """Have a job look at these assets, a thousand in each."""
    for start in range(0, len(assets), _JOB_OF):
        part = [str(each) for each in assets[start : start + _JOB_OF]]
        defer(db, CHECK, tenant_id=tenant_id, assets=part)


def _scheme(row: Any) -> Scheme:
    return Scheme(row.uuid, row.name, row.description, row.facts, row.created_at, row.updated_at)


def _audit(
    db: Connection, tenant: Tenant, action: str, subject: str, facts: Mapping[str, object], who: Actor, now: datetime
) -> None:
    audit.record(
        db,
        tenant.id,
        actor=who.name,
        action=action,
        subject=subject,
        request_id=who.request_id,
        now=now,
        facts=facts,
    )
