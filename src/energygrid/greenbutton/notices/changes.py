"""Marking what third parties are to be told of, in the transaction of whoever knows of the change.

Marks of one consent grow together until they are due, so that a load of ten thousand meters makes few notices. `now` is
the real instant everywhere, for jobs run by it; consents are judged by the tenant's own clock.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TypeAlias

from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.access.consents.consents import Consent
from energygrid.access.tenants import tenant_now
from energygrid.access.third_parties import third_parties
from energygrid.access.third_parties.third_parties import ThirdParty
from energygrid.billing.records.record import RecordKind
from energygrid.database.queue import defer
from energygrid.greenbutton.ahead import requests as ahead
from energygrid.greenbutton.notices import queries
from energygrid.greenbutton.notices.queries import (
    APPLICATION,
    AUTHORIZATION,
    BILLS,
    POWER_QUALITY,
    Span,
    SummarySpan,
)
from energygrid.greenbutton.settings import GreenButtonSettings
from energygrid.metering.calendar import day_span
from energygrid.metering.series import series_by_ids
from energygrid.metering.settings import MeteringSettings
from energygrid.metering.validation import span_of

TASK = "greenbutton.notify"
_SUMMARIES = {RecordKind.MCH: BILLS, RecordKind.INVOICE: BILLS, RecordKind.POWER_QUALITY: POWER_QUALITY}
_CUSTOMERS = frozenset(
    {RecordKind.AGREEMENT, RecordKind.ACCOUNT, RecordKind.STATEMENT, RecordKind.LOCATION, RecordKind.DEVICE}
)
About: TypeAlias = "tuple[str | None, str | None, str | None, str | None]"
"""Account, meter, first and last day (ISO) of a record, as far as it names them."""

PROMPTLY = timedelta(seconds=1)
"""How long the news of a consent or an application waits for others of its kind."""


def data_changed(
    db: Connection, tenant: Tenant, touched: Mapping[str, tuple[datetime, datetime]], now: datetime
) -> None:
    """Readings of meters are new or corrected; by meter, the data times [first, last) among which they are."""
    if not touched or not queries.anybody_listens(db, tenant.id):
        return
    due = now + delay(tenant)
    spans = [Span(meter, first, last) for meter, (first, last) in touched.items()]
    if queries.mark_readings(db, tenant.id, spans, tenant_now(tenant, now), due):
        _book(db, tenant, due, now)


def readings_written(db: Connection, tenant: Tenant, touched: Sequence[tuple[int, int, int]], now: datetime) -> None:
    """The same by series: (series id, first, last block day since 1970), as the store reports what it has written."""
    if not touched or not queries.anybody_listens(db, tenant.id):
        return
    days = {series_id: (first, last) for series_id, first, last in touched}
    spans: dict[str, tuple[datetime, datetime]] = {}
    for series in series_by_ids(db, tenant.id, list(days)):
        if series.owner_kind == "meter":
            span = span_of(series, *days[series.id])
            known = spans.get(series.owner_id, (span.start, span.end))
            spans[series.owner_id] = (min(known[0], span.start), max(known[1], span.end))
    data_changed(db, tenant, spans, now)


def customers_changed(db: Connection, tenant: Tenant, customer_ids: Sequence[str], now: datetime) -> None:
    """What is known of customers, their premises, accounts or meters is not what it was."""
    if not customer_ids or not queries.anybody_listens(db, tenant.id):
        return
    due = now + delay(tenant)
    if queries.mark_customers(db, tenant.id, customer_ids, tenant_now(tenant, now), due):
        _book(db, tenant, due, now)


def records_written(db: Connection, tenant: Tenant, kind: RecordKind, about: Sequence[About], now: datetime) -> None:
    """Billing records are new or corrected. One that names neither account nor meter is nobody's.

    Bills and power quality are data of their days; what tells of accounts, agreements, places and devices is data of
    whoever has them.
    """
    if not queries.anybody_listens(db, tenant.id):
        return
    if kind in _SUMMARIES:
        _summaries_changed(db, tenant, _SUMMARIES[kind], about, now)
    elif kind in _CUSTOMERS:
        accounts = sorted({account for account, _, _, _ in about if account})
        meters = sorted({meter for account, meter, _, _ in about if meter and not account})
        customers_changed(db, tenant, queries.holders(db, tenant.id, accounts, meters), now)


def _summaries_changed(db: Connection, tenant: Tenant, kind: str, about: Sequence[About], now: datetime) -> None:
    zone = tenant.section("metering", MeteringSettings).zone
    spans = [
        SummarySpan(
            account,
            meter,
            day_span(date.fromisoformat(first), zone).start,
            day_span(date.fromisoformat(last), zone).end,
        )
        for account, meter, first, last in about
        if first and last
    ]
    due = now + delay(tenant)
    if spans and queries.mark_summaries(db, tenant.id, kind, spans, tenant_now(tenant, now), due):
        _book(db, tenant, due, now)


def consent_changed(db: Connection, tenant: Tenant, consent: Consent, now: datetime) -> None:
    """A consent was given, changed or revoked. What was built under one that is not what it was goes at once."""
    if consent.changed_at > consent.created_at:
        ahead.forget(db, tenant.id, consent.client_id, consent.id, now)
    party = third_parties.find_by_client(db, consent.client_id)
    if party is not None:
        _mark(db, party, AUTHORIZATION, consent.id, now)


def application_changed(db: Connection, party: ThirdParty, now: datetime) -> None:
    """What ApplicationInformation tells of a third party is not what it was."""
    _mark(db, party, APPLICATION, party.application_id, now)


def delay(tenant: Tenant) -> timedelta:
    """How long a change of data waits for its neighbours."""
    asked = tenant.section("greenbutton", GreenButtonSettings).notice_delay_s
    if asked is not None:
        return timedelta(seconds=asked)
    return timedelta(seconds=1 if tenant.environment == "sandbox" else 60)


def _mark(db: Connection, party: ThirdParty, kind: str, about: str, now: datetime) -> None:
    if party.notify_uri is not None:
        queries.mark(db, party.tenant.id, party.client_id, kind, about, now + PROMPTLY)
        _book(db, party.tenant, now + PROMPTLY, now)


def _book(db: Connection, tenant: Tenant, due: datetime, now: datetime) -> None:
    """One job a tenant and delay waits at a time. One that begins before this commits leaves the rest to the sweep."""
    lock = f"{TASK} {tenant.id} {(due - now).total_seconds():g}"
    defer(db, TASK, at=due.astimezone(UTC), queueing_lock=lock, tenant_id=tenant.id)
