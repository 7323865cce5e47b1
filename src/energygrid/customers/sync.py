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
from energygrid.customers.settings import CustomerSettings
from energygrid.customers.status import Standing, is_denied, standing
from energygrid.customers.write import write_plan
from energygrid.database.queue import defer
from energygrid.errors import Invalid
from energygrid.messaging import events

Outcome = Literal["created", "updated", "unchanged", "stale"]
_CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Synced:
    """The customer as the mirror now has it, and what the push did."""

    outcome: Outcome
    document: dict[str, Any]
    profile_id: UUID
    notices: tuple[Notice, ...]
    arrived: tuple[str, ...] = ()
    """Meters served from now on: readings that wait for them can be taken up."""


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
    unpark: bool = True,
) -> Synced:
    """Make the payload the whole truth about its client.

    The same payload again writes nothing; one whose `source_time` is before the mirror's newest is ignored as stale.
    `unpark=False`: the caller sees to the meters that arrived, for many customers at once.
    Raises Invalid INVALID_PAYLOAD for a customer without sites whose account is not closed (it would wipe the customer
    after a broken export) and for a source time in the future.
    """
    _require_sense(tenant, checked.payload, source_time, now)
    privacy = Privacy.of(tenant, vault)
    payload = privacy.keep(checked.payload)
    notices = (*checked.notices, *_status_notices(tenant, payload))
    fingerprint = privacy.fingerprint(payload)

    synced = _at_once(db, tenant, payload, fingerprint, privacy, source_time, notices)
    if synced is None:
        synced = _write(db, tenant, payload, fingerprint, privacy, source_time, notices, now)
    if unpark:
        unpark_readings(db, tenant.id, synced.arrived)
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


def _at_once(
    db: Connection,
    tenant: Tenant,
    payload: CustomerPayload,
    fingerprint: bytes,
    privacy: Privacy,
    source_time: datetime | None,
    notices: tuple[Notice, ...],
) -> Synced | None:
    """The answer when the mirror need not change, found without a lock; None when it must."""
    row = reading.customer_of(db, tenant.id, payload.client_id)
    if row is None:
        return None
    if source_time is not None and row.source_time is not None and source_time < row.source_time:
        found = mirror.read_document(db, tenant.id, payload.client_id, privacy)
        return Synced("stale", found.document, found.profile_id, notices)
    if row.fingerprint != fingerprint:
        return None
    if (
        source_time is not None
        and source_time != row.source_time
        and not pushing.note_source_time(db, tenant.id, payload.client_id, fingerprint, source_time)
    ):
        return None
    return Synced("unchanged", payload.document(), row.profile_id, notices)


def _write(
    db: Connection,
    tenant: Tenant,
    payload: CustomerPayload,
    fingerprint: bytes,
    privacy: Privacy,
    source_time: datetime | None,
    notices: tuple[Notice, ...],
    now: datetime,
) -> Synced:
    wanted = Wanted.of(payload)
    locked = mirror.lock(db, tenant.id, wanted, privacy, profile_id=uuid4(), now=now)
    row = locked.row
    if not locked.is_new:
        # Another push may have come first while this one waited for its locks.
        done = _at_once(db, tenant, payload, fingerprint, privacy, source_time, notices)
        if done is not None:
            return done
    plan = plan_push(
        wanted,
        locked.mirror,
        denied_before=not locked.is_new and is_denied(tenant, row.acct_status),
        denied_now=is_denied(tenant, payload.acct_status),
        share_always=tenant.section("customers", CustomerSettings).shared_premises == "always",
    )
    outcome: Outcome = "created" if locked.is_new else "unchanged" if plan.changes_nothing else "updated"
    since = min(source_time or now, now)
    write_plan(db, tenant.id, payload.client_id, plan, privacy, at=since, now=now)
    pushing.update_customer(
        db,
        tenant.id,
        payload.client_id,
        fingerprint=fingerprint,
        source_time=source_time or row.source_time,
        **({} if plan.changes_nothing else {"changed_at": now}),
    )
    release_devices(db, tenant.id, plan.released)
    if outcome != "unchanged":
        data = {"clientId": payload.client_id, "result": outcome}
        events.record(db, tenant.id, "customer.synced", data, now)
    return Synced(outcome, payload.document(), row.profile_id, notices, tuple(plan.arrived))


def unpark_readings(db: Connection, tenant_id: int, meter_ids: Sequence[str]) -> None:
    """Readings that came before their meter was known are taken up, once this transaction commits."""
    if meter_ids:
        defer(db, "metering.unpark", tenant_id=tenant_id, meter_ids=list(meter_ids))


def release_devices(db: Connection, tenant_id: int, released: Mapping[str, Reason]) -> None:
    """Devices bound to these meters must let go: their people, or their meter, are no longer there."""
    by_reason: dict[Reason, list[str]] = {}
    for meter_id, reason in released.items():
        by_reason.setdefault(reason, []).append(meter_id)
    for reason, meter_ids in by_reason.items():
        defer(db, "devices.release_for", tenant_id=tenant_id, meter_ids=sorted(meter_ids), reason=reason)
