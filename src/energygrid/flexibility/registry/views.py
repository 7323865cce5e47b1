"""Assets as they are shown: with their location, schemes, and when their readings begin and end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.access.vault import Vault
from energygrid.flexibility.registry import assets, location, readings, schemes
from energygrid.flexibility.registry.assets import Asset, Filters
from energygrid.flexibility.registry.location import Location


@dataclass(frozen=True, slots=True)
class View:
    """readings  start of its first and of its last half-hour; None: it has none"""

    asset: Asset
    place: Location
    schemes: list[tuple[UUID, schemes.State]]
    readings: tuple[datetime, datetime] | None


def of(db: Connection, tenant: Tenant, vault: Vault, found: Sequence[Asset]) -> list[View]:
    """A fixed number of queries, however many assets."""
    uuids = [each.uuid for each in found]
    inside, ends = schemes.of_assets(db, tenant, uuids), readings.ends(db, tenant, uuids)
    return [
        View(each, location.unseal(vault, each.location), inside.get(each.uuid, []), ends.get(each.uuid))
        for each in found
    ]


def one(db: Connection, tenant: Tenant, vault: Vault, uuid: UUID) -> View:
    """Raises NotFound UNKNOWN_ASSET."""
    return of(db, tenant, vault, [assets.find(db, tenant, uuid)])[0]


def page(
    db: Connection, tenant: Tenant, vault: Vault, filters: Filters, offset: int, limit: int
) -> tuple[list[View], int]:
    """A page in order of creation, and how many there are in all."""
    found, total = assets.listed(db, tenant, filters, offset, limit)
    return of(db, tenant, vault, found), total
