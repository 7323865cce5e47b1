"""`greenbutton`: checks Green Button documents, our own and anybody's."""

import os
import re
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from energygrid.access.addresses import AllowList
from energygrid.access.outgoing import OutgoingClient
from energygrid.cli.common import Json, console, print_json, settings_from
from energygrid.errors import Invalid, NotFound, Unavailable
from energygrid.greenbutton import check
from energygrid.greenbutton.check.document import MAX_BYTES

app = typer.Typer(no_args_is_help=True)

_TIMEOUT_S = 60.0
_SHOWN_OF_A_RULE = 5
_COLOURS = {"error": "bold red", "warning": "yellow", "note": "cyan"}

Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        metavar="NAME",
        help="Environment variable that holds a bearer token for a URL; - reads it from stdin.",
    ),
]
Blocks = Annotated[
    str | None,
    typer.Option("--blocks", metavar="1_4_5", help="Function blocks that must pass; else those it has data of."),
]


@app.callback()
def _group() -> None:
    """Green Button."""


@app.command("check")
def check_command(
    document: Annotated[str, typer.Argument(metavar="FILE|URL", help="A feed, an entry, or where to get one.")],
    blocks: Blocks = None,
    token: Token = None,
    every: Annotated[
        bool, typer.Option("--all", help="Show every finding instead of the first five of a rule.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check a document: schema, codes, links, certification's data checks, and whether its data make sense."""
    wanted = None if blocks is None else _numbers(blocks)
    report = check.run(_fetch(document, token) if "://" in document else _file(document), wanted)
    if as_json:
        print_json(report.to_json())
    else:
        _show(report, every=every)
    if not report.ok:
        raise typer.Exit(1)


def _numbers(blocks: str) -> set[int]:
    if not re.fullmatch(r"[0-9]{1,3}([_,][0-9]{1,3})*", blocks):
        raise Invalid("BAD_BLOCKS", "function blocks are numbers joined by _, as in 1_4_5")
    return {int(number) for number in re.split("[_,]", blocks)}


def _file(name: str) -> Path:
    path = Path(name)
    if not path.is_file():
        raise NotFound("NO_SUCH_FILE", f"there is no file {name}")
    return path


def _fetch(url: str, token: str | None) -> bytes:
    """What a URL answers. The operator's allow list holds as for every call, but whoever types is on this machine."""
    settings = settings_from()
    client = OutgoingClient(AllowList.of(settings.outgoing_allow), allow_http=settings.outgoing_http, loopback=True)
    headers = {"Accept": "application/atom+xml, application/xml"}
    if token is not None:
        headers["Authorization"] = f"Bearer {_token(token)}"
    answer = client.request("GET", url, headers, timeout=_TIMEOUT_S, max_bytes=MAX_BYTES)
    if answer.status == 202:
        wait = answer.headers.get("retry-after", "a few")
        raise Unavailable("NOT_READY", f"the answer is being made; ask again in {wait} seconds")
    if answer.status != 200:
        raise Unavailable("NO_DOCUMENT", f"{url} answers {answer.status}, not 200")
    return answer.body


def _token(name: str) -> str:
    found = sys.stdin.readline() if name == "-" else os.environ.get(name, "")
    if not found.strip():
        raise Invalid(
            "NO_TOKEN", "stdin holds no token" if name == "-" else f"the environment variable {name} is empty"
        )
    return found.strip()


def _show(report: check.Report, *, every: bool) -> None:
    resources = ", ".join(f"{number} {name}" for name, number in report.resources.items())
    console.print(f"{report.kind}{f': {resources}' if resources else ''}", highlight=False)
    if report.blocks:
        table = Table("function block", "data checks", box=None, pad_edge=False)
        for block in report.blocks:
            said = "[green]pass[/]" if block.passes else "[bold red]fail[/]"
            table.add_row(f"{block.number:02} {block.name}", said)
        console.print(table)
    _show_findings(report, every=every)
    counts = (report.count("error"), report.count("warning"), report.count("note"))
    verdict = "[green]ok[/]" if report.ok else "[bold red]not ok[/]"
    console.print(f"{verdict}: {counts[0]} errors, {counts[1]} warnings, {counts[2]} notes", highlight=False)


def _show_findings(report: check.Report, *, every: bool) -> None:
    by_rule: dict[tuple[str, str], list[check.Finding]] = {}
    for finding in report.findings:
        by_rule.setdefault((finding.rule, finding.severity), []).append(finding)
    for (rule, severity), found in by_rule.items():
        console.print(f"[{_COLOURS[severity]}]{severity}[/] {rule}", highlight=False)
        shown = found if every else found[:_SHOWN_OF_A_RULE]
        for at, finding in enumerate(shown):
            place = f"line {finding.line}: " if finding.line else ""
            console.print(f"  {place}{finding.message}", highlight=False, markup=False)
            if at + 1 == len(shown) or shown[at + 1].advice != finding.advice:
                console.print(f"    -> {finding.advice}", highlight=False, markup=False)
        more = len(found) - len(shown) + report.omitted.get(rule, 0)
        if more:
            console.print(f"  and {more} more", highlight=False)
