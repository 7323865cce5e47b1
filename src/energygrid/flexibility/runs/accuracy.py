"""How well each rule set's baselines fit an asset: measured on placebo days by jobs, and stored.

A measure stands for a day, as long as its basis is what it would be now: the same version of the rule set, the same
hours, the same readings.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal, NamedTuple
from uuid import UUID

import numpy as np
from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.database.queue import defer
from energygrid.errors import Denied
from energygrid.flexibility import accuracy
from energygrid.flexibility.accuracy import Accuracy, Verdict
from energygrid.flexibility.baselines import catalogue
from energygrid.flexibility.baselines.days import holidays
from energygrid.flexibility.baselines.rule_set import Method, RuleSet
from energygrid.flexibility.events.time import time_of
from energygrid.flexibility.registry import assets, consents
from energygrid.flexibility.registry.assets import Asset
from energygrid.flexibility.runs.loading import Days, days_of_events, load
from energygrid.flexibility.runs.queries import accuracy as queries
from energygrid.flexibility.runs.queries import loading
from energygrid.flexibility.runs.queries.accuracy import Measured, Newest
from energygrid.flexibility.runs.queries.loading import Member
from energygrid.flexibility.runs.running import MEASURE, QUEUE
from energygrid.flexibility.settings import FlexibilitySettings
from energygrid.flexibility.settlement.energy import kwh, micro

_PLACEBO_DAYS = 30
"""More than a verdict needs: some have events, gaps or a clock change."""
_STANDS = timedelta(days=1)
_AT_ONCE = 500
"""Assets whose months of readings are in memory together."""
_ENERGY = ("bias", "mae", "rmse")
_SHARES = ("nmbe", "wape", "mape", "cvrmse", "pnrmse", "rrmse", "coverage")
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Shown:
    """Of one asset. `state` PENDING: the methods, if any, are of another day or of other readings than there are now.

    methods      the best first; figures are members of `accuracy.Accuracy`, energy as decimals in text, shares as
                 numbers, None where there is none; with `rank` (from 1), `first_day` and `last_day` of its placebo days
    computed_at  the oldest of the methods'; None: there is none
    """

    asset: Asset
    window: tuple[str, str]
    state: Literal["PENDING", "READY"]
    computed_at: datetime | None
    methods: list[tuple[str, Mapping[str, Any]]]


class Quality(NamedTuple):
    """How well the baselines fit that an asset is paid by; None: that figure cannot be had."""

    method: str
    cvrmse: float | None
    nmbe: float | None
    mape: float | None
    n: int


def quality(db: Connection, tenant: Tenant, uuids: Sequence[UUID]) -> dict[UUID, Quality]:
    """By the first of the tenant's rule sets, as it was measured last; of assets whose readings may be used."""
    method = tenant.section("flexibility", FlexibilitySettings).rule_sets[0]
    found = queries.of_assets(db, tenant.id, method, uuids)
    withdrawn = consents.meter_data_withdrawn(db, tenant, list(found)) if found else ()
    return {
        uuid: Quality(method, of["cvrmse"], of["nmbe"], of["mape"], of["n"])
        for uuid, of in found.items()
        if uuid not in withdrawn
    }


def shown(db: Connection, tenant: Tenant, asset_uuid: UUID, now: datetime) -> Shown:
    """What is stored. Raises NotFound UNKNOWN_ASSET, Denied CONSENT_WITHDRAWN."""
    asset = require_readable(db, tenant, asset_uuid)
    settings = tenant.section("flexibility", FlexibilitySettings)
    (member,) = loading.members(db, tenant.id, [asset.uuid])
    today = time_of(db, tenant, now).date()
    wanted = {each.id: each for each in _rule_sets(settings, today)}
    bases = _bases(list(wanted.values()), settings, _newest(db, [member])[0], today)
    found = [each for each in queries.of_asset(db, tenant.id, asset.uuid) if each.method in wanted]
    fresh = {each.method for each in found if each.basis == bases[each.method] and now - each.computed_at < _STANDS}
    found.sort(key=lambda each: (each.figures["rank"] is None, each.figures["rank"], each.method))
    return Shown(
        asset,
        _window(settings),
        "READY" if fresh == set(wanted) else "PENDING",
        min((each.computed_at for each in found), default=None),
        [(each.method, each.figures) for each in found],
    )


def require_readable(db: Connection, tenant: Tenant, asset_uuid: UUID) -> Asset:
    """An asset whose readings may be computed with. Raises NotFound UNKNOWN_ASSET, Denied CONSENT_WITHDRAWN."""
    asset = assets.find(db, tenant, asset_uuid)
    if consents.meter_data_withdrawn(db, tenant, [asset.uuid]):
        raise Denied("CONSENT_WITHDRAWN", "the user has withdrawn consent to meter data: nothing is computed of it")
    return asset


def measure_later(db: Connection, tenant: Tenant, asset: UUID) -> None:
    """Have a job measure one asset, unless one waits already."""
    lock = f"{MEASURE} {tenant.id} {asset}"
    defer(db, MEASURE, queue=QUEUE, queueing_lock=lock, tenant_id=tenant.id, assets=[str(asset)])


def measure_part(
    db: Connection, tenant: Tenant, event: UUID, kind: str, revision: int, part: int, now: datetime
) -> None:
    """Measure the assets of one part of a run."""
    measure(db, tenant, queries.of_part(db, tenant.id, event, kind, revision, part), now)


