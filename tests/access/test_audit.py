from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from energygrid.access import audit
from energygrid.access.caller import Tenant

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def record(db: Connection, tenant: Tenant, *, actor: str = "cis", subject: str = "customer/1", hours: int = 0) -> None:
    audit.record(
        db,
        tenant.id,
        actor=actor,
        action="customer.read",
        subject=subject,
        request_id="req-1",
        now=NOW + timedelta(hours=hours),
        facts={"sites": 2},
    )


def test_an_entry_tells_who_did_what_to_whom_and_when(db: Connection, tenant: Tenant):
    record(db, tenant, hours=1)
    entry = audit.entries(db, tenant_id=tenant.id)[-1]
    assert (entry.actor, entry.action, entry.subject, entry.request_id) == (
        "cis",
        "customer.read",
        "customer/1",
        "req-1",
    )
    assert (entry.at, entry.facts) == (NOW + timedelta(hours=1), {"sites": 2})


def test_entries_are_the_newest_that_match_in_order_of_time(db: Connection, tenant: Tenant):
    for hours in range(1, 6):
        record(db, tenant, hours=hours, actor="cis" if hours % 2 else "ami", subject=f"customer/{hours}")
    assert [entry.subject for entry in audit.entries(db, tenant_id=tenant.id, limit=2)] == [
        "customer/4",
        "customer/5",
    ]
    assert [entry.subject for entry in audit.entries(db, actor="ami")] == ["customer/2", "customer/4"]
    assert [entry.subject for entry in audit.entries(db, subject="customer/3")] == ["customer/3"]
    since = audit.entries(db, tenant_id=tenant.id, since=NOW + timedelta(hours=5))
    assert [entry.subject for entry in since] == ["customer/5"]


@pytest.mark.parametrize("change", ["UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log"])
def test_the_database_refuses_to_change_the_past(db: Connection, tenant: Tenant, change: str):
    with pytest.raises(DBAPIError, match="append-only"), db.begin_nested():
        db.execute(text(change))
    assert audit.entries(db, tenant_id=tenant.id)
