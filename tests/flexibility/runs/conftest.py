"""A fleet whose meters follow a formula, and events about it. Source of the formula: contracts/flexibility.md 2.7."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import Connection, insert

from energygrid.access import tenants
from energygrid.access.caller import Tenant
from energygrid.flexibility import runs
from energygrid.flexibility.events.event import Event
from energygrid.flexibility.events.queries import events as event_queries
from energygrid.flexibility.events.tables import flex_event, flex_event_asset
from energygrid.flexibility.registry.tables import flex_asset, flex_user
from energygrid.flexibility.runs.basis import RunKind
from energygrid.flexibility.runs.queries import runs as run_queries
from energygrid.metering.quality import Quality
from energygrid.metering.readings import Commodity, Flow, Kind, ReadingBatch, SeriesKey
from energygrid.metering.series import ensure_series
from energygrid.metering.store import write_readings

EVENT_DAY = date(2026, 1, 15)
STARTS = datetime(2026, 1, 15, 17, tzinfo=UTC)
ENDS = STARTS + timedelta(hours=1)
BEFORE = datetime(2026, 1, 15, 9, tzinfo=UTC)
AFTER = datetime(2026, 1, 16, 9, tzinfo=UTC)
FIRST_DAY = date(2025, 11, 10)


def kwh(day: date, slot: int) -> float:
    """The contract's meter. On the event day it uses 12 % more, and 0.2 kWh less in each half-hour of the event."""
    used = 0.30 + 0.02 * (day.day % 5) + 0.005 * (slot % 4)
    used += (0.25 if 32 <= slot < 40 else 0) + (0.10 if day.weekday() >= 5 else 0)
    if day == EVENT_DAY:
        used = 1.12 * used - (0.20 if slot in (34, 35) else 0)
    return round(used, 6)


@dataclass
class Fleet:
    """Assets of one tenant in one transaction; UUIDs count up from 1."""

    db: Connection
    tenant: Tenant

    def add(self, count: int, first: int = 1) -> list[UUID]:
        uuids = [UUID(int=number) for number in range(first, first + count)]
        about = {"tenant_id": self.tenant.id, "created_at": BEFORE}
        self.db.execute(insert(flex_user).values(**about, uuid=UUID(int=10**6 + first), user_id=f"u{first}"))
        facts = {"user_id": f"u{first}", "name": "home", "asset_type": "SMARTMETER", "zone": "Europe/London"}
        facts |= {"postcode": "NE81AA", "location": b"", "hh_settled": False, "mpan_status": "PENDING"}
        facts |= {"owner_kind": "asset", "updated_at": BEFORE}
        rows = [about | facts | {"uuid": each, "asset_id": f"a{each.int}", "owner_id": str(each)} for each in uuids]
        self.db.execute(insert(flex_asset), rows)
        return uuids

    def write(
        self,
        assets: Sequence[UUID],
        days: Sequence[date],
        *,
        slots: Sequence[int] = range(48),
        value: Callable[[date, int], float] = kwh,
        flow: Flow = Flow.DELIVERED,
        now: datetime = BEFORE,
    ) -> None:
        """Half-hours of London winter days, which are those of UTC; and have what they change restated."""
        keys = [SeriesKey(str(each), Commodity.ELECTRICITY, flow, Kind.ENERGY, "kWh", 1800) for each in assets]
        zones, offsets = {str(each): "Europe/London" for each in assets}, [0] * len(keys)
        made = ensure_series(self.db, self.tenant.id, keys, zones=zones, offsets=offsets, now=now, owner_kind="asset")
        cells = [(day, slot) for day in days for slot in slots]
        start = [int(datetime(d.year, d.month, d.day, tzinfo=UTC).timestamp()) + 1800 * slot for d, slot in cells]
        values = [value(day, slot) for day, slot in cells]
        total = len(keys) * len(cells)
        batch = ReadingBatch(
            series=keys,
            index=np.repeat(np.arange(len(keys), dtype=np.int32), len(cells)),
            start=np.tile(np.array(start, np.int64), len(keys)),
            value=np.tile(np.array(values), len(keys)),
            quality=np.full(total, Quality.ACTUAL, np.uint8),
            row=np.arange(total),
        )
        report = write_readings(self.db, made, batch, known_at=now)
        runs.readings_changed(self.db, self.tenant, report.touched, now)

    def event(
        self,
        assets: Sequence[UUID],
        *,
        status: str = "ENDED",
        starts_at: datetime = STARTS,
        ends_at: datetime | None = None,
        terms: Mapping[str, Any] | None = None,
        number: int = 1,
        controls: Sequence[UUID] = (),
        **values: Any,
    ) -> Event:
        """With `assets` opted in; `controls` are not called."""
        uuid = UUID(int=2 * 10**6 + number)
        facts: dict[str, Any] = {"name": "peak", "type": "TURN_DOWN", "status": status, "starts_at": starts_at}
        facts |= {"ends_at": ends_at or starts_at + timedelta(hours=1), "opt_in_required": True, "incentive": "2.25"}
        facts |= {"incentive_type": "PER_KWH", "currency": "GBP", "eligibility": {}, "terms": dict(terms or {})}
        facts |= {"stats_state": "PENDING" if status == "ENDED" else "NONE"}
        facts |= {"baselines_revision": 0, "stats_revision": 0, "created_at": BEFORE, "updated_at": BEFORE}
        self.db.execute(insert(flex_event).values(tenant_id=self.tenant.id, uuid=uuid, **(facts | values)))
        rows = [{"asset_uuid": each, "state": "OPT_IN", "reason": None, "changed_at": BEFORE} for each in assets]
        rows += [
            {"asset_uuid": each, "state": "INELIGIBLE", "reason": "CONTROL_GROUP: held out", "changed_at": BEFORE}
            for each in controls
        ]
        rows = [{"tenant_id": self.tenant.id, "event_uuid": uuid} | row for row in rows]
        if rows:
            self.db.execute(insert(flex_event_asset), rows)
        return self.find(uuid)

    def find(self, uuid: UUID) -> Event:
        found = event_queries.event(self.db, self.tenant.id, uuid)
        assert found is not None
        return found

    def run(self, event: Event, now: datetime = AFTER) -> None:
        """Begin the run that the event's status asks for, and do its jobs."""
        runs.start(self.db, self.tenant, event, now)
        self.work(now)

    def work(self, now: datetime = AFTER) -> None:
        """Do the jobs of the runs under way, and of those that begin when one is finished."""
        while busy := [run for run in run_queries.live_runs(self.db, self.tenant.id) if run.state == "CALCULATING"]:
            for run in busy:
                for part in count():
                    if not run_queries.open_parts(self.db, self.tenant.id, run):
                        break
                    runs.run_part(self.db, self.tenant, run.event_uuid, RunKind(run.kind), run.revision, part, now)

    def restate(self, now: datetime = AFTER) -> None:
        runs.restate(self.db, self.tenant, now)


@pytest.fixture
def fleet(db: Connection) -> Fleet:
    """Parts of two assets, so that every run has several."""
    settings = {"flexibility": {"assets_per_job": 2}}
    made = tenants.create_tenant(db, "supplier", environment="production", now=BEFORE, settings=settings)
    return Fleet(db, made)


@pytest.fixture
def history() -> list[date]:
    """Every day before the event that a rule set may look at."""
    return [FIRST_DAY + timedelta(days=number) for number in range((EVENT_DAY - FIRST_DAY).days)]
