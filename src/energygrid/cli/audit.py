"""`audit`: who saw or changed what, when, in which request."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from energygrid.access import audit, tenants
from energygrid.cli.common import Data, DatabaseUrl, Json, listing, open_command
from energygrid.errors import Invalid

app = typer.Typer()


@app.callback(invoke_without_command=True)
def show(
    tenant: Annotated[str | None, typer.Option(help="Only what concerns this tenant.")] = None,
    actor: Annotated[str | None, typer.Option(help="Only what this client or user did.")] = None,
    subject: Annotated[str | None, typer.Option(help='Only what was done to this: "customer/123456789".')] = None,
    since: Annotated[
        str | None, typer.Option(help="Only from this ISO 8601 instant on; UTC unless it says so.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="The newest so many.")] = 100,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """List the audit log, oldest first."""
    start = _instant(since)
    with open_command(data, database_url) as services:
        owner = services.database.read(tenants.find_tenant, tenant).id if tenant else None
        found = services.database.read(
            audit.entries, tenant_id=owner, actor=actor, subject=subject, since=start, limit=limit
        )
        names = {row["id"]: row["key"] for row in services.database.read(tenants.list_tenants)}
    columns = ("at", "tenant", "actor", "action", "subject", "request_id", "facts")
    rows = [
        (
            entry.at.isoformat(),
            names.get(entry.tenant_id, "-"),
            entry.actor,
            entry.action,
            entry.subject,
            entry.request_id,
            dict(entry.facts),
        )
        for entry in found
    ]
    listing(rows, columns, as_json=as_json)


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise Invalid("BAD_INSTANT", f"{text!r} is not an ISO 8601 instant") from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)
