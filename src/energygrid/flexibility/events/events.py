"""Use cases of events: making, finding, changing, scheduling and cancelling them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection

from energygrid.access.caller import Actor, Tenant
from energygrid.errors import Conflict, NotFound
from energygrid.flexibility import messages, runs
from energygrid.flexibility.events import assets, clock, nominations, portfolios, terms
from energygrid.flexibility.events.common import known, message_key, note
from energygrid.flexibility.events.event import Draft, Event, check
from energygrid.flexibility.events.lifecycle import CHANGEABLE, Signal, StatsState, Status, effective, step
from energygrid.flexibility.events.queries import events as queries
from energygrid.flexibility.events.queries.events import Filter
from energygrid.flexibility.events.time import time_of
from energygrid.flexibility.settings import FlexibilitySettings


def find(db: Connection, tenant: Tenant, uuid: UUID) -> Event:
    """Raises NotFound UNKNOWN_EVENT."""
    return known(queries.event(db, tenant.id, uuid))


def page(db: Connection, tenant: Tenant, asked: Filter, *, offset: int, limit: int) -> tuple[list[Event], int]:
    """The newest start first, and how many there are in all."""
    return queries.page(db, tenant.id, asked, offset=offset, limit=limit)


def create(db: Connection, tenant: Tenant, draft: Draft, *, scheduled: bool, who: Actor, now: datetime) -> Event:
    """A new event; `scheduled` schedules it at once.

    Raises Invalid INVALID_EVENT, UNKNOWN_SCHEME, UNKNOWN_PORTFOLIO, and what `schedule` raises.
    """
    values = prepare(db, tenant, draft)
    at = time_of(db, tenant, now)
    made = {
        "uuid": uuid4(),
        "status": Status.DRAFT,
        "stats_state": StatsState.NONE,
        "baselines_revision": 0,
        "stats_revision": 0,
        "created_at": at,
        "updated_at": at,
    }
    event = queries.insert_event(db, tenant.id, values | made)
    note(db, tenant, event.uuid, "event.created", who, now)
    portfolios.join(db, tenant, event.uuid, draft.portfolios, at)
    return schedule(db, tenant, event.uuid, who=who, now=now) if scheduled else event


def prepare(db: Connection, tenant: Tenant, draft: Draft) -> dict[str, Any]:
    """The checked members of an event made of `draft`, with what its scheme and the tenant say where it is silent."""
    facts = _scheme_facts(db, tenant, draft.scheme_uuid)
    portfolios.require(db, tenant, draft.portfolios)
    values: dict[str, Any] = {
        "name": draft.name,
        "type": draft.type,
        "starts_at": draft.starts_at,
        "ends_at": draft.ends_at,
        "scheme_uuid": draft.scheme_uuid,
        "opt_in_required": draft.opt_in_required,
        "incentive": draft.incentive,
        "incentive_type": draft.incentive_type,
        "currency": draft.currency or tenant.section("flexibility", FlexibilitySettings).currency,
        "eligibility": dict(draft.eligibility),
        "terms": terms.merged(facts, draft.terms),
    }
    check(values)
    portfolios.require(db, tenant, terms.portfolios(values["terms"]))
    return values


def change(
    db: Connection,
    tenant: Tenant,
    uuid: UUID,
    changes: Mapping[str, Any],
    *,
    who: Actor,
    now: datetime,
    scheduled: bool = False,
) -> Event:
    """Change members of an event, named as in `Event`; `scheduled` then schedules it.

    An event that is scheduled already is told anew with EVENT.SCHEDULED. Raises Conflict EVENT_FIXED, NOMINATED_LATE,
    what `create` raises, and what `schedule` does.
    """
    event = _change(db, tenant, uuid, changes, who=who, now=now)
    return schedule(db, tenant, uuid, who=who, now=now) if scheduled else event


def _change(
    db: Connection, tenant: Tenant, uuid: UUID, changes: Mapping[str, Any], *, who: Actor, now: datetime
) -> Event:
    event = known(queries.lock_event(db, tenant.id, uuid))
    values = {name: value for name, value in changes.items() if value != getattr(event, name)}
    if not values:
        return event
    at = time_of(db, tenant, now)
    status = effective(event.status, event.starts_at, event.ends_at, at)
    if fixed := sorted(set(values) - CHANGEABLE[status]):
        may = ", ".join(sorted(CHANGEABLE[status])) or "nothing"
        raise Conflict("EVENT_FIXED", f"{', '.join(fixed)}: of an event that is {status} may be changed: {may}")
    if "scheme_uuid" in values:
        _scheme_facts(db, tenant, values["scheme_uuid"])
    members = {name: getattr(event, name) for name in Event.__dataclass_fields__}
    check(members | values)
    if status is Status.SCHEDULED:
        _require_future(values.get("starts_at", event.starts_at), at)
        if terms.controls(event.terms) != terms.controls(values.get("terms", event.terms)):
            why = "which assets are controls was settled when the event was scheduled"
            raise Conflict("EVENT_FIXED", f"terms.controlShare, terms.controlPortfolioUUID: {why}")
    portfolios.require(db, tenant, terms.portfolios(values.get("terms", {})))
    event = queries.change_event(db, tenant.id, uuid, values | {"updated_at": at})
    note(db, tenant, event.uuid, "event.changed", who, now, {"changed": sorted(values)})
    if event.status is Status.SCHEDULED:
        if computed_anew := values.keys() & {"starts_at", "ends_at", "terms"}:
            nominations.require_curves(db, tenant, event, at)
        messages.tell(db, tenant.id, _scheduled(event), at)
        clock.foresee(db, tenant, event, now)
        if computed_anew:
            runs.start(db, tenant, event, now)
    return event


def schedule(db: Connection, tenant: Tenant, uuid: UUID, *, who: Actor, now: datetime) -> Event:
    """Settle who takes part, tell subscribers, and leave the rest to the clock. Again: nothing happens.

    Raises Conflict NOT_A_DRAFT, EVENT_IN_THE_PAST, NOMINATED_LATE, NO_AUDIENCE and NO_ASSETS.
    """
    event = known(queries.lock_event(db, tenant.id, uuid))
    if event.status is Status.SCHEDULED:
        return event
    status = step(event.status, Signal.SCHEDULE)
    if status is None:
        raise Conflict("NOT_A_DRAFT", f"the event is {event.status}; only a draft can be scheduled")
    at = time_of(db, tenant, now)
    assigned = queries.portfolios_of(db, tenant.id, uuid)
    members = {"starts_at": event.starts_at, "scheme_uuid": event.scheme_uuid, "terms": event.terms}
    require_schedulable(members, assigned, at)
    nominations.require_curves(db, tenant, event, at)
    require_reached(assets.settle(db, tenant, event, assigned, at))
    queries.insert_transition(db, tenant.id, uuid, status, at, now)
    event = queries.change_event(db, tenant.id, uuid, {"status": status, "updated_at": at})
    messages.tell(db, tenant.id, _scheduled(event), at, key=message_key(uuid, status))
    note(db, tenant, event.uuid, "event.scheduled", who, now)
    clock.foresee(db, tenant, event, now)
    runs.start(db, tenant, event, now)
    return event


def cancel(db: Connection, tenant: Tenant, uuid: UUID, *, who: Actor, now: datetime) -> Event:
    """Call an event off that has not ended. Again: nothing happens. Raises Conflict NOT_CANCELLABLE."""
    event = known(queries.lock_event(db, tenant.id, uuid))
    if event.status is Status.CANCELLED:
        return event
    at = time_of(db, tenant, now)
    timely = effective(event.status, event.starts_at, event.ends_at, at)
    if step(timely, Signal.CANCEL) is None:
        raise Conflict("NOT_CANCELLABLE", f"the event is {timely}; only one that is SCHEDULED or STARTED is cancelled")
    status = Status.CANCELLED
    queries.insert_transition(db, tenant.id, uuid, status, at, now)
    event = queries.change_event(db, tenant.id, uuid, {"status": status, "updated_at": at})
    messages.tell(db, tenant.id, messages.event_cancelled(uuid), at, key=message_key(uuid, status))
    note(db, tenant, event.uuid, "event.cancelled", who, now)
    return event


def discard(db: Connection, tenant: Tenant, uuid: UUID, *, who: Actor, now: datetime) -> Event:
    """Delete a draft with the curves filed for it; the event as it was. Raises Conflict NOT_A_DRAFT."""
    event = known(queries.lock_event(db, tenant.id, uuid))
    if event.status is not Status.DRAFT:
        raise Conflict("NOT_A_DRAFT", f"the event is {event.status}; only a draft is deleted, others are cancelled")
    nominations.discard(db, tenant, uuid)
    queries.delete_event(db, tenant.id, uuid)
    note(db, tenant, uuid, "event.deleted", who, now, {"name": event.name})
    return event


def require_schedulable(values: Mapping[str, Any], assigned: Sequence[UUID], at: datetime) -> None:
    """Of an event with these members. Raises Conflict EVENT_IN_THE_PAST and NO_AUDIENCE."""
    _require_future(values["starts_at"], at)
    if values["scheme_uuid"] is None and not assigned:
        raise Conflict("NO_AUDIENCE", "the event reaches nobody: name its schemeUUID, or assign portfolios to it")
    if assigned and set(assigned) <= set(terms.portfolios(values["terms"])):
        why = "all assets of terms.controlPortfolioUUID are controls"
        raise Conflict("NO_AUDIENCE", f"the event calls nobody: {why}; assign another portfolio to it")


def require_reached(assets: int) -> None:
    """Raises Conflict NO_ASSETS."""
    if not assets:
        raise Conflict("NO_ASSETS", "no asset is in the event's portfolios, or READY in its scheme")


def _scheme_facts(db: Connection, tenant: Tenant, uuid: UUID | None) -> dict[str, Any]:
    facts = {} if uuid is None else queries.scheme_facts(db, tenant.id, uuid)
    if facts is None:
        raise NotFound("UNKNOWN_SCHEME", f"there is no event scheme {uuid}")
    return facts


def _scheduled(event: Event) -> messages.Message:
    return messages.event_scheduled(
        event.uuid,
        name=event.name,
        type=event.type,
        start=event.starts_at,
        end=event.ends_at,
        opt_in_required=event.opt_in_required,
        incentive=event.incentive,
        incentive_type=event.incentive_type,
        eligibility=event.eligibility,
    )


def _require_future(starts_at: datetime, at: datetime) -> None:
    if starts_at <= at:
        told = at.isoformat(timespec="seconds")
        raise Conflict("EVENT_IN_THE_PAST", f"the event would have started already: for this tenant it is {told}")
