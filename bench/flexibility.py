"""One event settled for a fleet, beside reading and unpacking the same day blocks without computing anything.

Baselines and settlement run as in production: parts of 2,500 assets, taken by worker processes, one a core.
"""

import os
import resource
import secrets
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from uuid import UUID, uuid4

import msgspec
import numpy as np
import psycopg
from sqlalchemy import Connection

from bench.database import libpq, open_database
from bench.figures import Figure, show
from bench.installation import Installation
from energygrid.access import tenants
from energygrid.access.audit import SYSTEM
from energygrid.access.caller import Tenant
from energygrid.database.engine import Database
from energygrid.flexibility import runs
from energygrid.flexibility.consumption import consumption
from energygrid.flexibility.consumption.records import decode
from energygrid.flexibility.events.queries import events as event_queries
from energygrid.flexibility.runs import basis
from energygrid.flexibility.runs.basis import RunKind
from energygrid.flexibility.runs.loading import Days, load
from energygrid.flexibility.runs.queries import loading
from energygrid.flexibility.runs.queries import runs as queries
from energygrid.flexibility.runs.queries.runs import Run
from energygrid.flexibility.runs.running import READY
from energygrid.flexibility.settings import FlexibilitySettings
from energygrid.metering import blocks

_ASSETS, _DAYS = 100_000, 61
_LATE = 50_000
_STARTS = datetime(2026, 1, 15, 17, tzinfo=UTC)
_WORKERS = os.cpu_count() or 1

_FLEET = """
    INSERT INTO flex_user (tenant_id, uuid, user_id, created_at) VALUES (%(tenant)s, %(event)s, 'bench', now());
    INSERT INTO flex_asset (tenant_id, uuid, asset_id, user_id, name, asset_type, zone, postcode, location, hh_settled,
                            mpan_status, owner_kind, owner_id, created_at, updated_at)
    SELECT %(tenant)s, uuid, uuid::text, 'bench', 'synthetic', 'SMARTMETER', 'Europe/London', 'NE81AA', '', false,
           'PENDING', 'asset', uuid::text, now(), now()
    FROM (SELECT gen_random_uuid() AS uuid FROM generate_series(1, %(assets)s)) AS made;
    INSERT INTO series (tenant_id, owner_kind, owner_id, commodity, flow, kind, unit, interval_s, channel, offset_s,
                        zone, created_at)
    SELECT tenant_id, 'asset', owner_id, 'electricity', 'delivered', 'energy', 'kWh', 1800, '', 0, zone, now()
    FROM flex_asset WHERE tenant_id = %(tenant)s;
    INSERT INTO flex_event (tenant_id, uuid, name, type, status, starts_at, ends_at, opt_in_required, incentive,
                            incentive_type, currency, eligibility, terms, stats_state, baselines_revision,
                            stats_revision, created_at, updated_at)
    VALUES (%(tenant)s, %(event)s, 'bench', 'TURN_DOWN', 'ENDED', %(starts)s, %(starts)s + interval '1 hour', false,
            2.25, 'PER_KWH', 'GBP', '{}', '{}', 'PENDING', 0, 0, now(), now());
    INSERT INTO flex_event_asset (tenant_id, event_uuid, asset_uuid, state, changed_at)
    SELECT %(tenant)s, %(event)s, uuid, 'OPT_IN', now() FROM flex_asset WHERE tenant_id = %(tenant)s
"""
_BLOCKS = """
    INSERT INTO reading_block (series_id, day, revision, known_at, values)
    SELECT s.id, %(first)s::date + d, 1, now(), m.body
    FROM series s CROSS JOIN generate_series(0, %(days)s - 1) AS d
    JOIN bench_day m ON m.number = (s.id * 7919 + d * 104729) %% 4096
    WHERE s.tenant_id = %(tenant)s
    ORDER BY s.id, d
"""


def run(running: Installation, _meters: int, _rows: int) -> None:
    with open_database(running) as url:
        database = Database(url, pool_size=2)
        name, event = f"bench-{secrets.token_hex(4)}", uuid4()
        terms = {"flexibility": {"deadline_days": 3650, "restate_after_s": 0}}
        tenant = database.write(
            tenants.create_tenant, name, environment="production", settings=terms, now=datetime.now(UTC)
        )
        with psycopg.connect(libpq(url), autocommit=True) as db:
            _fill(db, tenant.id, event)
        measure(libpq(url), database, tenant.id, event)
        database.close()


