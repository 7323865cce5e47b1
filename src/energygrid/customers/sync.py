"""Pushing one customer into the mirror: checked, locked, compared, written, told of.

Every push locks in the same order (its premises, its meters, then all customers around them, each by id), so pushes of
one client, or of neighbours, wait for each other instead of deadlocking.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID, uuid4

from sqlalchemy import Connection

from energygrid.access import audit
from energygrid.access.caller import Actor, Tenant
from energygrid.access.vault import Vault
from energygrid.customers import mirror
from energygrid.customers.complaints import Notice
from energygrid.customers.payload import Checked, CustomerPayload
from energygrid.customers.plan import Reason, Wanted, plan_push
from energygrid.customers.privacy import Privacy
from energygrid.customers.queries import pushing, reading
from energygrid.customers.queries.reading import AnyRow
from energygrid.customers.settings import CustomerSettings
from energygrid.customers.status import Standing, is_denied, standing
from energygrid.customers.write import customer_columns, write_plan
from energygrid.database.queue import defer
from energygrid.errors import Invalid
from energygrid.messaging import events

Outcome = Literal["created", "updated", "unchanged", "stale"]
_CLOCK_SKEW = timedelta(minutes=5)
CHANGED = "greenbutton.customers_changed"
"""Job that sees to those who are to be told of changed customers."""


@dataclass(frozen=True, slots=True)
class Synced:
    """The customer as the mirror now has it, and what the push did."""

    outcome: Outcome
    document: dict[str, Any]
    profile_id: UUID
    notices: tuple[Notice, ...]
    arrived: tuple[str, ...] = ()
    """Meters served from now on: readings that wait for them can be taken up."""
    changed: tuple[str, ...] = ()
    """Clients who were known before and of whom something else is known now, others than this one among them."""


@dataclass(frozen=True, slots=True)
class _Push:
    """One push, checked and reduced to what may be kept."""

    tenant: Tenant
    privacy: Privacy
    payload: CustomerPayload
    fingerprint: bytes
    source_time: datetime | None
    notices: tuple[Notice, ...]


def push_customer(
    db: Connection,
    tenant: Tenant,
    checked: Checked,
    *,
    vault: Vault,
    who: Actor,
    now: datetime,
    source_time: datetime | None = None,
    action: str = "customer.pushed",
    alone: bool = True,
) -> Synced:
    """Make the payload the whole truth about its client.

    The same payload again writes nothing; one whose `source_time` is before the mirror's newest is ignored as stale.
    `alone=False`: the caller calls `follow_up`, for many customers at once.
    Raises Invalid INVALID_PAYLOAD for a customer without sites whose account is not closed (it would wipe the customer
    after a broken export) and for a source time in the future.
    """
    _require_sense(tenant, checked.payload, source_time, now)
    privacy = Privacy.of(tenant, vault)
    payload = privacy.keep(checked.payload)
    notices = (*checked.notices, *_status_notices(tenant, payload))
    push = _Push(tenant, privacy, payload, privacy.fingerprint(payload), source_time, notices)
    synced = _at_once(db, push, reading.customer_of(db, tenant.id, payload.client_id)) or _write(db, push, now)
    if alone:
        follow_up(db, tenant.id, [synced])
    audit.record(
        db,
        tenant.id,
        actor=who.name,
        action=action,
        subject=f"customer/{payload.client_id}",
        request_id=who.request_id,
        now=now,
        facts={"result": synced.outcome},
    )
    return synced


def _require_sense(tenant: Tenant, payload: CustomerPayload, source_time: datetime | None, now: datetime) -> None:
    if not payload.customer_sites and standing(tenant, payload.acct_status) is not Standing.CLOSED:
        raise Invalid(
            "INVALID_PAYLOAD",
            "customerSites may be empty only when AcctStatus says that the account is closed",
            errors=[{"field": "customerSites", "message": "is empty"}],
        )
    if source_time is not None and source_time > now + _CLOCK_SKEW:
        raise Invalid("INVALID_PAYLOAD", "PowerBox-Source-Time is in the future")


def _status_notices(tenant: Tenant, payload: CustomerPayload) -> list[Notice]:
    if standing(tenant, payload.acct_status) is Standing.UNKNOWN:
        return [Notice("UNKNOWN_STATUS", "AcctStatus", "is not in this utility's codebook; service is allowed")]
    return []


def _at_once(db: Connection, push: _Push, row: AnyRow | None) -> Synced | None:
    """The answer when the mirror need not change; None when it must."""
    if row is None:
        return None
    tenant_id, client_id, source_time = push.tenant.id, push.payload.client_id, push.source_time
    if source_time is not None and row.source_time is not None and source_time < row.source_time:
        found = mirror.read_document(db, tenant_id, client_id, push.privacy)
        return Synced("stale", found.document, found.profile_id, push.notices)
    if row.fingerprint != push.fingerprint:
        return None
    if source_time not in {None, row.source_time}:
        assert source_time is not None
        if not pushing.note_source_time(db, tenant_id, client_id, push.fingerprint, source_time):
            return None
    return Synced("unchanged", push.payload.document(), row.profile_id, push.notices)


def _write(db: Connection, push: _Push, now: datetime) -> Synced:
    tenant, payload = push.tenant, push.payload
    wanted = Wanted.of(payload)
    locked = mirror.lock(db, tenant.id, wanted, push.privacy, profile_id=uuid4(), now=now)
    # Another push may have come first while this one waited for its locks.
    done = None if locked.is_new else _at_once(db, push, locked.row)
    if done is not None:
        return done
    plan = plan_push(
        wanted,
        locked.mirror,
        denied_before=not locked.is_new and is_denied(tenant, locked.row.acct_status),
        denied_now=is_denied(tenant, payload.acct_status),
        share_always=tenant.section("customers", CustomerSettings).shared_premises == "always",
    )
    outcome: Outcome = "created" if locked.is_new else "unchanged" if plan.changes_nothing else "updated"
    write_plan(db, tenant.id, plan, push.privacy, at=min(push.source_time or now, now), now=now)
    pushing.update_customer(
        db,
        tenant.id,
        payload.client_id,
        fingerprint=push.fingerprint,
        source_time=push.source_time or locked.row.source_time,
        **({} if plan.changes_nothing else {"changed_at": now}),
        **({} if plan.customer is None else customer_columns(plan.customer, push.privacy)),
    )
    release_devices(db, tenant.id, plan.released)
    if outcome != "unchanged":
        data = {"clientId": payload.client_id, "result": outcome}
        events.record(db, tenant.id, "customer.synced", data, now)
    changed = plan.disturbed | ({payload.client_id} if outcome == "updated" else set())
    return Synced(
        outcome,
        payload.document(),
        locked.row.profile_id,
        push.notices,
        arrived=tuple(plan.arrived),
        changed=tuple(sorted(changed)),
    )


def follow_up(db: Connection, tenant_id: int, pushed: Sequence[Synced]) -> None:
    """Once this transaction commits, readings that came before their meters are taken up, and who may read of changed
    customers is told.
    """
    arrived = [meter_id for each in pushed for meter_id in each.arrived]
    changed = sorted({client_id for each in pushed for client_id in each.changed})
    if arrived:
        defer(db, "metering.unpark", tenant_id=tenant_id, meter_ids=arrived)
    if changed:
        defer(db, CHANGED, tenant_id=tenant_id, customer_ids=changed)


def release_devices(db: Connection, tenant_id: int, released: Mapping[str, Reason]) -> None:
    """Devices bound to these meters must let go: their people, or their meter, are no longer there."""
    by_reason: dict[Reason, list[str]] = {}
    for meter_id, reason in released.items():
        by_reason.setdefault(reason, []).append(meter_id)
    for reason, meter_ids in by_reason.items():
        defer(db, "devices.release_for", tenant_id=tenant_id, meter_ids=sorted(meter_ids), reason=reason)
