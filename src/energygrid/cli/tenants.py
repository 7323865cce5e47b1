"""`tenants`: utilities on this installation, their settings, and the identity providers they trust."""

import getpass
import json
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from energygrid.access import issuers, tenants
from energygrid.access.caller import Environment
from energygrid.access.issuers import IssuerTerms
from energygrid.cli.common import WHO, Data, DatabaseUrl, Json, console, listing, open_command, print_json
from energygrid.cli.sections import SECTIONS, check_section
from energygrid.customers.connector import configure_cis
from energygrid.errors import Invalid

app = typer.Typer(no_args_is_help=True)

_SECRET = re.compile("_sealed$|^token$|_secret$")
Key = Annotated[str, typer.Argument(help="Key of the tenant.")]


@app.command("list")
def list_all(data: Data = None, database_url: DatabaseUrl = None, as_json: Json = False) -> None:
    """Every tenant; the UUID is its name where an API asks for one."""
    with open_command(data, database_url) as services:
        found = services.database.read(tenants.list_tenants)
    columns = ("id", "key", "name", "environment", "created_at", "uuid")
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
            tenants.create_tenant, key, environment=environment, name=name, who=WHO, now=datetime.now(UTC)
        )
    console.print(f"created {key}")


@app.command()
def show(key: Key, data: Data = None, database_url: DatabaseUrl = None) -> None:
    """Print a tenant's settings as JSON, secrets as stars."""
    with open_command(data, database_url) as services:
        print_json(_starred(services.database.read(tenants.find_tenant, key).settings))


@app.command("set")
def set_settings(
    key: Key,
    section: Annotated[str, typer.Argument(help=f"Section of the settings: {', '.join(SECTIONS)}.")],
    values: Annotated[
        str, typer.Argument(help="JSON object that replaces the section; - reads it from standard input.")
    ],
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Replace one section of a tenant's settings."""
    parsed = _json_object(values)
    check_section(section, parsed)
    with open_command(data, database_url) as services, services.database.transaction() as db:
        tenant = tenants.find_tenant(db, key)
        tenants.set_section(db, tenant, section, parsed, who=WHO, now=datetime.now(UTC))
    console.print(f"changed {section} of {key}")


@app.command()
def cis(
    key: Key,
    values: Annotated[
        str, typer.Argument(help="JSON object: base_url, token_url, client_id and more; docs/powerbox.md, Pull.")
    ],
    certificate: Annotated[
        Path | None, typer.Option(help="Client certificate in PEM, for mtls_basic.", exists=True, dir_okay=False)
    ] = None,
    private_key: Annotated[
        Path | None, typer.Option(help="Its private key in PEM, kept sealed.", exists=True, dir_okay=False)
    ] = None,
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Pull customers from the PowerBox that the utility hosts.

    The client secret that it gave us is asked for, or read from standard input, and kept sealed.
    """
    settings: dict[str, object] = {"mode": "powerbox_pull", **_json_object(values, or_standard_input=False)}
    if certificate is not None:
        settings["certificate"] = certificate.read_text()
    check_section("cis", settings)
    secret = getpass.getpass("Client secret: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    if settings["mode"] == "powerbox_pull" and not secret:
        raise Invalid("MISSING_SECRET", "the client secret is missing on standard input")
    with open_command(data, database_url) as services, services.database.transaction() as db:
        configure_cis(
            db,
            tenants.find_tenant(db, key),
            services.vault,
            settings,
            client_secret=secret,
            private_key=private_key.read_text() if private_key else "",
            who=WHO,
            now=datetime.now(UTC),
        )
    console.print(f"{key} is asked at {settings.get('base_url', '')}")


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
        issuers.trust_issuer(db, tenant, parsed, who=WHO, now=datetime.now(UTC))
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
        issuers.distrust_issuer(db, tenant, issuer, who=WHO, now=datetime.now(UTC))
    console.print(f"{key} no longer trusts {issuer}")


@app.command("issuers")
def list_issuers(data: Data = None, database_url: DatabaseUrl = None, as_json: Json = False) -> None:
    """The outside identity providers that tenants trust."""
    with open_command(data, database_url) as services:
        found = services.database.read(issuers.list_issuers)
    columns = ("tenant_key", "issuer", "audiences", "scopes", "jwks_uri", "sandbox", "disabled_at")
    listing([[issuer[column] for column in columns] for issuer in found], columns, as_json=as_json)


def _starred(value: object) -> object:
    if not isinstance(value, Mapping):
        return value
    return {name: "***" if part and _SECRET.search(name) else _starred(part) for name, part in value.items()}


def _json_object(text: str, *, or_standard_input: bool = True) -> Mapping[str, object]:
    try:
        value = json.loads(sys.stdin.read() if or_standard_input and text == "-" else text)
    except ValueError as error:
        raise Invalid("MALFORMED_JSON", f"this is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise Invalid("MALFORMED_JSON", "this is not a JSON object")
    return value