def measure(url: str, database: Database, tenant_id: int, event: UUID) -> None:
    tenant = database.read(tenants.get_tenant, tenant_id)
    found = database.read(event_queries.event, tenant_id, event)
    assert found is not None
    how = basis.basis_of(found, RunKind.SETTLEMENT, tenant.section("flexibility", FlexibilitySettings))
    assets = database.read(loading.participants, tenant_id, event)
    parts = [assets[at : at + 2_500] for at in range(0, len(assets), 2_500)]
    with ProcessPoolExecutor(_WORKERS, mp_context=get_context("spawn"), initializer=_open, initargs=(url,)) as pool:
        list(pool.map(_read, [tenant_id] * len(parts), [how.as_json()] * len(parts), parts))  # into the page cache
        began = time.perf_counter()
        list(pool.map(_read, [tenant_id] * len(parts), [how.as_json()] * len(parts), parts))
        bare = time.perf_counter() - began
        began = time.perf_counter()
        database.write(runs.start, tenant, found, datetime.now(UTC))
        peaks = list(pool.map(_settle, [tenant_id] * len(parts), [event] * len(parts), range(len(parts))))
        # the installation's own worker may have the last part
        while database.read(_run, tenant_id, event).state != READY:
            time.sleep(0.01)
        settled = time.perf_counter() - began
    late = [_restated(database, tenant, assets[:some], event, bare / len(assets)) for some in (1_041, 50_000)]
    each, limit = settled / len(assets) * 1e6, bare / len(assets) * 1e6
    what = f"{len(assets):,} assets x {_DAYS} days"
    limit_is = "reading and unpacking the same blocks"
    show(
        f"One event settled, {_WORKERS} workers",
        [
            Figure(what, settled, bare, "s", limit_is, "< 30 s", more_is_better=False),
            Figure("one asset", each, limit, "us", limit_is, more_is_better=False),
            *late,
        ],
    )
    print(
        f"peak memory of one worker: {max(peaks):.0f} MB; of all {_WORKERS}: at most {max(peaks) * _WORKERS:.0f} MB\n"
    )


def _restated(database: Database, tenant: Tenant, assets: Sequence[UUID], event: UUID, bare_one: float) -> Figure:
    """50,000 corrected half-hours from the event's start on; timed from their commit to the revision that has them."""
    first, each = int(_STARTS.timestamp()), _LATE // len(assets)
    rows = [
        {"assetUUID": str(uuid), "timestamp": first + 1800 * at, "value": 0.111 + 0.001 * each}
        for uuid in assets
        for at in range(each)
    ]
    records = decode(msgspec.json.encode(rows), most=len(rows), now=first + 86_400)
    before = database.read(_run, tenant.id, event).revision
    receipt = database.write(consumption.take, tenant, records, who=SYSTEM, now=datetime.now(UTC))
    began = time.perf_counter()
    assert receipt.rejected_count == 0
    while (found := database.read(_run, tenant.id, event)).revision == before or found.state != READY:
        time.sleep(0.01)
    taken = time.perf_counter() - began
    what = f"restated: {len(rows):,} late readings of {len(assets):,} assets"
    limit_is = "reading and unpacking their blocks, all workers"
    return Figure(what, taken, bare_one * len(assets), "s", limit_is, "< 10 s", more_is_better=False)


def _fill(db: psycopg.Connection[object], tenant_id: int, event: UUID) -> None:
    """Assets whose days are drawn from 4,096 synthetic ones."""
    random = np.random.default_rng(7)
    usual = 0.3 + 0.25 * np.sin(np.linspace(0, 2 * np.pi, 48))
    days = np.round(np.maximum(usual + random.gamma(1.0, 0.15, (4096, 48)), 0), 3).astype(np.float64)
    about = {"tenant": tenant_id, "event": event, "assets": _ASSETS, "starts": _STARTS, "days": _DAYS}
    first = (_STARTS - timedelta(days=_DAYS - 1)).date()
    for statement in _FLEET.split(";"):
        db.execute(statement, about)
    db.execute("CREATE TEMPORARY TABLE bench_day (number int PRIMARY KEY, body bytea)")
    with db.cursor() as cursor, cursor.copy("COPY bench_day FROM STDIN") as copy:
        for row in enumerate(blocks.pack_values(days)):
            copy.write_row(row)
    db.execute(_BLOCKS, about | {"first": first})
    for table in ("reading_block", "series", "flex_asset", "flex_event_asset"):
        db.execute(f"VACUUM ANALYZE {table}")


def _run(db: Connection, tenant_id: int, event: UUID) -> Run:
    found = queries.newest_run(db, tenant_id, event, RunKind.SETTLEMENT)
    assert found is not None
    return found


_database: list[Database] = []


def _open(url: str) -> None:
    _database.append(Database(url, pool_size=1))


def _read(tenant_id: int, stored: dict[str, object], assets: list[UUID]) -> None:
    members = _database[0].read(loading.members, tenant_id, assets)
    days = Days.of(basis.read(stored).days("Europe/London"))
    _database[0].read(load, [each.delivered for each in members], days)


def _settle(tenant_id: int, event: UUID, part: int) -> float:
    tenant = _database[0].read(tenants.get_tenant, tenant_id)
    _database[0].write(runs.run_part, tenant, event, RunKind.SETTLEMENT, 1, part, datetime.now(UTC))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
