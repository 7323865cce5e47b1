"""The assets of an event: who may take part, who does, and what each said."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from energygrid.access.caller import Actor, Tenant
from energygrid.errors import Conflict, NotFound
from energygrid.flexibility.baselines.control_group import held_out
from energygrid.flexibility.events import eligibility
from energygrid.flexibility.events.common import known, note
from energygrid.flexibility.events.eligibility import Candidate
from energygrid.flexibility.events.event import Event
from energygrid.flexibility.events.lifecycle import Status, effective
from energygrid.flexibility.events.queries import assets as queries
from energygrid.flexibility.events.queries import events as event_queries
from energygrid.flexibility.events.queries.assets import EventAsset, Judged
from energygrid.flexibility.events.terms import EventTerms
from energygrid.flexibility.events.time import time_of
from energygrid.flexibility.registry import assets, consents
from energygrid.flexibility.runs import basis
from energygrid.flexibility.runs.basis import RunKind
from energygrid.flexibility.runs.queries import results
from energygrid.flexibility.runs.queries import runs as run_queries
from energygrid.flexibility.settlement.energy import kwh

Word = Literal["OPT_IN", "OPT_OUT"]
Channel = Literal["import", "export"]
_MOST_NAMED = 20
_BY_LOT = "CONTROL_GROUP: held out by lot, for others to be compared with"
_BY_PORTFOLIO = "CONTROL_GROUP: of the portfolio that others are compared with"


class Baseline(NamedTuple):
    """kWh over the event, by a rule set."""

    value: Decimal
    method: str
    channel: Channel


def judge(
    db: Connection,
    tenant: Tenant,
    *,
    scheme: UUID | None,
    portfolios: Sequence[UUID],
    criteria: Mapping[str, str],
    terms: Mapping[str, Any],
    starts_at: datetime,
) -> list[tuple[Candidate, str | None]]:
    """Every asset that such an event reaches, by the caller's own ids, with the reason why it may not take part.

    Those of its portfolios; without portfolios, those READY in its scheme. With both, an asset of a portfolio that is
    not READY in the scheme is reached and may not take part. So is a control: of those that may take part some by lot,
    and those of the portfolio of controls.
    """
    day = starts_at.date()
    lookback: tuple[date, date] | None = None
    if eligibility.asks_for_days(criteria):
        lookback = day - timedelta(days=eligibility.LOOKBACK_DAYS), day
    found = queries.candidates(db, tenant.id, scheme=scheme, portfolios=portfolios, lookback=lookback)
    in_scheme = scheme is not None
    judged = [(each, eligibility.judge(each, criteria, in_scheme=in_scheme)) for each in found]
    return _without_controls(db, tenant, scheme, EventTerms.model_validate(terms), judged)


def _without_controls(
    db: Connection, tenant: Tenant, scheme: UUID | None, terms: EventTerms, judged: list[tuple[Candidate, str | None]]
) -> list[tuple[Candidate, str | None]]:
    """By lot of the scheme, so that an asset is a control of all of its events; without one, of its portfolio."""
    share, portfolio = terms.control_share, terms.control_portfolio
    if share is not None:
        lots = [(scheme or each.portfolio_uuid, each, reason) for each, reason in judged]
        judged = [
            (each, _BY_LOT if reason is None and lot is not None and held_out(each.uuid, lot, share) else reason)
            for lot, each, reason in lots
        ]
    if portfolio is not None:
        controls = queries.candidates(db, tenant.id, scheme=None, portfolios=[portfolio], lookback=None)
        standing = {each.uuid: (each, eligibility.judge(each, {}, in_scheme=False)) for each in controls}
        judged = [pair for pair in judged if pair[0].uuid not in standing]
        judged += [(each, reason or _BY_PORTFOLIO) for each, reason in standing.values()]
        judged.sort(key=lambda pair: (pair[0].asset_id, pair[0].uuid))
    return judged


def settle(db: Connection, tenant: Tenant, event: Event, portfolios: Sequence[UUID], at: datetime) -> int:
    """Write down who takes part, as things stand now; returns how many assets the event has reached by this.

    Assets that the event has already keep their state.
    """
    judged = [
        Judged(each.uuid, "PENDING" if reason is None else "INELIGIBLE", reason)
        for each, reason in judge(
            db,
            tenant,
            scheme=event.scheme_uuid,
            portfolios=portfolios,
            criteria=event.eligibility,
            terms=event.terms,
            starts_at=event.starts_at,
        )
    ]
    queries.add_assets(db, tenant.id, event.uuid, judged, at)
    return len(judged)


def participants(db: Connection, tenant: Tenant, event_uuid: UUID) -> list[UUID]:
    """Assets that take part: those opted in, and where no opt-in is required those that said nothing.

    None of a draft: who takes part is settled when an event is scheduled.
    """
    event = known(event_queries.event(db, tenant.id, event_uuid))
    states = ("OPT_IN",) if event.opt_in_required else ("OPT_IN", "PENDING")
    return queries.participants(db, tenant.id, event_uuid, states)


def page(db: Connection, tenant: Tenant, event_uuid: UUID, *, offset: int, limit: int) -> tuple[list[EventAsset], int]:
    """Assets of an event with their states, by the caller's own ids, and how many there are in all."""
    known(event_queries.event(db, tenant.id, event_uuid))
    return queries.page(db, tenant.id, event_uuid, offset=offset, limit=limit)


