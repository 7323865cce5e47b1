"""`users`: people who sign in. A password is asked for, or read from standard input; never an argument."""

import getpass
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer
from pydantic import SecretStr
from sqlalchemy import Connection

from energygrid.access import tenants, users
from energygrid.access.caller import Tenant
from energygrid.access.passwords import Passwords
from energygrid.access.settings import AccessSettings
from energygrid.cli.common import WHO, Data, DatabaseUrl, Json, console, listing, open_command
from energygrid.customers.mirror import read_document
from energygrid.customers.privacy import Privacy
from energygrid.errors import Invalid
from energygrid.services import Services

app = typer.Typer(no_args_is_help=True)

Username = Annotated[str, typer.Argument(help="Name the user signs in with.")]
TenantKey = Annotated[str, typer.Option("--tenant", help="Key of the tenant.")]
CustomerId = Annotated[
    str | None, typer.Option("--customer", help="Client id of the customer whose data the user sees in the portal.")
]


@app.command("list")
def list_all(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Every user."""
    with open_command(data, database_url) as services:
        owner = services.database.read(tenants.find_tenant, tenant).id if tenant else None
        found = services.database.read(users.list_users, owner)
    columns = (
        "tenant_key",
        "username",
        "name",
        "roles",
        "customer_id",
        "created_at",
        "password_changed_at",
        "disabled_at",
    )
    listing([[user[column] for column in columns] for user in found], columns, as_json=as_json)


@app.command()
def create(
    username: Username,
    tenant: TenantKey,
    name: Annotated[str, typer.Option(help="Name for people.")] = "",
    role: Annotated[
        list[str] | None, typer.Option(help=f"May be given more than once: {', '.join(users.ROLES)}.")
    ] = None,
    customer: CustomerId = None,
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Add a user."""
    password = read_password()
    with open_command(data, database_url) as services, services.database.transaction() as db:
        owner = tenants.find_tenant(db, tenant)
        _require_customer(db, services, owner, customer)
        users.create_user(
            db,
            Passwords(AccessSettings()),
            owner,
            username,
            name=name,
            roles=role or [],
            customer_id=customer,
            password=password,
            who=WHO,
            now=datetime.now(UTC),
        )
    console.print(f"created {username}")


@app.command()
def set_password(username: Username, tenant: TenantKey, data: Data = None, database_url: DatabaseUrl = None) -> None:
    """Replace a user's password."""
    password = read_password()
    with open_command(data, database_url) as services, services.database.transaction() as db:
        owner = tenants.find_tenant(db, tenant)
        hasher = Passwords(AccessSettings())
        users.set_password(db, hasher, owner, username, password, who=WHO, now=datetime.now(UTC))
    console.print(f"changed the password of {username}")


@app.command()
def link(
    username: Username,
    tenant: TenantKey,
    customer: CustomerId = None,
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Let a user see the data of a customer; without --customer, of none."""
    with open_command(data, database_url) as services, services.database.transaction() as db:
        owner = tenants.find_tenant(db, tenant)
        _require_customer(db, services, owner, customer)
        users.link_customer(db, owner, username, customer, who=WHO, now=datetime.now(UTC))
    console.print(f"{username} sees the data of {customer}" if customer else f"{username} sees no customer's data")


def _require_customer(db: Connection, services: Services, tenant: Tenant, customer: str | None) -> None:
    """Raises NotFound("UNKNOWN_CLIENT")."""
    if customer is not None:
        read_document(db, tenant.id, customer, Privacy.of(tenant, services.vault))


@app.command()
def disable(username: Username, tenant: TenantKey, data: Data = None, database_url: DatabaseUrl = None) -> None:
    """Keep a user from signing in."""
    with open_command(data, database_url) as services, services.database.transaction() as db:
        users.disable_user(db, tenants.find_tenant(db, tenant), username, who=WHO, now=datetime.now(UTC))
    console.print(f"disabled {username}")


@app.command()
def enable(username: Username, tenant: TenantKey, data: Data = None, database_url: DatabaseUrl = None) -> None:
    """Let a disabled user sign in again."""
    with open_command(data, database_url) as services, services.database.transaction() as db:
        users.enable_user(db, tenants.find_tenant(db, tenant), username, who=WHO, now=datetime.now(UTC))
    console.print(f"enabled {username}")


def read_password() -> SecretStr:
    """Asked for twice on a terminal; elsewhere the first line of standard input."""
    if not sys.stdin.isatty():
        return SecretStr(sys.stdin.readline().rstrip("\r\n"))
    password = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != password:
        raise Invalid("PASSWORDS_DIFFER", "the two passwords differ")
    return SecretStr(password)
