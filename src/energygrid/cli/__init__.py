"""The command line. Commands are edges: they open services, call one use case and print."""

import sys
import traceback
from importlib.metadata import version
from typing import Annotated

import typer

from energygrid.cli import audit, clients, consents, flex, flex_verify, keys, serve, tenants, third_parties, users
from energygrid.cli import doctor as doctor_command
from energygrid.cli import findings as findings_command
from energygrid.cli import greenbutton as greenbutton_command
from energygrid.cli import readings as readings_command
from energygrid.cli import sandbox as sandbox_command
from energygrid.cli.common import fail
from energygrid.errors import DomainError

app = typer.Typer(
    name="energygrid",
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


app.command("serve")(serve.serve)
app.command("worker")(serve.worker)
app.command("migrate")(serve.migrate_command)
app.command("import")(readings_command.import_files)
app.command("export")(readings_command.export)
app.command("findings")(findings_command.findings)
app.command("doctor")(doctor_command.doctor)
app.add_typer(sandbox_command.app, name="sandbox", help="The sandbox: credentials of its fixtures.")
app.add_typer(greenbutton_command.app, name="greenbutton", help="Green Button: checks any feed, ours or anybody's.")
app.add_typer(tenants.app, name="tenants", help="Utilities on this installation.")
app.add_typer(clients.app, name="clients", help="Programs that may ask for tokens.")
app.add_typer(third_parties.app, name="third-parties", help="Programs of others that customers let see their data.")
app.add_typer(consents.app, name="consents", help="What customers allowed third parties.")
flex.app.command("verify")(flex_verify.verify)
app.add_typer(flex.app, name="flex", help="Flexibility: API keys, schemes and assets of suppliers.")
app.add_typer(users.app, name="users", help="People.")
app.add_typer(keys.app, name="keys", help="Signing keys of the authorisation server.")
app.add_typer(audit.app, name="audit", help="Who did what, when.")


def main() -> None:
    """Run the command line; a domain error is a sentence and an exit code, never a traceback."""
    try:
        app()
    except DomainError as error:
        sys.exit(fail(error).exit_code)
    except Exception:  # noqa: BLE001 - the last edge
        traceback.print_exc()
        sys.exit(1)
