"""`clients`: programs that may ask for tokens. A secret is printed once, when it is made."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from energygrid.access import clients, tenants
from energygrid.access.scopes import SCOPES
from energygrid.cli.common import WHO, Data, DatabaseUrl, Json, console, listing, open_command

app = typer.Typer(no_args_is_help=True)

ClientId = Annotated[str, typer.Argument(help="Id of the client.")]
Scopes = Annotated[list[str], typer.Option("--scope", help=f"May be given more than once: {', '.join(SCOPES)}.")]
TenantKey = Annotated[str, typer.Option("--tenant", help="Key of the tenant.")]


@app.command("list")
def list_all(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Every client; never its secrets."""
    with open_command(data, database_url) as services:
        owner = services.database.read(tenants.find_tenant, tenant).id if tenant else None
        found = services.database.read(clients.list_clients, owner)
    columns = ("tenant_key", "client_id", "name", "scopes", "sandbox", "secrets", "created_at", "disabled_at")
    listing([[client[column] for column in columns] for client in found], columns, as_json=as_json)


@app.command()
def create(
    tenant: TenantKey,
    scope: Scopes,
    name: Annotated[str, typer.Option(help="Name for people.")],
    client_id: Annotated[str | None, typer.Option("--id", help="Chosen at random when left out.")] = None,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="May only read outside the sandbox.")] = False,
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Add a client and print its id and secret."""
    with open_command(data, database_url) as services, services.database.transaction() as db:
        client, secret = clients.create_client(
            db,
            services.vault,
            tenants.find_tenant(db, tenant),
            name=name,
            scopes=scope,
            sandbox=sandbox,
            client_id=client_id,
            who=WHO,
            now=datetime.now(UTC),
        )
    print(f"client_id={client.client_id}")
    print(f"client_secret={secret.get_secret_value()}")


@app.command()
def add_secret(client_id: ClientId, data: Data = None, database_url: DatabaseUrl = None) -> None:
    """Make a second secret and print it; the first one goes on working."""
    with open_command(data, database_url) as services:
        secret = services.database.write(clients.add_secret, services.vault, client_id, who=WHO, now=datetime.now(UTC))
    print(f"client_secret={secret.get_secret_value()}")


@app.command()
def drop_secret(client_id: ClientId, data: Data = None, database_url: DatabaseUrl = None) -> None:
    """Drop the older of two secrets."""
    _change(clients.drop_oldest_secret, client_id, data, database_url, f"dropped the older secret of {client_id}")


@app.command()
def set_scopes(client_id: ClientId, scope: Scopes, data: Data = None, database_url: DatabaseUrl = None) -> None:
    """Replace what the client may do."""
    with open_command(data, database_url) as services:
        services.database.write(clients.set_scopes, client_id, scope, who=WHO, now=datetime.now(UTC))
    console.print(f"{client_id} may: {' '.join(scope)}")


@app.command()
def disable(client_id: ClientId, data: Data = None, database_url: DatabaseUrl = None) -> None:
    """Refuse the client and its tokens."""
    _change(clients.disable_client, client_id, data, database_url, f"disabled {client_id}")


@app.command()
def enable(client_id: ClientId, data: Data = None, database_url: DatabaseUrl = None) -> None:
    """Let a disabled client in again."""
    _change(clients.enable_client, client_id, data, database_url, f"enabled {client_id}")


@app.command()
def revoke_tokens(client_id: ClientId, data: Data = None, database_url: DatabaseUrl = None) -> None:
    """Refuse every token the client holds; it may ask for new ones."""
    _change(clients.revoke_tokens, client_id, data, database_url, f"revoked the tokens of {client_id}")


def _change(use_case: Callable[..., Any], client_id: str, data: Data, database_url: DatabaseUrl, said: str) -> None:
    with open_command(data, database_url) as services:
        services.database.write(use_case, client_id, who=WHO, now=datetime.now(UTC))
    console.print(said)
