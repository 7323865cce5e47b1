"""Pull: the utility's own PowerBox is asked when there is one, else the mirror answers (contract P-2).

In two steps, because a network call has no place inside a transaction: `fetch` first, then `settle`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from energygrid.access import audit
from energygrid.access.caller import Actor, Caller, Tenant
from energygrid.access.vault import Vault
from energygrid.customers import mirror
from energygrid.customers.connector import CisConnector
from energygrid.customers.login import client_of_caller
from energygrid.customers.payload import Checked
from energygrid.customers.privacy import Privacy
from energygrid.customers.settings import CisSettings
from energygrid.customers.sync import Outcome, push_customer
from energygrid.errors import Invalid, Unavailable


@dataclass(frozen=True, slots=True)
class Fetched:
    """Whom to answer for, and what the utility said; `payload` None: the mirror answers, `stale` when it had to."""

    client_id: str
    payload: Checked | None = None
    stale: bool = False


@dataclass(frozen=True, slots=True)
class Pulled:
    """The customer. `age_s` is set when the mirror stood in for a CIS that does not answer."""

    document: dict[str, Any]
    acct_status: str | None
    profile_id: UUID
    outcome: Outcome | None = None
    notices: int = 0
    age_s: int | None = None


def client_to_pull(caller: Caller, asked: str | None) -> str:
    """The client of a pull: asked for by name, else named by the token, else the sandbox' own.

    Raises Invalid MISSING_CLIENT_ID.
    """
    client_id = asked or client_of_caller(caller)
    if client_id is None:
        raise Invalid("MISSING_CLIENT_ID", "name the client: ?clientId=..., or a token that carries it")
    return client_id


def fetch(connector: CisConnector, tenant: Tenant, client_id: str, *, stale_ok: bool) -> Fetched:
    """Ask the utility's PowerBox if this tenant has one; raises what `fetch_customer` raises.

    stale_ok  whether the mirror may answer when the utility does not
    """
    if tenant.section("cis", CisSettings).mode != "powerbox_pull":
        return Fetched(client_id)
    try:
        return Fetched(client_id, connector.fetch_customer(tenant, client_id))
    except Unavailable:
        if not stale_ok:
            raise
        return Fetched(client_id, stale=True)


def settle(db: Connection, tenant: Tenant, fetched: Fetched, *, vault: Vault, who: Actor, now: datetime) -> Pulled:
    """Bring the mirror up to what was fetched, and read it; raises NotFound UNKNOWN_CLIENT."""
    if fetched.payload is not None:
        synced = push_customer(db, tenant, fetched.payload, vault=vault, who=who, now=now, action="customer.pulled")
        status = fetched.payload.payload.acct_status
        return Pulled(synced.document, status, synced.profile_id, synced.outcome, len(synced.notices))
    found = mirror.read_document(db, tenant.id, fetched.client_id, Privacy.of(tenant, vault))
    audit.record(
        db,
        tenant.id,
        actor=who.name,
        action="customer.pulled",
        subject=f"customer/{fetched.client_id}",
        request_id=who.request_id,
        now=now,
        facts={"from": "mirror"},
    )
    age = max(0, int((now - found.as_of).total_seconds())) if fetched.stale else None
    return Pulled(found.document, found.acct_status, found.profile_id, age_s=age)


def read_customer(
    db: Connection, tenant: Tenant, client_id: str, *, vault: Vault, who: Actor, now: datetime
) -> mirror.Found:
    """The mirror of a client, whatever its account status; raises NotFound UNKNOWN_CLIENT."""
    found = mirror.read_document(db, tenant.id, client_id, Privacy.of(tenant, vault))
    audit.record(
        db,
        tenant.id,
        actor=who.name,
        action="customer.read",
        subject=f"customer/{client_id}",
        request_id=who.request_id,
        now=now,
    )
    return found
