"""`flex`: keys of the flexibility API, schemes and who is in them, assets."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import typer
from pydantic import ValidationError

from energygrid.access import tenants
from energygrid.access.api_keys import keys
from energygrid.access.caller import Tenant
from energygrid.cli import flex_verify
from energygrid.cli.common import WHO, Data, DatabaseUrl, Json, console, listing, open_command
from energygrid.errors import Invalid
from energygrid.flexibility.baselines import catalogue
from energygrid.flexibility.events.terms import EventTerms
from energygrid.flexibility.registry import assets, schemes, verification
from energygrid.flexibility.registry.assets import Filters
from energygrid.services import Services

app = typer.Typer(no_args_is_help=True)
app.command("verify")(flex_verify.verify)
app.command("recompute")(flex_verify.recompute)
keys_app = typer.Typer(no_args_is_help=True)
schemes_app = typer.Typer(no_args_is_help=True)
assets_app = typer.Typer(no_args_is_help=True)
app.add_typer(keys_app, name="keys", help="Keys that open the flexibility API.")
app.add_typer(schemes_app, name="schemes", help="Schemes, and which assets are ready for them.")
app.add_typer(assets_app, name="assets", help="Assets of suppliers.")

_PAGE = 1000
TenantKey = Annotated[str, typer.Option("--tenant", help="Key of the tenant.")]
Scheme = Annotated[str, typer.Argument(help="UUID of the scheme, or its name.")]


@keys_app.command("add")
def add_key(
    tenant: TenantKey,
    name: Annotated[str, typer.Option(help="Name for people.")],
    expires: Annotated[datetime | None, typer.Option(help="When it ends, UTC.", show_default="never")] = None,
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Make a key and print it, once, with the tenant's UUID that goes into the header `tenant`."""
    now = datetime.now(UTC)
    with open_command(data, database_url) as services, services.database.transaction() as db:
        owner = tenants.find_tenant(db, tenant)
        ends = expires.replace(tzinfo=UTC) if expires else None
        key_id, key = keys.create_key(db, services.vault, owner, name=name, who=WHO, now=now, expires_at=ends)
        uuid = keys.tenant_uuid(db, owner)
    print(f"key_id={key_id}\napi_key={key.get_secret_value()}\ntenant={uuid}")