def page_with_baselines(
    db: Connection, tenant: Tenant, event_uuid: UUID, *, offset: int, limit: int
) -> tuple[list[tuple[EventAsset, list[Baseline]]], int]:
    """As `page`, each asset with what was published last; without any until its baselines are ready.

    Its first baseline is by the method that is paid by.
    """
    found, total = page(db, tenant, event_uuid, offset=offset, limit=limit)
    uuids = [each.uuid for each in found]
    by_asset: dict[UUID, list[Baseline]] = {uuid: [] for uuid in uuids}
    statements = results.of_assets(db, tenant.id, event_uuid, RunKind.BASELINE, uuids)
    if run := run_queries.newest_run(db, tenant.id, event_uuid, RunKind.BASELINE):
        how = basis.read(run.basis)
        statements.sort(key=lambda each: how.place(each.method))
    for each in statements:
        values: dict[Channel, int | None] = {"import": each.baseline, "export": each.export_baseline}
        published = [Baseline(kwh(value), each.method, name) for name, value in values.items() if value is not None]
        by_asset[each.asset_uuid] += published
    return [(each, by_asset[each.uuid]) for each in found], total


def say(
    db: Connection,
    tenant: Tenant,
    event_uuid: UUID,
    said: Mapping[UUID, Word],
    *,
    who: Actor,
    now: datetime,
) -> None:
    """Opt assets in until the event starts, or out until it ends; all or none of them, with their users' consent.

    Raises NotFound UNKNOWN_EVENT_ASSET; Conflict INELIGIBLE, NOT_SCHEDULED, EVENT_STARTED and EVENT_OVER.
    """
    event = known(event_queries.lock_event(db, tenant.id, event_uuid))
    at = time_of(db, tenant, now)
    _require_time(event, set(said.values()), at)
    states = queries.states(db, tenant.id, event_uuid, sorted(said))
    if missing := [uuid for uuid in said if uuid not in states]:
        raise NotFound("UNKNOWN_EVENT_ASSET", f"the event does not reach {_named(missing)}")
    for uuid, word in said.items():
        state, reason = states[uuid]
        if state == "INELIGIBLE" and word == "OPT_IN":
            raise Conflict("INELIGIBLE", f"asset {uuid} may not take part: {reason}")
    _write(db, tenant, event_uuid, said, states, at)
    _consent(db, tenant, event_uuid, said, now)
    counts = Counter[str](said.values())
    note(db, tenant, event_uuid, "event.assets_said", who, now, dict(counts))


def _write(
    db: Connection,
    tenant: Tenant,
    event_uuid: UUID,
    said: Mapping[UUID, Word],
    states: Mapping[UUID, tuple[str, str | None]],
    at: datetime,
) -> None:
    """An ineligible asset is out already, and its reason stays."""
    for word in sorted(set(said.values())):
        uuids = [uuid for uuid, each in said.items() if each == word and states[uuid][0] not in {word, "INELIGIBLE"}]
        if uuids:
            queries.set_state(db, tenant.id, event_uuid, uuids, word, at)


def _consent(db: Connection, tenant: Tenant, event_uuid: UUID, said: Mapping[UUID, Word], now: datetime) -> None:
    """Opting in writes a consent, opting out ends it."""
    joining = [uuid for uuid, word in said.items() if word == "OPT_IN"]
    leaving = [uuid for uuid, word in said.items() if word == "OPT_OUT"]
    if joining:
        users = {each.uuid: each.user_id for each in assets.require(db, tenant, joining, archived=True)}
        consents.grant(db, tenant, users, "EVENT", event_uuid, now)
    if leaving:
        consents.withdraw(db, tenant, leaving, "EVENT", event_uuid, now)


def _require_time(event: Event, words: set[Word], at: datetime) -> None:
    status = effective(event.status, event.starts_at, event.ends_at, at)
    if status is Status.DRAFT:
        raise Conflict("NOT_SCHEDULED", "the event is a draft; assets say in or out once it is scheduled")
    if status in {Status.ENDED, Status.CANCELLED}:
        raise Conflict("EVENT_OVER", f"the event is {status}; nobody can opt in or out any more")
    if status is Status.STARTED and "OPT_IN" in words:
        raise Conflict("EVENT_STARTED", "the event has started; assets may opt out of it, but no longer in")


def _named(uuids: Sequence[UUID]) -> str:
    more = len(uuids) - _MOST_NAMED
    return ", ".join(map(str, uuids[:_MOST_NAMED])) + (f" and {more} more" if more > 0 else "")
