"""Making assets: one, or thousands in a call, of which those that cannot be are told and stop no other."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import Connection

from energygrid.access.caller import Actor, Tenant
from energygrid.access.tenants import tenant_now
from energygrid.access.vault import Vault
from energygrid.customers.meters import find_meters
from energygrid.errors import Conflict, DomainError, NotFound
from energygrid.flexibility.registry import assets, location, schemes, supply, users
from energygrid.flexibility.registry.assets import Asset
from energygrid.flexibility.registry.location import Location
from energygrid.flexibility.registry.queries import assets as queries
from energygrid.flexibility.settings import FlexibilitySettings


@dataclass(frozen=True, slots=True)
class NewAsset:
    """What is given of an asset.

    mpan          None: `asset_id`, where that is written as one
    scheme_uuid   opt it straight in, as of `opted_in_at` (None: now)
    zone          None: the tenant's
    sandbox       what a synthetic meter is made of
    """

    user_id: str
    asset_id: str
    name: str
    location: Location
    asset_type: str = "SMARTMETER"
    installed_at: datetime | None = None
    mpan: str | None = None
    export_mpan: str | None = None
    hh_settled: bool = False
    bmu_id: str | None = None
    scheme_uuid: UUID | None = None
    opted_in_at: datetime | None = None
    zone: str | None = None
    sandbox: str | None = None

    @property
    def core(self) -> str | None:
        """Its MPAN as it is stored."""
        written = supply.given(self.mpan, self.asset_id)
        return None if written is None else supply.kept(written)


@dataclass(frozen=True, slots=True)
class Made:
    """What became of each asset asked for, by its position."""

    created: dict[int, Asset]
    failed: dict[int, DomainError]


def create(db: Connection, tenant: Tenant, vault: Vault, new: NewAsset, *, who: Actor, now: datetime) -> Asset:
    """Raises Conflict ASSET_EXISTS or MPAN_EXISTS, NotFound UNKNOWN_SCHEME. A user that is not there is made."""
    made = create_many(db, tenant, vault, {0: new}, who=who, now=now)
    if made.failed:
        raise made.failed[0]
    return made.created[0]


def create_many(
    db: Connection,
    tenant: Tenant,
    vault: Vault,
    wanted: Mapping[int, NewAsset],
    *,
    who: Actor,
    now: datetime,
    all_or_none: bool = False,
) -> Made:
    """Make all that can be. Their MPANs are validated, and opt-ins verified, by jobs that follow.

    wanted  by position in the request;  all_or_none  raise Conflict NOTHING_CREATED if one cannot be
    """
    failed = _refused(db, tenant, wanted)
    rows = _rows(db, tenant, vault, {at: new for at, new in wanted.items() if at not in failed}, now)
    users.ensure(db, tenant, [str(row["user_id"]) for row in rows.values()], now)
    inserted = queries.insert_assets(db, list(rows.values()))
    for at in [at for at, row in rows.items() if row["uuid"] not in inserted]:  # another call was faster
        failed[at] = _exists(wanted[at])
        del rows[at]
    if all_or_none:
        require_none(failed)
    created = {at: assets.of_values(row) for at, row in rows.items()}
    if created:
        _opt_in(db, tenant, wanted, created, who, now)
        schemes.check_later(db, tenant.id, [each.uuid for each in created.values()])
        one = next(iter(created.values()))
        subject = f"asset/{one.uuid}" if len(created) == 1 else "assets"
        assets.note(db, tenant, "asset.created", subject, {"assets": len(created)}, who, now)
    return Made(created, dict(sorted(failed.items())))


def require_none(failed: Mapping[int, DomainError]) -> None:
    """Raises Conflict NOTHING_CREATED, which lists the first fifty."""
    if failed:
        listed = [f"assets.{at}: {error.message}" for at, error in sorted(failed.items())[:50]]
        raise Conflict("NOTHING_CREATED", "nothing was made, as not all could be", messages=listed)


def _refused(db: Connection, tenant: Tenant, wanted: Mapping[int, NewAsset]) -> dict[int, DomainError]:
    news = wanted.values()
    ids, mpans = queries.taken(db, tenant.id, [new.asset_id for new in news], [new.core for new in news if new.core])
    known = {scheme.uuid for scheme in schemes.listed(db, tenant)} if any(new.scheme_uuid for new in news) else set()
    failed: dict[int, DomainError] = {}
    for at, new in wanted.items():
        if new.asset_id in ids:
            failed[at] = _exists(new)
        elif new.core in mpans:
            failed[at] = Conflict("MPAN_EXISTS", f"there is an asset with MPAN {new.core} already")
        elif new.scheme_uuid is not None and new.scheme_uuid not in known:
            failed[at] = NotFound("UNKNOWN_SCHEME", "there is no such scheme")
        else:
            ids.add(new.asset_id)
            mpans |= {new.core} if new.core else set()
    return failed


def _rows(
    db: Connection, tenant: Tenant, vault: Vault, wanted: Mapping[int, NewAsset], now: datetime
) -> dict[int, dict[str, object]]:
    at = tenant_now(tenant, now)
    settings = tenant.section("flexibility", FlexibilitySettings)
    meters: set[str] = set()
    if settings.link_meters:
        names = [name for new in wanted.values() for name in (new.asset_id, new.core) if name]
        meters = set(find_meters(db, tenant.id, names))
    rows: dict[int, dict[str, object]] = {}
    for place, new in wanted.items():
        uuid = uuid4()
        meter = next((name for name in (new.asset_id, new.core) if name in meters), None)
        rows[place] = {
            "tenant_id": tenant.id,
            "uuid": uuid,
            "asset_id": new.asset_id,
            "user_id": new.user_id,
            "name": new.name,
            "asset_type": new.asset_type,
            "zone": new.zone or settings.zone,
            "postcode": location.plain_postcode(new.location.postcode),
            "location": location.seal(vault, new.location),
            "installed_at": new.installed_at,
            "hh_settled": new.hh_settled,
            "bmu_id": new.bmu_id,
            "mpan": new.core,
            "export_mpan": None if new.export_mpan is None else supply.kept(new.export_mpan),
            "mpan_status": "PENDING",
            "mpan_reason": None,
            "owner_kind": "asset" if meter is None else "meter",
            "owner_id": str(uuid) if meter is None else meter,
            "portfolio_uuid": None,
            "sandbox": new.sandbox,
            "created_at": at,
            "updated_at": at,
            "archived_at": None,
        }
    return rows


def _opt_in(
    db: Connection, tenant: Tenant, wanted: Mapping[int, NewAsset], created: dict[int, Asset], who: Actor, now: datetime
) -> None:
    groups: dict[tuple[UUID, datetime | None], list[Asset]] = {}
    for at, asset in created.items():
        scheme = wanted[at].scheme_uuid
        if scheme is not None:
            groups.setdefault((scheme, wanted[at].opted_in_at), []).append(asset)
    for (scheme, opted_in_at), joining in groups.items():
        opters = [each.opter for each in joining]
        schemes.opt_in(db, tenant, scheme, opters, who=who, now=now, opted_in_at=opted_in_at)


def _exists(new: NewAsset) -> Conflict:
    return Conflict("ASSET_EXISTS", f"there is an asset {new.asset_id} already")