@keys_app.command("list")
def list_keys(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Every key: its id and last characters, never itself."""
    with open_command(data, database_url) as services:
        owner = services.database.read(tenants.find_tenant, tenant).id if tenant else None
        found = services.database.read(keys.list_keys, owner)
    columns = ("tenant_key", "id", "name", "surfaces", "hint", "created_at", "expires_at", "disabled_at")
    listing([[key[column] for column in columns] for key in found], columns, as_json=as_json)


@keys_app.command("disable")
def disable_key(
    key_id: Annotated[str, typer.Argument(help="Id of the key.")], data: Data = None, database_url: DatabaseUrl = None
) -> None:
    """End a key: it opens nothing any more, in every process within seconds."""
    with open_command(data, database_url) as services:
        services.database.write(keys.disable_key, key_id, who=WHO, now=datetime.now(UTC))
    console.print(f"disabled {key_id}")


@schemes_app.command("add")
def add_scheme(
    tenant: TenantKey,
    name: Annotated[str, typer.Option(help="Name, one of a kind within the tenant.")],
    description: Annotated[str | None, typer.Option(help="What it is about.")] = None,
    facts: Annotated[
        str, typer.Option(help="JSON object: terms of its events that name none, as `ruleSets`, `floor`.")
    ] = "{}",
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Add a scheme and print its UUID."""
    with open_command(data, database_url) as services, services.database.transaction() as db:
        made = schemes.create(
            db,
            tenants.find_tenant(db, tenant),
            name,
            description=description,
            facts=_terms(facts),
            who=WHO,
            now=datetime.now(UTC),
        )
    print(f"scheme={made.uuid}")


@schemes_app.command("list")
def list_schemes(tenant: TenantKey, data: Data = None, database_url: DatabaseUrl = None, as_json: Json = False) -> None:
    """Schemes of a tenant."""
    with open_command(data, database_url) as services:
        owner = services.database.read(tenants.find_tenant, tenant)
        found = services.database.read(schemes.listed, owner)
    columns = ("uuid", "name", "description", "facts", "created_at")
    listing([[getattr(each, column) for column in columns] for each in found], columns, as_json=as_json)


@schemes_app.command("verify")
def verify(
    tenant: TenantKey,
    scheme: Scheme,
    asset: Annotated[
        list[str] | None, typer.Option(help="UUID of an asset; may be given more than once. None: all that wait.")
    ] = None,
    reject: Annotated[str | None, typer.Option(metavar="REASON", help="Reject them, instead of READY.")] = None,
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Say that assets that were opted in are READY, or REJECTED."""
    state: Literal["READY", "REJECTED"] = "READY" if reject is None else "REJECTED"
    with open_command(data, database_url) as services:
        owner = services.database.read(tenants.find_tenant, tenant)
        found = _scheme(services, owner, scheme)
        uuids = [_uuid(each) for each in asset] if asset else _waiting(services, owner, found.uuid)
        changed = services.database.write(
            verification.decide, owner, found.uuid, uuids, state, reason=reject, who=WHO, now=datetime.now(UTC)
        )
    console.print(f"{changed} assets of {found.name} are {state}")


@assets_app.command("list")
def list_assets(
    tenant: TenantKey,
    scheme: Annotated[str | None, typer.Option(help="Only those that were opted in or out of it.")] = None,
    limit: Annotated[int, typer.Option(help="Most to list.", min=1)] = 100,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Assets of a tenant; with --scheme, their state in it and why."""
    with open_command(data, database_url) as services:
        owner = services.database.read(tenants.find_tenant, tenant)
        rows: list[Any]
        if scheme is not None:
            columns: tuple[str, ...] = ("uuid", "asset_id", "state", "reason")
            uuid = _scheme(services, owner, scheme).uuid
            rows = services.database.read(schemes.members, owner, uuid, 0, limit)[0]
        else:
            columns = ("uuid", "asset_id", "user_id", "name", "mpan", "mpan_status", "portfolio_uuid", "archived_at")
            rows = services.database.read(assets.listed, owner, Filters(), 0, limit)[0]
    listing([[getattr(each, column) for column in columns] for each in rows], columns, as_json=as_json)


def _scheme(services: Services, tenant: Tenant, named: str) -> schemes.Scheme:
    for each in services.database.read(schemes.listed, tenant):
        if each.name == named:
            return each
    return services.database.read(schemes.find, tenant, _uuid(named))


def _waiting(services: Services, tenant: Tenant, scheme: UUID) -> list[UUID]:
    found: list[UUID] = []
    while True:
        page, total = services.database.read(schemes.members, tenant, scheme, len(found), _PAGE, "OPT_IN")
        found += [each.uuid for each in page]
        if len(found) >= total or not page:
            return found


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Invalid("BAD_UUID", f"{text} is no UUID, nor the name of anything") from error


def _terms(text: str) -> dict[str, Any]:
    """Terms that an event may have too, under the same names."""
    found = _object(text)
    try:
        told = EventTerms.model_validate(found)
    except ValidationError as error:
        wrong = (f"{'.'.join(map(str, part['loc']))}: {part['msg']}" for part in error.errors())
        raise Invalid("BAD_TERMS", f"--facts: {'; '.join(wrong)}") from error
    if unknown := [name for name in told.rule_sets or () if name not in catalogue.IDS]:
        raise Invalid("BAD_TERMS", f"there is no rule set {unknown[0]}; there are {', '.join(catalogue.IDS)}")
    return found


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise Invalid("MALFORMED_JSON", f"this is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise Invalid("MALFORMED_JSON", "this is not a JSON object")
    return value
