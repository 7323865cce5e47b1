"""50,000 half-hours in one request, beside decoding the same body and a raw COPY of the same records."""

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import msgspec
import numpy as np
import psycopg

from bench.database import libpq, open_database
from bench.figures import Figure, peak_mb, show
from bench.installation import Installation, call
from energygrid.access import tenants
from energygrid.access.api_keys import keys
from energygrid.access.audit import SYSTEM
from energygrid.access.vault import Vault
from energygrid.database.engine import Database
from energygrid.flexibility.consumption.records import Record

_RECORDS = 50_000
_FIRST = int(datetime(2026, 1, 5, tzinfo=UTC).timestamp())
_ROOMY = {"consumption_per_second": 1e6, "concurrent_consumption": 10}
_RUNS = 5

_ASSETS = """
    INSERT INTO flex_asset (tenant_id, uuid, asset_id, user_id, name, asset_type, zone, postcode, location, hh_settled,
                            mpan_status, owner_kind, owner_id, created_at, updated_at)
    SELECT %(tenant)s, uuid, uuid::text, %(user)s, 'synthetic', 'SMARTMETER', 'Europe/London', 'NE81AA', '', false,
           'PENDING', 'asset', uuid::text, %(now)s, %(now)s
    FROM unnest(%(uuids)s::uuid[]) AS uuid
"""


def run(running: Installation, _meters: int, _rows: int) -> None:
    """Deep: 1,042 assets with 48 half-hours each; wide: 50,000 assets with one each."""
    with open_database(running) as url:
        database = Database(url, pool_size=2)
        now = datetime.now(UTC)
        vault = Vault(bytes.fromhex((running.folder / "secret.key").read_text().strip()))
        settings = {"flexibility": _ROOMY}
        name = f"bench-{secrets.token_hex(4)}"
        tenant = database.write(tenants.create_tenant, name, environment="sandbox", now=now, settings=settings)
        _, key = database.write(keys.create_key, vault, tenant, name="bench", who=SYSTEM, now=now)
        headers = {
            "x-api-key": key.get_secret_value(),
            "tenant": str(database.read(keys.tenant_uuid, tenant)),
            "Content-Type": "application/json",
        }
        at = f"http://127.0.0.1:{running.port}/flex/api/v1/energy-consumption"
        with psycopg.connect(libpq(url), autocommit=True) as db:
            shapes = {
                "deep": _bodies(_add_assets(db, tenant.id, 1042), 48),
                "wide": _bodies(_add_assets(db, tenant.id, _RECORDS), 1),
            }
            figures = [
                figure
                for shape, body_of in shapes.items()
                for figure in _measure(shape, body_of, lambda body: call("POST", at, body, headers), db)
            ]
        database.close()
    show("50,000 half-hours over HTTP", figures)
    print(f"peak memory of the server process: {max(peak_mb(pid) for pid in running.children()):.0f} MB\n")


def _add_assets(db: psycopg.Connection[object], tenant_id: int, count: int) -> list[str]:
    uuids = [str(uuid4()) for _ in range(count)]
    now, user = datetime.now(UTC), f"user-{uuids[0]}"
    db.execute(
        "INSERT INTO flex_user (tenant_id, uuid, user_id, created_at) VALUES (%s, %s, %s, %s)",
        (tenant_id, uuids[0], user, now),
    )
    db.execute(_ASSETS, {"tenant": tenant_id, "user": user, "now": now, "uuids": uuids})
    return uuids


def _bodies(assets: list[str], slots: int) -> Callable[[int], bytes]:
    """The body of each run: half-hours that nobody has sent yet, kWh with three decimals."""
    random = np.random.default_rng(7)

    def body(turn: int) -> bytes:
        values = np.round(random.uniform(0, 2, len(assets) * slots), 3).tolist()
        start = _FIRST + turn * slots * 1800
        records = [
            {
                "assetUUID": asset,
                "timestamp": start + slot * 1800,
                "value": values[place * slots + slot],
                "type": "import",
            }
            for place, asset in enumerate(assets)
            for slot in range(slots)
        ]
        return msgspec.json.encode(records[:_RECORDS])

    return body


def _measure(
    shape: str, body_of: Callable[[int], bytes], send: Callable[[bytes], object], db: psycopg.Connection[object]
) -> list[Figure]:
    """The first request makes series; those after it write only."""
    bodies = [body_of(turn) for turn in range(_RUNS + 1)]
    first = _timed(lambda: send(bodies[0]))
    later = sorted(_timed(lambda body=body: send(body)) for body in bodies[1:])[_RUNS // 2]  # type: ignore[misc]
    again = _timed(lambda: send(bodies[-1]))
    limit = sorted(_timed(lambda body=body: _raw(body, db)) for body in bodies[1:])[_RUNS // 2]  # type: ignore[misc]
    aim = "< 250 ms" if shape == "deep" else "< 800 ms"
    bare = "decoding and COPY of the same records"
    return [
        Figure(f"{shape}, first time", first * 1e3, limit * 1e3, "ms", bare, more_is_better=False),
        Figure(f"{shape}, new half-hours", later * 1e3, limit * 1e3, "ms", bare, aim, more_is_better=False),
        Figure(f"{shape}, the same again", again * 1e3, limit * 1e3, "ms", bare, more_is_better=False),
    ]


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _raw(body: bytes, db: psycopg.Connection[object]) -> None:
    """What nobody can do without: decode, and write a row a record to an unindexed, unlogged table."""
    records = msgspec.json.decode(body, type=list[Record])
    with db.transaction():
        db.execute("CREATE TEMP TABLE raw (asset uuid, at bigint, value float8, export bool) ON COMMIT DROP")
        with db.cursor().copy("COPY raw FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["uuid", "int8", "float8", "bool"])
            for each in records:
                copy.write_row((UUID(each.assetUUID), each.timestamp, each.value, each.type == "export"))
