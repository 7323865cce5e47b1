"""From marks to notices: one BatchList a third party and kind of news, whatever the number of changes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection

from energygrid.access.consents.espi_scope import EspiScope, parse_scope
from energygrid.access.tenants import tenant_now
from energygrid.access.third_parties import third_parties
from energygrid.access.third_parties.facts import Status
from energygrid.access.third_parties.third_parties import ThirdParty
from energygrid.access.vault import Vault
from energygrid.database.queue import defer
from energygrid.greenbutton import bulk
from energygrid.greenbutton.atom import stamp
from energygrid.greenbutton.bulk import Part
from energygrid.greenbutton.notices import queries
from energygrid.greenbutton.notices.addresses import endpoint_for
from energygrid.greenbutton.notices.changes import TASK
from energygrid.greenbutton.notices.queries import (
    APPLICATION,
    AUTHORIZATION,
    BILLS,
    CUSTOMER,
    POWER_QUALITY,
    READINGS,
    Pending,
)
from energygrid.greenbutton.settings import GreenButtonSettings
from energygrid.messaging import events
from energygrid.messaging.events import GREENBUTTON, NOTICE_AUTHORIZATION, NOTICE_DATA

MOST_FEEDS = 10
"""Consents that are listed one by one; beyond, one bulk feed holds them."""

MOST_RESOURCES = 500
"""Addresses in one message."""

_BULK_BLOCKS = frozenset({35, 67})
_SERVED = frozenset({Status.REVIEW, Status.LIVE})


@dataclass(slots=True)
class _News:
    """What there is to tell one third party: `usage` and `customer` by consent."""

    authorizations: set[str] = field(default_factory=set)
    applications: set[str] = field(default_factory=set)
    usage: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)
    customer: set[str] = field(default_factory=set)


def tell(db: Connection, vault: Vault, tenant_id: int, base: str, now: datetime) -> int:
    """Write the notices of every third party that has something due, in one transaction with the end of the marks.

    base  address of every resource. Returns how many messages that made; what becomes due later has its job.
    """
    told = 0
    for client_id in queries.due_clients(db, tenant_id, now):
        told += _tell(db, vault, tenant_id, client_id, base, now)
    later = queries.next_due(db, tenant_id)
    if later is not None:
        at = max(later, now)
        defer(db, TASK, at=at, queueing_lock=f"{TASK} {tenant_id} again", tenant_id=tenant_id)
    return told


def sweep(db: Connection, vault: Vault, base: str, now: datetime) -> None:
    """Tell what is due and was not told: its job began before the change was committed, or died."""
    for tenant_id in queries.due_tenants(db, now):
        tell(db, vault, tenant_id, base, now)


def ready(db: Connection, vault: Vault, client_id: str, href: str, now: datetime) -> None:
    """A feed that a third party asked for has been built: the address it asked is told at once."""
    party = third_parties.find_by_client(db, client_id)
    if party is None or party.status not in _SERVED:
        return
    endpoint = endpoint_for(db, vault, party, now)
    if endpoint is not None:
        _record(db, party, endpoint.id, events.NOTICE_READY, [href], now)


def _tell(db: Connection, vault: Vault, tenant_id: int, client_id: str, base: str, now: datetime) -> int:
    pending = queries.take(db, tenant_id, client_id)
    party = third_parties.find_by_client(db, client_id)
    if party is None or party.status is Status.REVOKED:
        return 0
    endpoint = endpoint_for(db, vault, party, now)
    if endpoint is None:
        return 0
    scopes = (
        queries.in_force(db, tenant_id, client_id, tenant_now(party.tenant, now)) if party.status in _SERVED else {}
    )
    news = _news(pending, scopes)
    told = 0
    for kind, resources in (
        (NOTICE_AUTHORIZATION, _control(news, base)),
        (NOTICE_DATA, _data(db, party, news, scopes, base, now)),
    ):
        for listed in _in_messages(resources):
            _record(db, party, endpoint.id, kind, listed, now)
            told += 1
    return told


def _news(pending: Sequence[Pending], scopes: Mapping[str, str]) -> _News:
    """What of the marks may be told: data only under a consent in force whose scope covers them."""
    news = _News()
    parsed = {text: parse_scope(text) for text in set(scopes.values())}
    for each in pending:
        if each.kind == AUTHORIZATION:
            news.authorizations.add(each.about)
        elif each.kind == APPLICATION:
            news.applications.add(each.about)
        elif each.about in scopes:
            scope = parsed[scopes[each.about]]
            if each.kind == CUSTOMER and scope.customer:
                news.customer.add(each.about)
            elif each.first and each.last and _covers(scope, each.kind):
                first, last = news.usage.get(each.about, (each.first, each.last))
                news.usage[each.about] = min(first, each.first), max(last, each.last)
    return news


def _covers(scope: EspiScope, kind: str) -> bool:
    covered = {READINGS: scope.intervals, BILLS: scope.summaries, POWER_QUALITY: scope.power_quality}
    return covered.get(kind, False)


def _control(news: _News, base: str) -> list[str]:
    applications = [f"{base}/ApplicationInformation/{each}" for each in sorted(news.applications)]
    return applications + [f"{base}/Authorization/{each}" for each in sorted(news.authorizations)]


def _data(
    db: Connection, party: ThirdParty, news: _News, scopes: Mapping[str, str], base: str, now: datetime
) -> list[str]:
    """The feeds to fetch: one a consent, or one bulk feed for all."""
    most = 0 if wants_bulk(party) else MOST_FEEDS
    usage = [usage_feed(base, consent, *span) for consent, span in sorted(news.usage.items())]
    customer = [f"{base}/Batch/RetailCustomer/{each}" for each in sorted(news.customer)]
    if len(usage) > most:
        fresh = news.authorizations & scopes.keys()
        parts = [Part(consent, first, last, consent in fresh) for consent, (first, last) in news.usage.items()]
        parts += [Part(consent, None, None, is_new=True) for consent in fresh - news.usage.keys()]
        usage = [_bulk(db, party, "usage", parts, base, now)]
    if len(customer) > most:
        customer = [_bulk(db, party, "customer", [Part(each, None, None) for each in news.customer], base, now)]
    return usage + customer


def wants_bulk(party: ThirdParty) -> bool:
    """Whether a third party is to be told of bulk feeds whatever the number of consents (FB_35, FB_67)."""
    return any(parse_scope(scope).blocks & _BULK_BLOCKS for scope in party.offered_scopes)


def usage_feed(base: str, consent_id: str, first: datetime, last: datetime) -> str:
    """The batch of one consent over data times [first, last), to whole seconds."""
    end = last if last.microsecond == 0 else last.replace(microsecond=0) + timedelta(seconds=1)
    return f"{base}/Batch/Subscription/{consent_id}?published-min={stamp(first)}&published-max={stamp(end)}"


def _bulk(db: Connection, party: ThirdParty, kind: bulk.Kind, parts: Sequence[Part], base: str, now: datetime) -> str:
    keep = timedelta(days=party.tenant.section("greenbutton", GreenButtonSettings).bulk_days)
    return f"{base}/Bulk/{bulk.create(db, party, kind, parts, now=now, keep=keep)}"


def _in_messages(resources: Sequence[str]) -> Iterator[Sequence[str]]:
    for at in range(0, len(resources), MOST_RESOURCES):
        yield resources[at : at + MOST_RESOURCES]


def _record(
    db: Connection, party: ThirdParty, endpoint_id: str, kind: str, resources: Sequence[str], now: datetime
) -> str:
    """Notices of one kind reach a third party in their order; one that it refuses holds back its kind alone."""
    return events.record(
        db,
        party.tenant.id,
        kind,
        {"resources": list(resources)},
        now,
        surface=GREENBUTTON,
        subject=f"{kind} {party.client_id}",
        endpoint_id=endpoint_id,
    )
