"""`sandbox credentials`: what the tutorials ask to export."""

import os
from typing import Annotated

import typer

from energygrid import sandbox as fixtures
from energygrid.cli.common import Data, DatabaseUrl, Json, open_command, print_exports, print_json
from energygrid.errors import Conflict

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _sandbox() -> None: ...


@app.command()
def credentials(
    url: Annotated[
        str | None, typer.Option(help="Address it is served at.", show_default="ENERGYGRID_PUBLIC_URL")
    ] = None,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Print the sandbox credentials as `export` lines, ready to paste."""
    if url is not None:
        os.environ["ENERGYGRID_PUBLIC_URL"] = url
    with open_command(data, database_url) as services:
        if services.settings.environment != "sandbox" and not fixtures.is_loaded(services):
            raise Conflict("NO_SANDBOX", "this installation has no sandbox: start it with `energygrid serve --sandbox`")
        found = fixtures.credentials(services)
    if as_json:
        print_json(dict(found))
    else:
        print_exports(found)
