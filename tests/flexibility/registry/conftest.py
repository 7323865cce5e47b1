"""Assets to register, and what is written around them."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, text

from energygrid.access import tenants
from energygrid.access.audit import SYSTEM
from energygrid.access.caller import Tenant
from energygrid.access.vault import Vault
from energygrid.flexibility.registry import creation, schemes
from energygrid.flexibility.registry.assets import Asset
from energygrid.flexibility.registry.creation import NewAsset
from energygrid.flexibility.registry.location import Location
from energygrid.flexibility.registry.schemes import Scheme

HOME = Location("ne8 1aa", "1", "High Street", "54.96", "-1.60")
MPANS = ("1234567890126", "2000000000015", "1000000000040", "1012345678903", "1900000123452")


def new(asset_id: str, user_id: str = "anna", **more: Any) -> NewAsset:
    return NewAsset(user_id=user_id, asset_id=asset_id, name="home", location=HOME, **more)


@pytest.fixture
def make(db: Connection, tenant: Tenant, vault: Vault, now: datetime) -> Callable[..., Asset]:
    def make(asset_id: str, owner: Tenant = tenant, at: datetime = now, **more: Any) -> Asset:
        return creation.create(db, owner, vault, new(asset_id, **more), who=SYSTEM, now=at)

    return make


@pytest.fixture
def scheme(db: Connection, tenant: Tenant, now: datetime) -> Scheme:
    return schemes.create(db, tenant, "Winter", who=SYSTEM, now=now)


@pytest.fixture
def other_tenant(db: Connection, now: datetime) -> Tenant:
    return tenants.create_tenant(db, "elsewhere", environment="sandbox", now=now)


@pytest.fixture
def jobs(db: Connection) -> Callable[[str], list[dict[str, Any]]]:
    """Arguments of the waiting jobs of a task."""

    def jobs(task: str) -> list[dict[str, Any]]:
        statement = "SELECT args FROM procrastinate_jobs WHERE task_name = :task ORDER BY id"
        return list(db.execute(text(statement), {"task": task}).scalars())

    return jobs


def states(db: Connection, tenant: Tenant, scheme: Scheme) -> dict[str, str]:
    found, _ = schemes.members(db, tenant, scheme.uuid, 0, 1000)
    return {each.asset_id: each.state for each in found}


def uuids(*assets: Asset) -> list[UUID]:
    return [each.uuid for each in assets]
