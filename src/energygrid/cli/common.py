"""What the commands share: opening services, listings, exit codes."""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from energygrid.access.caller import Actor
from energygrid.errors import (
    Conflict,
    Denied,
    DomainError,
    Invalid,
    NotFound,
    Throttled,
    Unauthenticated,
    Unavailable,
)
from energygrid.services import Services, open_services
from energygrid.settings import Settings

EXIT_CODES: dict[type[DomainError], int] = {
    Invalid: 2,
    NotFound: 3,
    Denied: 4,
    Unauthenticated: 4,
    Conflict: 5,
    Unavailable: 6,
    Throttled: 6,
}
"""0 done; 1 unexpected fault; the others are documented in docs/command-line.md."""

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Data = Annotated[Path | None, typer.Option("--data", help="Folder of the embedded installation.", show_default="data")]
DatabaseUrl = Annotated[
    str | None, typer.Option("--database-url", help="PostgreSQL to use instead of the embedded one.")
]

_WIDE = None if sys.stdout.isatty() else 200  # nothing is folded or cut for a pipe
WHO = Actor("command line", "-")
"""Who the audit log says has done what a command does."""
console = Console(width=_WIDE, soft_wrap=True)
errors = Console(stderr=True, soft_wrap=True)


def settings_from(data: Path | None = None, database_url: str | None = None) -> Settings:
    """Settings of this command: its options over the environment. They are exported for child processes too.

    Raises Invalid BAD_SETTINGS, which names every variable that is wrong.
    """
    if data is not None:
        os.environ["ENERGYGRID_DATA_DIR"] = str(data.resolve())
    if database_url is not None:
        os.environ["ENERGYGRID_DATABASE_URL"] = database_url
    try:
        return Settings()
    except ValidationError as error:
        wrong = (f"ENERGYGRID_{str(part['loc'][0]).upper()}: {part['msg']}" for part in error.errors())
        raise Invalid("BAD_SETTINGS", "; ".join(wrong)) from error


@contextmanager
def open_command(data: Path | None = None, database_url: str | None = None) -> Iterator[Services]:
    """Services for one command."""
    with open_services(settings_from(data, database_url)) as services:
        yield services


def listing(rows: Iterable[Sequence[object]], columns: Sequence[str], *, as_json: bool) -> None:
    """Print rows as a table, or as a JSON array of objects."""
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    console.print(table)


def print_json(value: Any) -> None:
    json.dump(value, sys.stdout, indent=2, default=str)
    sys.stdout.write("\n")


def fail(error: DomainError) -> typer.Exit:
    """Say what is wrong on standard error; raise what this returns."""
    errors.print(f"[bold red]error[/] {error.code}: {error.message}", highlight=False)
    return typer.Exit(next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), 1))


def print_exports(found: Mapping[str, str]) -> None:
    """Lines that a shell takes as they are."""
    for name, value in found.items():
        print(f"export {name}={value}")
