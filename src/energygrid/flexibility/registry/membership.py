"""Opting assets in and out of schemes by their uuids."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection

from energygrid.access.caller import Actor, Tenant
from energygrid.flexibility.registry import assets, schemes


def say(
    db: Connection,
    tenant: Tenant,
    scheme_uuid: UUID,
    said: Mapping[UUID, Literal["OPT_IN", "OPT_OUT"]],
    *,
    who: Actor,
    now: datetime,
) -> None:
    """Do what is said of each asset, of all or of none.

    Raises NotFound UNKNOWN_SCHEME or UNKNOWN_ASSET; Conflict ASSET_ARCHIVED: an archived asset cannot be opted in.
    """
    schemes.find(db, tenant, scheme_uuid)
    joining = assets.require(db, tenant, [uuid for uuid, word in said.items() if word == "OPT_IN"], lock=True)
    leaving = assets.require(
        db, tenant, [uuid for uuid, word in said.items() if word == "OPT_OUT"], archived=True, lock=True
    )
    if joining:
        schemes.opt_in(db, tenant, scheme_uuid, [each.opter for each in joining], who=who, now=now)
    if leaving:
        schemes.opt_out(db, tenant, scheme_uuid, [each.opter for each in leaving], who=who, now=now)


def leave_all(db: Connection, tenant: Tenant, uuids: Sequence[UUID], *, who: Actor, now: datetime) -> None:
    """Opt assets out of all schemes that they are in; raises NotFound UNKNOWN_ASSET."""
    leaving = assets.require(db, tenant, uuids, archived=True, lock=True)
    schemes.opt_out(db, tenant, None, [each.opter for each in leaving], who=who, now=now)
