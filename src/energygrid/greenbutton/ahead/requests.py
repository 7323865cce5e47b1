"""Asking for a feed that is built ahead."""

import math
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.database.queue import defer
from energygrid.greenbutton.ahead import queries
from energygrid.greenbutton.ahead.queries import BUILDING, FAILED, READY, Row
from energygrid.greenbutton.ahead.recipes import Recipe

TASK = "greenbutton.build"
QUEUE = "builds"

LONGEST_BUILD = timedelta(minutes=15)
"""After this, whatever has become of the build, the address answers at once."""

SAME_FOR = timedelta(minutes=15)
"""How long the same question has the same answer after it was first fetched, although newer data have come."""

AGAIN_AFTER = timedelta(hours=1)
"""When a build that failed may be tried anew."""

_HEAD_BYTES = 10_000
_READING_BYTES = {"xml": 190, "json": 120, "csv": 100, "parquet": 8}
_BYTES_PER_S = 20_000_000
"""What a feed has and how fast it is built, roughly: for the wait that is told."""
_LEAST_WAIT_S, _LONGEST_WAIT_S = 1, 120


@dataclass(frozen=True, slots=True)
class Built:
    """A finished feed. `version` is that of the content when it was asked for: newer data may be in it."""

    id: str
    version: str
    finished_at: datetime


@dataclass(frozen=True, slots=True)
class Building:
    """A feed on its way. `retry_after` is in whole seconds; `percent` is an estimate, 99 at most."""

    id: str
    retry_after: int
    percent: int


def request(
    db: Connection, tenant: Tenant, recipe: Recipe, *, version: str, readings: int, now: datetime
) -> Built | Building | None:
    """The finished feed, how far it is, or None: answer it at once. Whether the caller may see it was checked before.

    version   of the content as it is now: a feed that was fetched before is built anew when it has changed
    readings  how many interval readings the feed has, roughly
    A feed that waited for its client is served whatever data have come since: it is no older than the question. What a
    change of a consent has overtaken is not served, and not built again while its client waits.
    """
    key = recipe.key()
    found = queries.by_key(db, tenant.id, key)
    if found is not None:
        if queries.is_overtaken(db, tenant.id, found):
            queries.delete_feed(db, tenant.id, found.id)
            return None
        if found.state == READY and _still_good(found, version, now):
            if found.served_at is None:
                queries.update_feed(db, tenant.id, found.id, served_at=now)
            return Built(found.id, found.version, found.finished_at or now)
        if found.state == BUILDING and now < found.requested_at + LONGEST_BUILD:
            return _building(found, now)
        if found.state != READY and now < found.requested_at + AGAIN_AFTER:
            return None
        queries.delete_feed(db, tenant.id, found.id)
    return _order(db, tenant, recipe, key, version, readings, now)


def progress(db: Connection, tenant: Tenant, feed_id: str, now: datetime) -> Built | Building | None:
    """How far one is; None when there is no such feed, or none will come of it."""
    found = queries.by_id(db, tenant.id, feed_id)
    if found is None or found.state == FAILED:
        return None
    if found.state == READY:
        return Built(found.id, found.version, found.finished_at or now)
    return _building(found, now)


def forget(db: Connection, tenant_id: int, client_id: str, consent_id: str, now: datetime) -> None:
    """A consent was narrowed or has ended: what was built under it goes, finished or not."""
    queries.forget(db, tenant_id, client_id, consent_id, now)


def drop(db: Connection, now: datetime) -> int:
    """Housekeeping: what has expired, and what no consent holds up any more."""
    return queries.drop(db, now)


def _still_good(found: Row, version: str, now: datetime) -> bool:
    if now >= found.expires_at:
        return False
    return found.version == version or found.served_at is None or now < found.served_at + SAME_FOR


def _order(
    db: Connection, tenant: Tenant, recipe: Recipe, key: bytes, version: str, readings: int, now: datetime
) -> Building:
    feed_id = f"bf_{secrets.token_hex(12)}"
    values = {
        "tenant_id": tenant.id,
        "id": feed_id,
        "key": key,
        "client_id": recipe.client_id,
        "consent_id": recipe.consent_id,
        "recipe": recipe.stored(),
        "version": version,
        "state": BUILDING,
        "attempt": 0,
        "expected": _HEAD_BYTES + readings * _READING_BYTES[recipe.representation],
        "written": 0,
        "requested_at": now,
        "expires_at": now + AGAIN_AFTER,
    }
    if queries.insert_feed(db, **values):
        lock = f"{TASK} {recipe.client_id}"
        defer(db, TASK, queue=QUEUE, lock=lock, tenant_id=tenant.id, feed_id=feed_id)
    found = queries.by_key(db, tenant.id, key)
    assert found is not None
    return _building(found, now)


def _building(found: Row, now: datetime) -> Building:
    """The wait is what is left at the speed so far, or at a usual one."""
    done = min(found.written / found.expected, 0.99)
    elapsed = (now - found.started_at).total_seconds() if found.started_at else 0.0
    left = elapsed * (1 - done) / done if done > 0.02 and elapsed > 0 else found.expected / _BYTES_PER_S
    wait = min(max(math.ceil(left), _LEAST_WAIT_S), _LONGEST_WAIT_S)
    return Building(found.id, wait, int(done * 100))
