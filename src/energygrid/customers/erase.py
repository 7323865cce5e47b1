"""Privacy erasure: afterwards nothing here says who the client was or where they lived.

Meters and premises stay, for they are the utility's; a street stays only where somebody else still lives. What the
client allowed others to read ends. The audit log keeps that the erasure took place. A CIS that pushes the client again
creates it anew, without those consents.
"""

from datetime import datetime

from sqlalchemy import Connection

from energygrid.access import audit, idempotency
from energygrid.access.caller import Actor, Tenant
from energygrid.access.consents import consents
from energygrid.customers.mirror import unknown_client
from energygrid.customers.queries import locking, pushing, reading
from energygrid.customers.sync import release_devices
from energygrid.customers.tables import premise
from energygrid.database.queue import defer

ENDED = "greenbutton.consents_ended"
"""Job that sees to those whose consents ended."""


def erase_customer(db: Connection, tenant: Tenant, client_id: str, *, who: Actor, now: datetime) -> None:
    """Delete the customer with all links, live and ended; raises NotFound UNKNOWN_CLIENT."""
    homes = reading.premises_ever_of(db, tenant.id, client_id)
    locking.claim_things(db, tenant.id, premise, "premise_id", [], also=homes)
    if not locking.lock_customers(db, tenant.id, [client_id]):
        raise unknown_client(client_id)
    left = reading.meters_held_alone(db, tenant.id, client_id)
    pushing.forget_customer(db, tenant.id, client_id)
    pushing.blank_streets(db, tenant.id, homes, now)
    _end_consents(db, tenant, client_id, who, now)
    idempotency.forget(db, tenant.id, subject_of(client_id))
    release_devices(db, tenant.id, dict.fromkeys(left, "moved_out"))
    audit.record(
        db,
        tenant.id,
        actor=who.name,
        action="customer.erased",
        subject=subject_of(client_id),
        request_id=who.request_id,
        now=now,
    )


def _end_consents(db: Connection, tenant: Tenant, client_id: str, who: Actor, now: datetime) -> None:
    """Tokens of an ended consent open nothing from now on; third parties learn of it by a job."""
    standing = [each.id for each in consents.of_customer(db, tenant.id, client_id) if each.revoked_at is None]
    for consent_id in standing:
        consents.revoke(db, tenant.id, consent_id, who=who, now=now)
    if standing:
        defer(db, ENDED, tenant_id=tenant.id, consent_ids=standing)


def subject_of(client_id: str) -> str:
    """How the audit log and stored answers name a client."""
    return f"customer/{client_id}"
