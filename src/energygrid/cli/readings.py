"""`import` and `export`: readings in and out of the store from the command line."""

import csv
import json
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import polars as pl
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from energygrid.access import audit, tenants
from energygrid.access.caller import Tenant
from energygrid.access.vault import Vault
from energygrid.billing.records import espi
from energygrid.cli.common import WHO, Data, DatabaseUrl, Json, console, errors, listing, open_command
from energygrid.errors import DomainError, Invalid
from energygrid.ingest import jobs, landing
from energygrid.ingest.jobs import Job
from energygrid.metering import ingest
from energygrid.metering.frames import ExportGrain, meter_frame
from energygrid.services import Services

_PIECE = 1 << 20
_SUMMARY = ("file", "state", "rows", "accepted", "replaced", "unchanged", "rejected", "parked", "records", "warnings")

TenantKey = Annotated[str, typer.Option("--tenant", help="Key of the utility.")]


def import_files(
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, readable=True)],
    format: Annotated[  # noqa: A002 - the option's name
        Literal["auto", "energygrid", "nem12", "nem13", "espi", "cmep"], typer.Option(help="Format of the files.")
    ] = "auto",
    meter_map: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="CSV with two columns: name in the files, meter id or account number here.",
        ),
    ] = None,
    tenant: TenantKey = "sandbox",
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Import files of readings. The same file twice is a no-op; a refused file leaves nothing behind."""
    names = {} if meter_map is None else _read_meter_map(meter_map)
    with open_command(data, database_url) as services:
        utility = services.database.read(tenants.find_tenant, tenant)
        done = [(file, *_import_file(services, utility, file, format, names)) for file in files]
    rows = [(file.name, job.state, *(job.counters.get(name) for name in _SUMMARY[2:])) for file, job, _ in done]
    if as_json:
        listing(
            [(*row, job.id, job.error_code, job.error_message) for row, (_, job, _) in zip(rows, done, strict=True)],
            [*_SUMMARY, "job", "errorCode", "message"],
            as_json=True,
        )
    else:
        listing(rows, _SUMMARY, as_json=False)
        _explain(done)
    if any(job.state == "failed" for _, job, _ in done):
        raise typer.Exit(2)


def _read_meter_map(file: Path) -> dict[str, str]:
    with file.open(newline="") as lines:
        rows = [row for row in csv.reader(lines) if row]
    if any(len(row) != 2 for row in rows):
        raise Invalid(
            "BAD_METER_MAP", f"{file} needs exactly two columns: name in the files, meter id or account number here"
        )
    return {name.strip(): meter.strip() for name, meter in rows}


def _import_file(
    services: Services, tenant: Tenant, file: Path, format_: str, names: Mapping[str, str]
) -> tuple[Job, list[Any]]:
    """Import one file here and now, with a progress bar on a terminal.

    Landing and importing are one transaction: of a command that was killed nothing is left, not even a job that
    would make the next one a duplicate. What is refused is landed again, to be kept with its reasons.
    """
    database = services.database
    vault = services.vault
    options = {"format": format_, "meterMap": dict(names), "manifest": _manifest(file)} | landing.SEALED
    with _progress() as progress:
        task = progress.add_task(file.name, total=None)

        def watch(counters: Mapping[str, Any]) -> None:
            progress.update(task, completed=counters["rows"])

        try:
            job = database.write(_land_and_import, vault, tenant, file, options, watch)
        except DomainError as error:
            job = database.write(_land_and_refuse, vault, tenant, file, options, error)
    return job, database.read(jobs.notes, tenant.id, job.id)


def _land_and_import(
    db: Any, vault: Vault, tenant: Tenant, file: Path, options: dict[str, Any], watch: ingest.Watch
) -> Job:
    now = datetime.now(UTC)
    job = _land(db, vault, tenant, file, options, now)
    started = jobs.start(db, tenant.id, job.id, now)
    if started is None:
        return job
    beside, unseal = partial(espi.take, vault), landing.unsealing(vault, started.options)
    return ingest.ingest_usage(db, tenant, started, now=now, unseal=unseal, watch=watch, beside=beside)


def _land_and_refuse(
    db: Any, vault: Vault, tenant: Tenant, file: Path, options: dict[str, Any], error: DomainError
) -> Job:
    now = datetime.now(UTC)
    job = _land(db, vault, tenant, file, options, now)
    if job.state != "duplicate":
        ingest.refuse(db, tenant, job, error, now=now)
    return jobs.find_job(db, tenant.id, job.id)


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("rows"),
        TimeElapsedColumn(),
        console=errors,
        transient=True,
        disable=not errors.is_terminal,
    )


def _manifest(file: Path) -> dict[str, Any]:
    """What `<file>.manifest.json` announces, where there is one."""
    beside = file.with_name(file.name + ".manifest.json")
    if not beside.exists():
        return {}
    try:
        found = json.loads(beside.read_text())
    except ValueError as error:
        raise Invalid("BAD_MANIFEST", f"{beside} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise Invalid("BAD_MANIFEST", f"{beside} is not a JSON object")
    return found


def _land(db: Any, vault: Vault, tenant: Tenant, file: Path, options: dict[str, Any], now: datetime) -> Job:
    landed = landing.land(db, tenant.id, _pieces(file), limit=1 << 40, seal=landing.sealing(vault))
    if options["manifest"].get("sha256") not in {None, landed.sha256.hex()}:
        raise Invalid("MANIFEST_MISMATCH", f"{file} is not the file that its manifest names")
    return jobs.open_job(
        db,
        tenant,
        WHO,
        landed,
        kind="usage",
        task=None,
        name=file.name,
        options=options,
        now=now,
    )


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as source:
        while piece := source.read(_PIECE):
            yield piece


def _explain(done: list[tuple[Path, Job, list[Any]]]) -> None:
    for file, job, notes in done:
        if job.state == "duplicate":
            console.print(f"{file.name}: taken before, as job {job.duplicate_of}", highlight=False)
        if job.error_code:
            console.print(f"{file.name}: {job.error_code}: {job.error_message}", style="red", highlight=False)
        for note in notes[:20]:
            console.print(f"{file.name}:{note.row}: {note.code}: {note.message}", style="yellow", highlight=False)
        if len(notes) > 20:
            console.print(f"{file.name}: {len(notes) - 20} further warnings are kept with job {job.id}")


def export(
    meter: Annotated[str, typer.Option(help="Meter id.")],
    from_: Annotated[datetime, typer.Option("--from", help="First local day.", formats=["%Y-%m-%d"])],
    to: Annotated[datetime, typer.Option("--to", help="Local day after the last.", formats=["%Y-%m-%d"])],
    format: Annotated[  # noqa: A002 - the option's name
        Literal["parquet", "csv", "json"], typer.Option(help="Format of the output.")
    ] = "csv",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File to write; standard output if left out.")] = None,
    grain: Annotated[ExportGrain, typer.Option(help="Readings as they are, or local periods.")] = ExportGrain.INTERVAL,
    unit: Annotated[str | None, typer.Option(help="Convert to this unit, such as kWh or MWh.")] = None,
    as_of: Annotated[datetime | None, typer.Option("--as-of", help="What was known at this instant (UTC).")] = None,
    tenant: TenantKey = "sandbox",
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Export all readings of a meter: one row an interval, a gap as an empty value."""
    with open_command(data, database_url) as services:
        utility = services.database.read(tenants.find_tenant, tenant)
        known_at = None if as_of is None else as_of.replace(tzinfo=UTC)
        frame = services.database.read(
            meter_frame, utility, meter, from_.date(), to.date(), grain=grain, unit=unit, as_of=known_at
        )
        services.database.write(
            audit.record,
            utility.id,
            actor=WHO.name,
            action="readings.exported",
            subject=f"meter/{meter}",
            request_id=WHO.request_id,
            now=datetime.now(UTC),
        )
    target: Any = sys.stdout.buffer if out is None else out
    if format == "parquet":
        frame.write_parquet(target)
    elif format == "csv":
        frame.with_columns(pl.col("start").dt.strftime("%Y-%m-%dT%H:%M:%SZ")).write_csv(target)
    else:
        rows = frame.with_columns(pl.col("start").dt.strftime("%Y-%m-%dT%H:%M:%SZ")).to_dicts()
        text = json.dumps(rows, indent=2)
        sys.stdout.write(text + "\n") if out is None else out.write_text(text + "\n")
