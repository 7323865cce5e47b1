"""`flex verify`: do an event's figures still follow from the readings that they were made of? `flex recompute`."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer

from energygrid.access import tenants
from energygrid.cli.common import WHO, Data, DatabaseUrl, Json, console, listing, open_command
from energygrid.flexibility.runs import standing, verifying


def verify(
    tenant: Annotated[str, typer.Option("--tenant", help="Key of the tenant.")],
    event: Annotated[UUID, typer.Option("--event", help="UUID of the event.")],
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Compute every statement of an event once more and compare hashes; exit code 1 when any of them does not hold."""
    with open_command(data, database_url) as services:
        owner = services.database.read(tenants.find_tenant, tenant)
        with services.database.transaction() as db:
            found = verifying.verify(db, owner, event)
    faults = [(each.kind, fault.asset, fault.method, fault.what) for each in found for fault in each.faults]
    if as_json or faults:
        listing(faults, ("kind", "asset", "method", "fault"), as_json=as_json)
    if not as_json:
        for each in found:
            verdict = f"{len(each.faults)} faults" if each.faults else "every one holds"
            console.print(f"{each.kind} revision {each.revision}: {each.statements} statements, {verdict}")
            console.print(f"  hash over all: {each.head}")
    if faults:
        raise typer.Exit(1)


def recompute(
    tenant: Annotated[str, typer.Option("--tenant", help="Key of the tenant.")],
    event: Annotated[UUID, typer.Option("--event", help="UUID of the event.")],
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Begin anew what an event waits for, when jobs have failed for good: `energygrid doctor` names such events."""
    with open_command(data, database_url) as services:
        owner = services.database.read(tenants.find_tenant, tenant)
        services.database.write(standing.begin_again, owner, event, who=WHO, now=datetime.now(UTC))
    console.print(f"event {event} is being calculated anew; workers do it in parts")
