"""SQL of what settlements came to for assets that were sold together."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import distinct_on

from energygrid.flexibility.events.tables import flex_event
from energygrid.flexibility.runs.basis import RunKind
from energygrid.flexibility.runs.tables import flex_run


def totals_with_bid(db: Connection, tenant_id: int, until: datetime) -> list[Mapping[str, Any]]:
    """Totals by the method that is paid by, of each event with a bid that ended by `until`, the oldest start first.

    Of its newest settlement.
    """
    run, event = flex_run.c, flex_event.c
    newest = (
        select(run.event_uuid, run.totals[run.basis["methods"][0]["id"].astext].label("totals"))
        .ext(distinct_on(run.event_uuid))
        .where(run.tenant_id == tenant_id, run.kind == RunKind.SETTLEMENT, run.totals.is_not(None))
        .where(run.basis["bid"].astext.is_not(None))
        .order_by(run.event_uuid, run.revision.desc())
        .subquery()
    )
    query = (
        select(newest.c.totals)
        .join(flex_event, event.uuid == newest.c.event_uuid)
        .where(event.tenant_id == tenant_id, event.ends_at <= until)
    )
    return list(db.execute(query.order_by(event.starts_at, event.uuid)).scalars())
