"""The pull feed: the same events for a subscriber that was down, or that wants to reconcile."""

from collections.abc import Sequence

from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.messaging import queries
from energygrid.messaging.events import POWERBOX
from energygrid.messaging.queries import Event


def events_after(
    db: Connection,
    tenant: Tenant,
    position: int,
    *,
    types: Sequence[str] = (),
    limit: int = 100,
    surface: str = POWERBOX,
) -> list[Event]:
    """Events after `position`, in their order; nothing that commits later can appear before the last one.

    Numbers what has been committed since, so it needs a writing transaction.
    """
    if queries.has_unnumbered(db, tenant.id):
        queries.number_events(db, tenant.id)
    return queries.events_after(db, tenant.id, surface, position, types, limit)


__all__ = ["Event", "events_after"]
