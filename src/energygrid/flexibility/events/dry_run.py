"""What would become of an event, without storing any of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.flexibility.events import assets, events
from energygrid.flexibility.events.eligibility import Candidate
from energygrid.flexibility.events.event import Draft
from energygrid.flexibility.events.time import time_of
from energygrid.messaging import events as outbox


class Fires(NamedTuple):
    """A message that would be sent; `at` None: when what it tells of is done."""

    type: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class DryRun:
    """
    values   the members that the event would have
    reached  every asset that it would reach, with the reason why it may not take part; None: it may
    fires    messages in their order, whether or not a webhook asks for them
    """

    values: Mapping[str, Any]
    reached: list[tuple[Candidate, str | None]]
    fires: list[Fires]


def dry_run(db: Connection, tenant: Tenant, draft: Draft, now: datetime) -> DryRun:
    """What scheduling `draft` would do now; raises what making and scheduling it would."""
    values = events.prepare(db, tenant, draft)
    at = time_of(db, tenant, now)
    events.require_schedulable(values["starts_at"], values["scheme_uuid"], draft.portfolios, at)
    reached = assets.judge(
        db,
        tenant,
        scheme=values["scheme_uuid"],
        portfolios=draft.portfolios,
        criteria=values["eligibility"],
        starts_at=values["starts_at"],
    )
    events.require_reached(len(reached))
    fires = [
        *(Fires(outbox.EVENT_PORTFOLIO_ASSIGNED, at) for _ in dict.fromkeys(draft.portfolios)),
        Fires(outbox.EVENT_SCHEDULED, at),
        Fires(outbox.EVENT_BASELINES_READY, None),
        Fires(outbox.EVENT_STARTED, values["starts_at"]),
        Fires(outbox.EVENT_ENDED, values["ends_at"]),
        Fires(outbox.EVENT_STATS_CALCULATION_STARTED, None),
        Fires(outbox.EVENT_STATS_READY, None),
    ]
    return DryRun(values, reached, fires)
