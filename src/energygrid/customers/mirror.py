"""Reading the mirror: one customer as a document, and everything one push can touch as locked facts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from energygrid.customers.facts import (
    Contract,
    CustomerFacts,
    MeterFacts,
    Mirror,
    PremiseFacts,
    SiteLink,
    present,
)
from energygrid.customers.plan import Wanted
from energygrid.customers.privacy import Privacy
from energygrid.customers.queries import locking, reading
from energygrid.customers.queries.reading import AnyRow
from energygrid.customers.tables import meter, premise
from energygrid.customers.write import customer_columns, meter_row, premise_row
from energygrid.errors import NotFound


@dataclass(frozen=True, slots=True)
class Found:
    """A mirrored customer. `as_of` is when the CIS last vouched for it, as far as we know."""

    document: dict[str, Any]
    acct_status: str | None
    profile_id: UUID
    as_of: datetime


class Locked(NamedTuple):
    row: AnyRow
    is_new: bool
    mirror: Mirror


class _Personal(NamedTuple):
    personal: Mapping[str, str] | None
    personal_sealed: bytes | None


def read_document(db: Connection, tenant_id: int, client_id: str, privacy: Privacy) -> Found:
    """The customer as it would be pushed: live sites and meters in the CIS' order; raises NotFound UNKNOWN_CLIENT."""
    rows = reading.document_rows(db, tenant_id, client_id)
    if not rows:
        raise unknown_client(client_id)
    head = rows[0]
    names = privacy.read(_Personal(head.personal, head.personal_sealed))
    sites: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row.premise_id is None:
            continue
        site = sites.get(row.premise_id)
        if site is None:
            site = sites[row.premise_id] = _site(row, privacy)
        if row.meter_id is not None:
            site["meters"].append(_meter(row))
    document = {
        "clientId": head.client_id,
        **names,
        **present({"AcctStatus": head.acct_status}),
        "customerSites": list(sites.values()),
    }
    as_of = max(head.changed_at, head.source_time or head.changed_at)
    return Found(document, head.acct_status, head.profile_id, as_of)


def unknown_client(client_id: str) -> NotFound:
    return NotFound("UNKNOWN_CLIENT", f"client {client_id} is not known here", clientId=client_id)


def _site(row: AnyRow, privacy: Privacy) -> dict[str, Any]:
    return {
        "externalSiteId": row.premise_id,
        **present({"isPrimary": row.is_primary}),
        **privacy.read(_Personal(row.site_personal, row.site_personal_sealed)),
        **privacy.read(_Personal(row.street, row.street_sealed)),
        **present({"city": row.city, "state": row.state}),
        "postalCode": row.postal_code,
        "meters": [],
    }


def _meter(row: AnyRow) -> dict[str, Any]:
    """The six fields of the tutorial in its order, then what else the CIS supplied."""
    document = {
        "meterId": row.meter_id,
        "meterType": row.meter_type,
        "unitOfMeasure": row.unit,
        "isAMI": row.is_ami,
        "rateCode": row.rate_code,
        "billingCycleId": billing_cycle(row),
        "accountNumber": row.account_number,
        "isPrimary": row.meter_is_primary,
        "isAMR": row.is_amr,
    }
    return {**present(document), **row.obsolete}


def billing_cycle(row: AnyRow) -> int | str:
    return int(row.billing_cycle) if row.billing_cycle_is_number else str(row.billing_cycle)


def lock(
    db: Connection, tenant_id: int, wanted: Wanted, privacy: Privacy, *, profile_id: UUID, now: datetime
) -> Locked:
    """Lock everything a push can touch (premises left behind too), in the one order all pushes keep, and read it.

    What is new is inserted as it is wanted while locking, and the mirror already has it.
    """
    client_id, meters = wanted.client_id, list(wanted.meters)
    premises = [*wanted.premises, *locking.premises_of(db, tenant_id, client_id)]
    known_premises, new_premises = locking.claim_things(
        db,
        tenant_id,
        premise,
        "premise_id",
        [premise_row(tenant_id, key, facts, privacy, now) for key, facts in wanted.premises.items()],
        also=premises,
    )
    known_meters, new_meters = locking.claim_things(
        db,
        tenant_id,
        meter,
        "meter_id",
        [meter_row(tenant_id, key, facts, now) for key, facts in wanted.meters.items()],
    )
    others = locking.clients_around(db, tenant_id, premises, meters) - {client_id}
    locking.lock_customers(db, tenant_id, (client for client in others if client < client_id))
    row, is_new = locking.claim_customer(
        db,
        {
            "tenant_id": tenant_id,
            "client_id": client_id,
            "profile_id": profile_id,
            "created_at": now,
            "changed_at": now,
            **customer_columns(wanted.customer, privacy),
        },
    )
    locking.lock_customers(db, tenant_id, (client for client in others if client > client_id))
    found = Mirror(
        customer=CustomerFacts(row.acct_status, privacy.compare(row)),
        premises={known.premise_id: _premise_facts(known, privacy) for known in known_premises}
        | {key: wanted.premises[key] for key in new_premises},
        meters={known.meter_id: meter_facts(known) for known in known_meters}
        | {key: wanted.meters[key] for key in new_meters},
        new_meters=frozenset(new_meters),
        sites=tuple(_site_link(link, privacy) for link in locking.live_sites(db, tenant_id, client_id, premises)),
        contracts=tuple(_contract(link) for link in locking.live_contracts(db, tenant_id, client_id, premises, meters)),
        places=locking.live_places(db, tenant_id, list(wanted.premises), meters),
    )
    return Locked(row, is_new, found)


def _premise_facts(row: AnyRow, privacy: Privacy) -> PremiseFacts:
    return PremiseFacts(privacy.compare(row), row.city, row.state, row.postal_code)


def meter_facts(row: AnyRow) -> MeterFacts:
    return MeterFacts(row.meter_type, row.unit, row.is_ami, row.is_amr, row.rate_code, billing_cycle(row), row.obsolete)


def _site_link(row: AnyRow, privacy: Privacy) -> SiteLink:
    return SiteLink(row.client_id, row.premise_id, row.is_primary, row.position, privacy.compare(row), row.id)


def _contract(row: AnyRow) -> Contract:
    return Contract(
        row.client_id,
        row.premise_id,
        row.meter_id,
        row.account_number,
        row.is_primary,
        row.position,
        row.id,
    )
