"""The outbox: an event is written with the change it tells of, and read without ever missing one."""

from datetime import UTC, datetime
from threading import Event as Flag
from threading import Thread

from sqlalchemy import Connection, text

from energygrid.access.caller import Tenant
from energygrid.database.engine import Database
from energygrid.messaging import queries
from energygrid.messaging.events import record

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOOK = "INSERT INTO webhook_endpoint VALUES (:t, 'whe_1', 'powerbox', 'https://a.example', '', :types, true, NULL,"
HOOK += " '', NULL, NULL, 0, NULL, NULL, now(), now())"


def jobs(db: Connection) -> int:
    query = text("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'messaging.fan_out'")
    return db.execute(query).scalar_one()


def test_a_key_makes_an_event_once_only(db: Connection, tenant: Tenant) -> None:
    first = record(db, tenant.id, "bind.slow", {"meterId": "7"}, NOW, key="slow:bnd_1")
    again = record(db, tenant.id, "bind.slow", {"meterId": "7"}, NOW, key="slow:bnd_1")
    assert first == again
    assert "." not in first  # the signature joins id, time and body with dots


def test_without_a_subscriber_no_job_is_deferred(db: Connection, tenant: Tenant) -> None:
    record(db, tenant.id, "bind.paired", {"meterId": "7"}, NOW)
    assert jobs(db) == 0


def test_one_job_serves_all_events_of_a_transaction(db: Connection, tenant: Tenant) -> None:
    db.execute(text(HOOK), {"t": tenant.id, "types": ["bind.paired"]})
    record(db, tenant.id, "customer.synced", {"clientId": "1"}, NOW)
    assert jobs(db) == 0
    for meter in ("7", "8", "9"):
        record(db, tenant.id, "bind.paired", {"meterId": meter}, NOW)
    assert jobs(db) == 1


def test_a_rolled_back_savepoint_does_not_take_the_job_of_a_later_event(db: Connection, tenant: Tenant) -> None:
    db.execute(text(HOOK), {"t": tenant.id, "types": []})
    with db.begin_nested() as savepoint:
        record(db, tenant.id, "bind.paired", {"meterId": "7"}, NOW)
        savepoint.rollback()
    record(db, tenant.id, "bind.paired", {"meterId": "8"}, NOW)
    assert jobs(db) == 1


def test_the_feed_never_passes_an_event_of_a_slow_transaction(database: Database, committed_tenant: Tenant) -> None:
    """A cursor over insertion order would step over the slow writer's earlier row (contracts/powerbox.md 6.1)."""
    tenant = committed_tenant.id
    written, finish = Flag(), Flag()

    def slow() -> None:
        with database.transaction() as db:
            record(db, tenant, "customer.synced", {"clientId": "slow"}, NOW)
            written.set()
            finish.wait(10)

    writer = Thread(target=slow)
    writer.start()
    written.wait(10)
    database.write(record, tenant, "customer.synced", {"clientId": "fast"}, NOW)
    database.write(queries.number_events, tenant)
    seen = database.read(queries.events_after, tenant, "powerbox", 0, (), 10)
    assert [e.data["clientId"] for e in seen] == ["fast"]
    finish.set()
    writer.join()
    database.write(queries.number_events, tenant)
    later = database.read(queries.events_after, tenant, "powerbox", seen[-1].position, (), 10)
    assert [e.data["clientId"] for e in later] == ["slow"]


def test_concurrent_numbering_leaves_no_hole_and_no_twin(database: Database, committed_tenant: Tenant) -> None:
    tenant = committed_tenant.id

    def write_and_number(worker: int) -> None:
        for n in range(10):
            database.write(record, tenant, "customer.synced", {"clientId": f"{worker}-{n}"}, NOW)
            database.write(queries.number_events, tenant)

    threads = [Thread(target=write_and_number, args=(w,)) for w in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen = database.read(queries.events_after, tenant, "powerbox", 0, (), 100)
    assert [e.position for e in seen] == list(range(1, 41))
