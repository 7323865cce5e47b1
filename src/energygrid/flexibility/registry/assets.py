"""Assets: the metered things that take part, each of one user.

Its readings are a series of its own, or with the setting `link_meters` those of the mirror's meter of the same id.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection

from energygrid.access import audit
from energygrid.access.caller import Actor, Tenant
from energygrid.access.tenants import tenant_now
from energygrid.access.vault import Vault
from energygrid.errors import Conflict, NotFound
from energygrid.flexibility.registry import location, schemes
from energygrid.flexibility.registry.location import Location
from energygrid.flexibility.registry.queries import assets as queries
from energygrid.flexibility.registry.queries.assets import Filters
from energygrid.flexibility.registry.schemes import Opter

__all__ = ["Asset", "Filters", "archive", "change", "find", "listed", "of_portfolios", "require", "some"]

MpanStatus = Literal["PENDING", "VALID", "INVALID"]


@dataclass(frozen=True, slots=True)
class Asset:
    """An asset as it is stored.

    zone        whose wall clock counts its half-hours;  postcode  upper case, without spaces
    location    sealed (`location.unseal`)
    mpan        13 digits, or what was given instead; None: nothing was
    owner_kind  whose series its readings are, `asset` or `meter`, and owner_id its uuid or the meter's id
    sandbox     what a synthetic meter is made of; None: a real one
    """

    uuid: UUID
    asset_id: str
    user_id: str
    name: str
    asset_type: str
    zone: str
    postcode: str
    location: bytes = field(repr=False)
    installed_at: datetime | None
    hh_settled: bool
    bmu_id: str | None
    mpan: str | None
    export_mpan: str | None
    mpan_status: MpanStatus
    mpan_reason: str | None
    owner_kind: Literal["asset", "meter"]
    owner_id: str
    portfolio_uuid: UUID | None
    sandbox: str | None
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None

    @property
    def archived(self) -> bool:
        return self.archived_at is not None

    @property
    def opter(self) -> Opter:
        return Opter(self.uuid, self.asset_id, self.user_id)


def find(db: Connection, tenant: Tenant, uuid: UUID) -> Asset:
    """Raises NotFound UNKNOWN_ASSET."""
    return require(db, tenant, [uuid], archived=True)[0]


def some(db: Connection, tenant: Tenant, uuids: Sequence[UUID]) -> dict[UUID, Asset]:
    """Those of the assets that are the tenant's."""
    return {row.uuid: of_row(row) for row in queries.assets_by_uuid(db, tenant.id, uuids)}


def require(
    db: Connection, tenant: Tenant, uuids: Sequence[UUID], *, archived: bool = False, lock: bool = False
) -> list[Asset]:
    """All of these assets, each once, in the order given.

    Raises NotFound UNKNOWN_ASSET if one is not the tenant's, and Conflict ASSET_ARCHIVED unless archived ones will do.
    """
    wanted = list(dict.fromkeys(uuids))
    found = {row.uuid: of_row(row) for row in queries.assets_by_uuid(db, tenant.id, wanted, lock=lock)}
    missing = [uuid for uuid in wanted if uuid not in found]
    if missing:
        raise NotFound("UNKNOWN_ASSET", f"there is no asset {missing[0]}{_more(missing)}")
    gone = [uuid for uuid in wanted if found[uuid].archived]
    if gone and not archived:
        raise Conflict("ASSET_ARCHIVED", f"asset {gone[0]} has been archived{_more(gone)}")
    return [found[uuid] for uuid in wanted]


def listed(db: Connection, tenant: Tenant, filters: Filters, offset: int, limit: int) -> tuple[list[Asset], int]:
    """A page in order of creation, and how many there are in all."""
    rows, total = queries.assets(db, tenant.id, filters, offset, limit)
    return [of_row(row) for row in rows], total


def of_portfolios(db: Connection, tenant: Tenant, uuids: Sequence[UUID]) -> list[Asset]:
    """The assets of these portfolios that are not archived, by uuid."""
    return [of_row(row) for row in queries.active_of_portfolios(db, tenant.id, uuids)]


def change(
    db: Connection,
    tenant: Tenant,
    vault: Vault,
    uuid: UUID,
    *,
    values: Mapping[str, object],
    place: Mapping[str, str | None],
    who: Actor,
    now: datetime,
) -> Asset:
    """Change what may change.

    values  name, export_mpan, hh_settled, bmu_id;  place  members of Location
    Another export MPAN is validated anew. Raises NotFound UNKNOWN_ASSET, Conflict ASSET_ARCHIVED.
    """
    (asset,) = require(db, tenant, [uuid], lock=True)
    changed = {name: value for name, value in values.items() if getattr(asset, name) != value}
    if place:
        before = location.unseal(vault, asset.location)
        after = Location(**{name: place.get(name, getattr(before, name)) for name in Location.__slots__})
        if after != before:
            changed |= {"location": location.seal(vault, after), "postcode": location.plain_postcode(after.postcode)}
    if not changed:
        return asset
    if "export_mpan" in changed:
        changed |= {"mpan_status": "PENDING", "mpan_reason": None}
        schemes.check_later(db, tenant.id, [uuid])
    queries.change_asset(db, tenant.id, uuid, changed | {"updated_at": tenant_now(tenant, now)})
    note(db, tenant, "asset.changed", f"asset/{uuid}", {"changed": sorted(changed)}, who, now)
    return find(db, tenant, uuid)


def archive(db: Connection, tenant: Tenant, uuid: UUID, *, who: Actor, now: datetime) -> None:
    """End an asset: it leaves its portfolio and its schemes and takes no more readings; what it has is kept.

    Its id and MPAN are free again. Raises NotFound UNKNOWN_ASSET; an archived asset stays one.
    """
    (asset,) = require(db, tenant, [uuid], archived=True, lock=True)
    if asset.archived:
        return
    schemes.opt_out(db, tenant, None, [asset.opter], who=who, now=now)
    at = tenant_now(tenant, now)
    queries.change_asset(db, tenant.id, uuid, {"archived_at": at, "updated_at": at, "portfolio_uuid": None})
    if asset.mpan is not None:  # others may have waited for this MPAN
        for twin in queries.twins(db, tenant.id, [asset.mpan]):
            schemes.check_later(db, twin.tenant_id, [twin.uuid])
    note(db, tenant, "asset.archived", f"asset/{uuid}", {}, who, now)


def of_row(row: Any) -> Asset:
    """An Asset of a row of flex_asset."""
    return of_values(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented name


def of_values(values: Mapping[str, Any]) -> Asset:
    return Asset(**{name: values[name] for name in Asset.__slots__})


def note(
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


def _more(uuids: Sequence[UUID]) -> str:
    return f" (and {len(uuids) - 1} more)" if len(uuids) > 1 else ""
