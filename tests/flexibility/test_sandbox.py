"""The sandbox's homes: synthetic, the same whenever they are loaded, and up to date."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection

from energygrid.access import tenants
from energygrid.access.api_keys import keys
from energygrid.access.audit import SYSTEM
from energygrid.access.caller import Tenant
from energygrid.access.vault import Vault
from energygrid.flexibility import sandbox
from energygrid.flexibility.consumption import consumption
from energygrid.flexibility.registry import assets, creation, schemes
from energygrid.flexibility.registry.assets import Asset, Filters
from energygrid.flexibility.registry.creation import NewAsset
from energygrid.flexibility.registry.location import Location
from energygrid.metering.calendar import Span

LOADED = datetime(2026, 3, 1, 12, tzinfo=UTC)
Load = Callable[..., list[Asset]]


@pytest.fixture
def load(db: Connection, vault: Vault, tenant: Tenant) -> Load:
    def load(now: datetime = LOADED, to: Tenant = tenant) -> list[Asset]:
        sandbox.load(db, vault, to, now)
        return assets.listed(db, to, Filters(archived=False), 0, 100)[0]

    return load


def readings(db: Connection, tenant: Tenant, home: Asset) -> dict[str, tuple[list[int], list[float]]]:
    span = Span(datetime(2025, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    found = consumption.read(db, tenant, home.uuid, span)
    present = {name: ~np.isnan(each.value) for name, each in found.items()}
    return {
        name: (each.start[present[name]].tolist(), each.value[present[name]].tolist()) for name, each in found.items()
    }


def test_each_home_says_that_it_is_synthetic_and_is_ready(db: Connection, tenant: Tenant, load: Load) -> None:
    homes = load()
    assert len(homes) == len(sandbox.HOMES)
    assert all(home.sandbox and home.sandbox.startswith("synthetic") for home in homes)
    assert all(home.name.startswith("Synthetic") for home in homes)
    assert {home.mpan_status for home in homes} == {"VALID"}
    (scheme,) = schemes.listed(db, tenant)
    assert set(schemes.ready_assets(db, tenant, scheme.uuid)) == {home.uuid for home in homes}
    (portfolio,) = {home.portfolio_uuid for home in homes}
    assert portfolio is not None


def test_each_has_sixty_days_and_panels_give_some_back(db: Connection, tenant: Tenant, load: Load) -> None:
    solar = 0
    for home in load():
        found = readings(db, tenant, home)
        start, value = found["import"]
        assert len(start) == 60 * 48
        assert start[-1] == int(datetime(2026, 2, 28, 23, 30, tzinfo=UTC).timestamp())
        assert min(value) >= 0
        assert 2 < sum(value) / 60 < 60
        solar += "export" in found and max(found["export"][1]) > 0.2
    assert solar == 1


def test_loading_again_changes_nothing_and_later_adds_the_days_since(
    db: Connection, tenant: Tenant, load: Load
) -> None:
    before = {home.uuid: readings(db, tenant, home) for home in load()}
    assert {home.uuid: readings(db, tenant, home) for home in load()} == before
    later = {home.uuid: readings(db, tenant, home) for home in load(LOADED + timedelta(days=3))}
    for uuid, channels in before.items():
        for name, (start, value) in channels.items():
            assert later[uuid][name][0][: len(start)] == start
            assert later[uuid][name][1][: len(start)] == value
            assert len(later[uuid][name][0]) == len(start) + 3 * 48


def test_half_hours_depend_on_the_home_and_the_instant_alone(db: Connection, load: Load) -> None:
    early = tenants.create_tenant(db, "early", environment="sandbox", now=LOADED)
    late = tenants.create_tenant(db, "late", environment="sandbox", now=LOADED)
    first, second = load(to=early), load(LOADED + timedelta(days=20), to=late)
    for one, other in zip(
        sorted(first, key=lambda each: each.asset_id), sorted(second, key=lambda each: each.asset_id), strict=True
    ):
        mine, theirs = (
            dict(zip(*readings(db, t, home)["import"], strict=True)) for t, home in ((early, one), (late, other))
        )
        shared = set(mine) & set(theirs)
        assert len(shared) == 40 * 48
        assert all(mine[at] == theirs[at] for at in shared)


def test_another_asset_of_that_user_is_left_alone(db: Connection, tenant: Tenant, vault: Vault, load: Load) -> None:
    load()
    own = NewAsset(sandbox.USER, "mine", "mine", Location("NE8 1AA", "1", "Street"))
    made = creation.create(db, tenant, vault, own, who=SYSTEM, now=LOADED)
    load(LOADED + timedelta(days=1))
    assert readings(db, tenant, made) == {}


def test_what_was_archived_stays_so(db: Connection, tenant: Tenant, load: Load) -> None:
    for home in load():
        assets.archive(db, tenant, home.uuid, who=SYSTEM, now=LOADED)
    assert load(LOADED + timedelta(days=1)) == []


def test_its_key_opens_the_api_and_is_the_same_each_time(
    db: Connection, tenant: Tenant, vault: Vault, load: Load
) -> None:
    load()
    load()
    found: Any = keys.find_key(db, vault, sandbox.key(vault, tenant).get_secret_value(), LOADED)
    assert found.tenant.id == tenant.id
    assert len(keys.list_keys(db, tenant.id)) == 1


def test_when_the_clock_jumps_they_get_the_days_up_to_its_midnight(db: Connection, tenant: Tenant, load: Load) -> None:
    (home, *_) = load()
    ahead = tenants.advance_clock(db, tenant, timedelta(days=2), who=SYSTEM, now=LOADED)
    sandbox.extend(db, ahead, LOADED)
    start, _ = readings(db, ahead, home)["import"]
    assert start[-1] == int(datetime(2026, 3, 2, 23, 30, tzinfo=UTC).timestamp())
    assert len(start) == 62 * 48
    century = tenants.advance_clock(db, ahead, timedelta(days=36_000), who=SYSTEM, now=LOADED)
    sandbox.extend(db, century, LOADED)
    assert len(readings(db, century, home)["import"][0]) == 62 * 48, "of 2026; the later ones are sixty days too"


def test_a_tenant_without_homes_gets_nothing(db: Connection, tenant: Tenant) -> None:
    sandbox.extend(db, tenant, LOADED)
    assert assets.listed(db, tenant, Filters(), 0, 1) == ([], 0)
