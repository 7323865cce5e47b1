"""What one consent opens: which meters, which spans of their readings, which resources.

Nothing of Green Button is read but through an entitlement. A customer's own download has one too, without a consent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.access.consents.consents import Consent
from energygrid.access.consents.espi_scope import EVERYTHING, EspiScope, parse_scope
from energygrid.access.vault import Vault
from energygrid.customers.meters import Holding, holdings_of_client
from energygrid.greenbutton.ids import opaque


@dataclass(frozen=True, slots=True)
class HeldSpan:
    """Half-open [start, end); None: no limit on that side."""

    start: datetime | None
    end: datetime | None


@dataclass(frozen=True, slots=True)
class SharedMeter:
    """A meter that may be seen.

    usage_point  its id on the wire
    spans        when its readings belonged to the customer, cut to what the consent covers; in order of time, apart
    """

    meter_id: str
    usage_point: str
    premise_id: str
    account_number: str | None
    spans: tuple[HeldSpan, ...]


@dataclass(frozen=True, slots=True)
class Entitlement:
    """`id` is the authorization's, subscription's and retail customer's on the wire."""

    tenant: Tenant
    id: str
    customer_id: str
    scope: EspiScope
    meters: tuple[SharedMeter, ...]
    granted_at: datetime
    changed_at: datetime

    def meter(self, usage_point: str) -> SharedMeter | None:
        return next((each for each in self.meters if each.usage_point == usage_point), None)


def entitlement_of(db: Connection, vault: Vault, tenant: Tenant, consent: Consent) -> Entitlement:
    """Whether the consent still holds is for the caller to have asked."""
    limit = HeldSpan(consent.data_from, consent.data_until)
    spans = _spans(holdings_of_client(db, tenant.id, consent.customer_id, consent.meters), limit)
    return Entitlement(
        tenant,
        consent.id,
        consent.customer_id,
        parse_scope(consent.scope),
        tuple(_shared(vault, consent.id, held) for held in spans.values()),
        consent.created_at,
        consent.changed_at,
    )


def own_entitlement(db: Connection, vault: Vault, tenant: Tenant, customer_id: str, now: datetime) -> Entitlement:
    """A customer's right to its own data."""
    name = opaque(vault, "own", tenant.id, customer_id)
    spans = _spans(holdings_of_client(db, tenant.id, customer_id), HeldSpan(None, None))
    meters = tuple(_shared(vault, name, held) for held in spans.values())
    return Entitlement(tenant, name, customer_id, EVERYTHING, meters, now, now)


Held = tuple[Holding, tuple[HeldSpan, ...]]


def _spans(holdings: Sequence[Holding], limit: HeldSpan) -> dict[str, Held]:
    """By meter: its latest holding, and all spans of it within `limit`."""
    found: dict[str, list[Holding]] = {}
    for holding in holdings:
        found.setdefault(holding.meter_id, []).append(holding)
    spans = {meter: (held[-1], _within(held, limit)) for meter, held in sorted(found.items())}
    return {meter: held for meter, held in spans.items() if held[1]}


def _within(holdings: Sequence[Holding], limit: HeldSpan) -> tuple[HeldSpan, ...]:
    """Spans of the holdings cut to `limit`, joined where one ends as the next begins."""
    joined: list[HeldSpan] = []
    for holding in holdings:
        start = max(holding.since, limit.start) if limit.start else holding.since
        ends = [end for end in (holding.until, limit.end) if end is not None]
        end = min(ends, default=None)
        if end is not None and end <= start:
            continue
        last = joined[-1] if joined else None
        if last is not None and (last.end is None or last.end >= start):
            joined[-1] = HeldSpan(last.start, None if None in {last.end, end} else max(last.end, end))  # type: ignore[type-var]
        else:
            joined.append(HeldSpan(start, end))
    return tuple(joined)


def _shared(vault: Vault, entitlement_id: str, held: Held) -> SharedMeter:
    holding, spans = held
    usage_point = opaque(vault, "usage point", entitlement_id, holding.meter_id)
    return SharedMeter(holding.meter_id, usage_point, holding.premise_id, holding.account_number, spans)
