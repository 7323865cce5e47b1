"""`tenants`: utilities on this installation, their settings, and the identity providers they trust."""

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

import typer

from energygrid.access import issuers, tenants
from energygrid.access.caller import Actor, Environment
from energygrid.access.issuers import IssuerTerms
from energygrid.cli.common import Data, DatabaseUrl, Json, console, listing, open_command, print_json
from energygrid.errors import Invalid

app = typer.Typer(no_args_is_help=True)

_WHO = Actor("command line", "-")
Key = Annotated[str, typer.Argument(help="Key of the tenant.")]


@app.command("list")
def list_all(data: Data = None, database_url: DatabaseUrl = None, as_json: Json = False) -> None:
    """Every tenant."""
    with open_command(data, database_url) as services:
        found = services.database.read(tenants.list_tenants)
    columns = ("id", "key", "name", "environment", "created_at")
    listing([[tenant[column] for column in columns] for tenant in found], columns, as_json=as_json)


@app.command()
def create(
    key: Key,
    environment: Annotated[Environment, typer.Option(help="What the tenant's data are.")] = "production",
    name: Annotated[str, typer.Option(help="Name for people.")] = "",
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Add a tenant."""
    with open_command(data, database_url) as services:
        services.database.write(
            tenants.create_tenant, key, environment=environment, name=name, who=_WHO, now=datetime.now(UTC)
        )
    console.print(f"created {key}")


@app.command()
def show(key: Key, data: Data = None, database_url: DatabaseUrl = None) -> None:
    """Print a tenant's settings as JSON."""
    with open_command(data, database_url) as services:
        print_json(dict(services.database.read(tenants.find_tenant, key).settings))


@app.command("set")
def set_settings(
    key: Key,
    section: Annotated[str, typer.Argument(help="Section of the settings: cis, access, metering...")],
    values: Annotated[
        str, typer.Argument(help="JSON object that replaces the section; - reads it from standard input.")
    ],
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Replace one section of a tenant's settings."""
    parsed = _json_object(values)
    with open_command(data, database_url) as services, services.database.transaction() as db:
        tenant = tenants.find_tenant(db, key)
        tenants.set_section(db, tenant, section, parsed, who=_WHO, now=datetime.now(UTC))
    console.print(f"changed {section} of {key}")


@app.command()
def trust(
    key: Key,
    terms: Annotated[str, typer.Argument(help="JSON object: issuer, audiences, scopes and more; docs/identity.md.")],
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Let in the tokens of an outside identity provider, or change the terms."""
    try:
        parsed = IssuerTerms.model_validate(_json_object(terms))
    except ValueError as error:
        raise Invalid("BAD_ISSUER", str(error)) from error
    with open_command(data, database_url) as services, services.database.transaction() as db:
        tenant = tenants.find_tenant(db, key)
        issuers.trust_issuer(db, tenant, parsed, who=_WHO, now=datetime.now(UTC))
    console.print(f"{key} trusts {parsed.issuer}")


@app.command()
def distrust(
    key: Key,
    issuer: Annotated[str, typer.Argument(help="The issuer, exactly as listed.")],
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Refuse the tokens of an outside identity provider from now on."""
    with open_command(data, database_url) as services, services.database.transaction() as db:
        tenant = tenants.find_tenant(db, key)
        issuers.distrust_issuer(db, tenant, issuer, who=_WHO, now=datetime.now(UTC))
    console.print(f"{key} no longer trusts {issuer}")


@app.command("issuers")
def list_issuers(data: Data = None, database_url: DatabaseUrl = None, as_json: Json = False) -> None:
    """The outside identity providers that tenants trust."""
    with open_command(data, database_url) as services:
        found = services.database.read(issuers.list_issuers)
    columns = ("tenant_key", "issuer", "audiences", "scopes", "jwks_uri", "sandbox", "disabled_at")
    listing([[issuer[column] for column in columns] for issuer in found], columns, as_json=as_json)


def _json_object(text: str) -> Mapping[str, object]:
    try:
        value = json.loads(sys.stdin.read() if text == "-" else text)
    except ValueError as error:
        raise Invalid("MALFORMED_JSON", f"this is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise Invalid("MALFORMED_JSON", "this is not a JSON object")
    return value
