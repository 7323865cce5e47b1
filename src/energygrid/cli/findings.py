"""`findings`: what validation noticed."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from energygrid.access import tenants
from energygrid.cli.common import Data, DatabaseUrl, Json, listing, open_command
from energygrid.metering.series import series_by_ids, series_of_owners
from energygrid.metering.vee.findings import Rule
from energygrid.metering.vee.run import list_findings

_COLUMNS = ("meter", "series", "rule", "severity", "start", "end", "measured", "limit", "facts")


def findings(
    meter: Annotated[str | None, typer.Option(help="Only this meter.")] = None,
    rule: Annotated[Rule | None, typer.Option(help="Only this rule.")] = None,
    since: Annotated[
        datetime | None, typer.Option(help="Only about readings from this day on (UTC).", formats=["%Y-%m-%d"])
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many, oldest discovery first.")] = 100,
    tenant: Annotated[str, typer.Option(help="Key of the utility.")] = "sandbox",
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """List findings of the validation rules V01 to V15."""
    with open_command(data, database_url) as services:
        database = services.database
        utility = database.read(tenants.find_tenant, tenant)
        ids = None if meter is None else [each.id for each in database.read(series_of_owners, utility.id, [meter])]
        found = database.read(
            list_findings,
            utility.id,
            series_ids=ids,
            rules=None if rule is None else [rule],
            start=None if since is None else since.replace(tzinfo=UTC),
            limit=limit,
        )
        concerned = database.read(series_by_ids, utility.id, sorted({stored.series_id for stored in found}))
    meters = {each.id: each.owner_id for each in concerned}
    rows = [
        (
            meters.get(stored.series_id),
            stored.series_id,
            stored.finding.rule.value,
            stored.finding.severity.value,
            stored.finding.start.isoformat(),
            stored.finding.end.isoformat(),
            stored.finding.measured,
            stored.finding.limit,
            dict(stored.finding.facts),
        )
        for stored in found
    ]
    listing(rows, _COLUMNS, as_json=as_json)
