"""Making assets. contracts/flexibility.md 1.3, rows 2 and 3."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from uuid import uuid4

import pytest
from sqlalchemy import Connection

from energygrid.access.audit import SYSTEM
from energygrid.access.caller import Tenant
from energygrid.access.vault import Vault
from energygrid.errors import Conflict, NotFound
from energygrid.flexibility.registry import assets, creation, location, schemes, users
from energygrid.flexibility.registry.assets import Asset, Filters

from .conftest import HOME, MPANS, new, states

Make = Callable[..., Asset]


def test_what_is_made_can_be_found_and_its_location_is_sealed(
    db: Connection, tenant: Tenant, vault: Vault, make: Make
) -> None:
    made = make("meter-1")
    assert assets.find(db, tenant, made.uuid) == made
    assert (made.postcode, made.mpan, made.mpan_status) == ("NE81AA", None, "PENDING")
    assert b"High Street" not in made.location
    assert location.unseal(vault, made.location) == HOME
    assert (made.owner_kind, made.owner_id) == ("asset", str(made.uuid))


def test_its_user_is_made_with_it_and_stays_one(db: Connection, tenant: Tenant, make: Make, now: datetime) -> None:
    make("meter-1", user_id="bob")
    make("meter-2", user_id="bob")
    users.create(db, tenant, "bob", now)
    found, total = users.listed(db, tenant, 0, 10)
    assert ([each.user_id for each in found], total) == (["bob"], 1)


@pytest.mark.parametrize(
    ("asset_id", "given", "kept"),
    [
        ("meter-1", None, None),
        (MPANS[0], None, MPANS[0]),
        ("01 801 902 1234567890126", None, MPANS[0]),
        ("12345", None, None),
        ("meter-1", "S 12 34567890126", MPANS[0]),
        (MPANS[1], MPANS[0], MPANS[0]),
        ("meter-1", "not an mpan", "notanmpan"),
    ],
)
def test_its_mpan_is_what_is_given_else_an_id_of_13_or_21_digits(
    make: Make, asset_id: str, given: str | None, kept: str | None
) -> None:
    assert make(asset_id, mpan=given).mpan == kept


def test_an_id_or_an_mpan_is_of_one_active_asset(
    db: Connection, tenant: Tenant, vault: Vault, make: Make, now: datetime
) -> None:
    first = make("meter-1", mpan=MPANS[0])
    for twin, code in ((new("meter-1"), "ASSET_EXISTS"), (new("meter-2", mpan=MPANS[0]), "MPAN_EXISTS")):
        with pytest.raises(Conflict) as refused:
            creation.create(db, tenant, vault, twin, who=SYSTEM, now=now)
        assert refused.value.code == code
    assets.archive(db, tenant, first.uuid, who=SYSTEM, now=now)
    assert make("meter-1", mpan=MPANS[0]).uuid != first.uuid
    assert assets.find(db, tenant, first.uuid).archived


def test_of_many_those_that_cannot_be_are_told_and_the_rest_is_made(
    db: Connection, tenant: Tenant, vault: Vault, make: Make, now: datetime
) -> None:
    make("there")
    wanted = [
        new("a", mpan=MPANS[0]),
        new("there"),
        new("a"),
        new("b", mpan=MPANS[0]),
        new("c", scheme_uuid=uuid4()),
        new("d"),
    ]
    made = creation.create_many(db, tenant, vault, dict(enumerate(wanted)), who=SYSTEM, now=now)
    assert {at: each.asset_id for at, each in made.created.items()} == {0: "a", 5: "d"}
    assert {at: each.code for at, each in made.failed.items()} == {
        1: "ASSET_EXISTS",
        2: "ASSET_EXISTS",
        3: "MPAN_EXISTS",
        4: "UNKNOWN_SCHEME",
    }
    _, total = assets.listed(db, tenant, Filters(), 0, 1)
    assert total == 3


def test_it_can_be_opted_straight_into_a_scheme(
    db: Connection, tenant: Tenant, make: Make, scheme: schemes.Scheme
) -> None:
    make("meter-1", scheme_uuid=scheme.uuid)
    assert states(db, tenant, scheme) == {"meter-1": "OPT_IN"}


def test_jobs_look_at_a_thousand_assets_each(
    db: Connection, tenant: Tenant, vault: Vault, now: datetime, jobs: Callable[[str], list[dict[str, object]]]
) -> None:
    wanted = [new(f"meter-{number}") for number in range(1500)]
    creation.create_many(db, tenant, vault, dict(enumerate(wanted)), who=SYSTEM, now=now)
    assert [len(job["assets"]) for job in jobs(schemes.CHECK)] == [1000, 500]  # type: ignore[arg-type]


def test_a_meter_of_the_mirror_is_shared_only_where_the_tenant_says_so(
    db: Connection, tenant: Tenant, vault: Vault, now: datetime, make: Make
) -> None:
    from sqlalchemy import insert  # noqa: PLC0415

    from energygrid.customers.tables import meter  # noqa: PLC0415

    db.execute(
        insert(meter).values(
            tenant_id=tenant.id,
            meter_id="M-1",
            meter_type="Electric",
            is_ami=True,
            rate_code="R",
            billing_cycle="1",
            billing_cycle_is_number=True,
            obsolete={},
            changed_at=now,
        )
    )
    linking = replace(tenant, settings={"flexibility": {"link_meters": True}}, _sections={})
    shared = make("M-1", owner=linking)
    assert (shared.owner_kind, shared.owner_id) == ("meter", "M-1")
    assets.archive(db, tenant, shared.uuid, who=SYSTEM, now=now)
    assert make("M-1").owner_kind == "asset"


def test_another_tenants_asset_is_no_asset(
    db: Connection, other_tenant: Tenant, make: Make, now: datetime, vault: Vault
) -> None:
    made = make("meter-1")
    for use_case in (
        lambda: assets.find(db, other_tenant, made.uuid),
        lambda: assets.archive(db, other_tenant, made.uuid, who=SYSTEM, now=now),
        lambda: assets.change(db, other_tenant, vault, made.uuid, values={"name": "x"}, place={}, who=SYSTEM, now=now),
    ):
        with pytest.raises(NotFound):
            use_case()