def measure(db: Connection, tenant: Tenant, uuids: Sequence[UUID], now: datetime) -> None:
    """Try every rule set on each asset's placebo days, and store what came of it. Assets without consent are left out.

    Each asset's figures depend on its own readings alone, whatever assets are measured with it.
    """
    withdrawn = consents.meter_data_withdrawn(db, tenant, uuids)
    members = [each for each in loading.members(db, tenant.id, uuids) if each.uuid not in withdrawn]
    today = time_of(db, tenant, now).date()
    for at in range(0, len(members), _AT_ONCE):
        some = members[at : at + _AT_ONCE]
        groups: dict[tuple[str, date], list[tuple[Member, Newest | None]]] = {}
        for member, newest in zip(some, _newest(db, some), strict=True):
            groups.setdefault((member.zone, _like(newest, today)), []).append((member, newest))
        made = [
            each for (zone, like), group in groups.items() for each in _tried(db, tenant, zone, like, group, today, now)
        ]
        # In one order, so that two jobs with the same assets wait for each other.
        queries.store(db, tenant.id, sorted(made, key=lambda each: (each.asset_uuid, each.method)))


def _tried(
    db: Connection,
    tenant: Tenant,
    zone: str,
    like: date,
    group: Sequence[tuple[Member, Newest | None]],
    today: date,
    now: datetime,
) -> list[Measured]:
    settings = tenant.section("flexibility", FlexibilitySettings)
    rule_sets, members = _rule_sets(settings, today), [member for member, _ in group]
    if not rule_sets:
        return []
    off = {each.id: holidays(each.jurisdiction, like - timedelta(days=400), like) for each in rule_sets}
    placebo = {each.id: accuracy.placebo_days(each, like, _PLACEBO_DAYS, off[each.id]) for each in rule_sets}
    ends = (min(days[0] for days in placebo.values()), max(days[-1] for days in placebo.values()))
    start, end = (time.fromisoformat(each) for each in _window(settings))
    days = Days.of(accuracy.days_to_load(rule_sets, zone, (start, end), ends))
    usage = load(db, [each.delivered for each in members], days).usage
    event_days = days_of_events(db, tenant.id, [each.uuid for each in members], days.local)
    found = [
        accuracy.backtest(
            each, usage, (start, end), placebo[each.id], holidays=off[each.id], event_days=event_days
        ).accuracy()
        for each in rule_sets
    ]
    places = accuracy.rank(found)
    return [
        Measured(
            member.uuid,
            rules.id,
            now,
            _bases([rules], settings, newest, today)[rules.id],
            _figures(found[method], row, int(places[method, row])) | _ends(placebo[rules.id]),
        )
        for method, rules in enumerate(rule_sets)
        for row, (member, newest) in enumerate(group)
    ]


def _figures(found: Accuracy, row: int, place: int) -> dict[str, Any]:
    ranked = not math.isnan(found.rrmse[row])
    return {
        "rank": place + 1 if ranked else None,
        "verdict": Verdict(found.verdict[row]).name,
        "days": int(found.days[row]),
        "n": int(found.n[row]),
        **{name: _energy(getattr(found, name)[row]) for name in _ENERGY},
        **{name: _share(getattr(found, name)[row]) for name in _SHARES},
    }


def _energy(of: float) -> str | None:
    return None if math.isnan(of) else str(kwh(int(micro(np.array([of]))[0])))


def _share(of: float) -> float | None:
    return None if math.isnan(of) else round(float(of), 6)


def _ends(days: Sequence[date]) -> dict[str, str]:
    return {"first_day": days[0].isoformat(), "last_day": days[-1].isoformat()}


def _rule_sets(settings: FlexibilitySettings, on: date) -> list[RuleSet]:
    """In force on a day and computed from readings alone; those that events are settled by come first."""
    wanted = dict.fromkeys([*settings.rule_sets, *settings.accuracy_rule_sets])
    in_force = {each.id: each for each in catalogue.RULE_SETS if each.in_force(on)}
    found = [in_force[each] for each in wanted if each in in_force]
    return [each for each in found if each.method in {Method.DAY_MATCH, Method.SAME_DAY}]


def _window(settings: FlexibilitySettings) -> tuple[str, str]:
    return settings.accuracy_from, settings.accuracy_to


def _newest(db: Connection, members: Sequence[Member]) -> list[Newest | None]:
    found = queries.newest(db, [each.delivered for each in members if each.delivered is not None])
    return [None if each.delivered is None else found.get(each.delivered) for each in members]


def _like(newest: Newest | None, today: date) -> date:
    """The working day that placebo days are like: the first one after the last reading, or after today without any."""
    day = today if newest is None else newest.day
    day += timedelta(days=1)
    while day.weekday() >= _SATURDAY:
        day += timedelta(days=1)
    return day


def _bases(
    rule_sets: Sequence[RuleSet], settings: FlexibilitySettings, newest: Newest | None, today: date
) -> dict[str, dict[str, Any]]:
    """What the figures of each rule set are computed from."""
    common = {
        "window": list(_window(settings)),
        "like": _like(newest, today).isoformat(),
        "knownAt": None if newest is None else newest.known_at.astimezone(UTC).isoformat(),
    }
    return {each.id: common | {"version": each.version} for each in rule_sets}
