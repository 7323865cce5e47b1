"""The command line. Commands are edges: they open services, call one use case and print."""

import gc
import sys
import traceback
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any, NamedTuple

import typer
import typer.main
from typer.core import TyperGroup

from energygrid.errors import DomainError


class _Place(NamedTuple):
    """A function of a module of this package, or, with a sentence of help, its group of commands."""

    module: str
    attribute: str
    help: str | None = None


_PLACES: Mapping[str, _Place] = {
    "serve": _Place("serve", "serve"),
    "worker": _Place("worker", "worker"),
    "migrate": _Place("migrate", "migrate_command"),
    "import": _Place("readings", "import_files"),
    "export": _Place("readings", "export"),
    "findings": _Place("findings", "findings"),
    "doctor": _Place("doctor", "doctor"),
    "sandbox": _Place("sandbox", "app", "The sandbox: credentials of its fixtures."),
    "greenbutton": _Place("greenbutton", "app", "Green Button: checks any feed, ours or anybody's."),
    "tenants": _Place("tenants", "app", "Utilities on this installation."),
    "clients": _Place("clients", "app", "Programs that may ask for tokens."),
    "third-parties": _Place("third_parties", "app", "Programs of others that customers let see their data."),
    "consents": _Place("consents", "app", "What customers allowed third parties."),
    "flex": _Place("flex", "app", "Flexibility: API keys, schemes and assets of suppliers."),
    "users": _Place("users", "app", "People."),
    "keys": _Place("keys", "app", "Signing keys of the authorisation server."),
    "audit": _Place("audit", "app", "Who did what, when."),
}


class _Commands(TyperGroup):
    """Imports a command's module when it is asked for: each needs a small part of the product, and starts sooner."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - typer's signature, with its own type
        return list(_PLACES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - as above
        place = _PLACES.get(cmd_name)
        if place is None:
            return None
        gc.disable()  # importing makes no garbage, and looking for some takes a quarter of its time
        found = getattr(import_module(f"{__name__}.{place.module}"), place.attribute)
        gc.enable()
        if place.help is None:
            alone = typer.Typer(add_completion=False)
            alone.command(cmd_name)(found)
            return typer.main.get_command(alone)
        command = typer.main.get_group(found)
        command.name, command.help = cmd_name, place.help
        return command


app = typer.Typer(
    name="energygrid",
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"energygrid {version('energygrid')}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Open, self-hosted exchange of meter data between a utility and everyone entitled to it."""


def main() -> None:
    """Run the command line; a domain error is a sentence and an exit code, never a traceback."""
    try:
        app()
    except DomainError as error:
        from energygrid.cli.common import fail  # noqa: PLC0415 - `--help` and `--version` do without services

        sys.exit(fail(error).exit_code)
    except Exception:  # noqa: BLE001 - the last edge
        traceback.print_exc()
        sys.exit(1)
