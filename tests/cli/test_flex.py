"""`flex`, as an operator types it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from energygrid.access import tenants
from energygrid.access.api_keys import keys
from energygrid.access.audit import SYSTEM
from energygrid.access.caller import Tenant
from energygrid.access.vault import Vault
from energygrid.cli import flex as command
from energygrid.cli import tenants as tenants_command
from energygrid.database.engine import Database, libpq_url
from energygrid.errors import Conflict, Invalid, NotFound
from energygrid.flexibility.registry import creation, schemes
from energygrid.flexibility.registry.creation import NewAsset
from energygrid.flexibility.registry.location import Location

Run = Callable[..., Result]
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def run(database: Database, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("ENERGYGRID_DATABASE_URL", libpq_url(database.url))
    monkeypatch.setenv("ENERGYGRID_SECRET_KEY", bytes(range(32)).hex())

    def run(*arguments: str, app: Any = command.app) -> Result:
        result = CliRunner().invoke(app, arguments)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def supplier(database: Database) -> Tenant:
    settings = {"flexibility": {"verification": "manual"}}
    return database.write(tenants.create_tenant, "supplier", environment="sandbox", now=NOW, settings=settings)


def said(result: Result) -> dict[str, str]:
    return dict(line.split("=", 1) for line in result.output.split())


def test_a_key_is_printed_once_and_works_until_it_is_disabled(
    run: Run, database: Database, supplier: Tenant, vault: Vault
) -> None:
    made = said(run("keys", "add", "--tenant", "supplier", "--name", "our server"))
    found = database.read(keys.find_key, vault, made["api_key"], NOW)
    assert found is not None
    assert (found.tenant.id, str(found.tenant_uuid)) == (supplier.id, made["tenant"])
    listed = run("keys", "list", "--tenant", "supplier", "--json").output
    (row,) = json.loads(listed)
    assert (row["id"], row["name"], row["hint"]) == (made["key_id"], "our server", made["api_key"][-4:])
    assert made["api_key"] not in listed
    run("keys", "disable", made["key_id"])
    assert database.read(keys.find_key, vault, made["api_key"], NOW) is None
    with pytest.raises(NotFound):
        run("keys", "disable", "key_none")


def test_the_tenants_uuid_is_listed(run: Run, supplier: Tenant, database: Database) -> None:
    rows = json.loads(run("list", "--json", app=tenants_command.app).output)
    shown = {row["key"]: row["uuid"] for row in rows}
    assert shown["supplier"] == str(database.read(keys.tenant_uuid, supplier))


def test_a_scheme_is_added_and_listed(run: Run, supplier: Tenant) -> None:
    facts = '{"ruleSets": ["BL01"]}'
    uuid = said(run("schemes", "add", "--tenant", "supplier", "--name", "Winter", "--facts", facts))["scheme"]
    (row,) = json.loads(run("schemes", "list", "--tenant", "supplier", "--json").output)
    assert (row["uuid"], row["name"], row["facts"]) == (uuid, "Winter", {"ruleSets": ["BL01"]})
    with pytest.raises(Conflict):
        run("schemes", "add", "--tenant", "supplier", "--name", "Winter")
    for wrong in ("[]", "{", '{"ruleSet": "BL01"}', '{"ruleSets": ["BL02"]}', '{"floor": "NONE"}'):
        with pytest.raises(Invalid):
            run("schemes", "add", "--tenant", "supplier", "--name", "Summer", "--facts", wrong)


def test_an_operator_decides_who_is_ready(run: Run, supplier: Tenant, database: Database, vault: Vault) -> None:
    scheme = database.write(schemes.create, supplier, "Winter", who=SYSTEM, now=NOW)
    home = Location("NE8 1AA", "1", "Street")
    news = {number: NewAsset("anna", f"meter-{number}", "home", home, scheme_uuid=scheme.uuid) for number in range(3)}
    made = database.write(creation.create_many, supplier, vault, news, who=SYSTEM, now=NOW)

    def states() -> dict[str, str]:
        rows = json.loads(run("assets", "list", "--tenant", "supplier", "--scheme", "Winter", "--json").output)
        return {row["asset_id"]: row["state"] for row in rows}

    bad = str(made.created[0].uuid)
    run("schemes", "verify", "Winter", "--tenant", "supplier", "--asset", bad, "--reject", "no smart meter")
    assert states() == {"meter-0": "REJECTED", "meter-1": "OPT_IN", "meter-2": "OPT_IN"}
    shown = run("schemes", "verify", str(scheme.uuid), "--tenant", "supplier")
    assert "2 assets" in shown.output
    assert states() == {"meter-0": "REJECTED", "meter-1": "READY", "meter-2": "READY"}
    with pytest.raises(Invalid):
        run("schemes", "verify", "Summer", "--tenant", "supplier")


def test_assets_are_listed(run: Run, supplier: Tenant, database: Database, vault: Vault) -> None:
    new = NewAsset("anna", "1012345678903", "home", Location("NE8 1AA", "1", "Street"))
    made = database.write(creation.create, supplier, vault, new, who=SYSTEM, now=NOW)
    output = run("assets", "list", "--tenant", "supplier", "--json").output
    (row,) = json.loads(output)
    assert (row["uuid"], row["asset_id"], row["user_id"]) == (str(made.uuid), "1012345678903", "anna")
    assert "Street" not in output
