"""`keys`: the signing keys of the embedded authorisation server."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from energygrid.access import signing_keys
from energygrid.access.settings import AccessSettings
from energygrid.cli.common import WHO, Data, DatabaseUrl, Json, console, listing, open_command

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_all(data: Data = None, database_url: DatabaseUrl = None, as_json: Json = False) -> None:
    """Every key and what it is: next, signing, retiring, retired or withdrawn."""
    now = datetime.now(UTC)
    with open_command(data, database_url) as services:
        found = services.database.read(signing_keys.load_keys)
    states = signing_keys.states(found, now, timedelta(seconds=AccessSettings().token_lifetime_s))
    rows = [(key.kid, states[key.kid], key.published_at, key.signs_from, key.withdrawn_at) for key in found]
    listing(rows, ("kid", "state", "published_at", "signs_from", "withdrawn_at"), as_json=as_json)


@app.command()
def rotate(data: Data = None, database_url: DatabaseUrl = None) -> None:
    """Let the next key sign, as soon as it has been published for a day, and publish another one."""
    with open_command(data, database_url) as services:
        key = services.database.write(
            signing_keys.rotate, services.vault, AccessSettings(), who=WHO, now=datetime.now(UTC)
        )
    console.print(f"{key.kid} signs from {key.signs_from}")


@app.command()
def withdraw(
    kid: Annotated[str, typer.Argument(help="The key, as listed.")],
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Distrust a key at once, as after a theft: its tokens are refused and the next key signs."""
    with open_command(data, database_url) as services:
        services.database.write(signing_keys.withdraw, services.vault, kid, who=WHO, now=datetime.now(UTC))
    console.print(f"withdrew {kid}")
