"""A bulk feed as it is read: consent by consent, each under its own entitlement, so that its length costs no memory."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from energygrid.access.consents import consents
from energygrid.access.consents.consents import Consent
from energygrid.access.tenants import tenant_now
from energygrid.access.third_parties.third_parties import ThirdParty
from energygrid.access.vault import Vault
from energygrid.database.engine import Database
from energygrid.errors import NotFound
from energygrid.greenbutton.bulk.queries import Part
from energygrid.greenbutton.bulk.selections import Selection
from energygrid.greenbutton.bulk.state import state
from energygrid.greenbutton.customer import views
from energygrid.greenbutton.entitlement import entitlement_of
from energygrid.greenbutton.feed import Feed, Item, feed_of, subscription_feed
from energygrid.greenbutton.registration import authorization
from energygrid.greenbutton.usage.context import Context
from energygrid.greenbutton.window import EVERYTHING, Window

_KINDS = {"usage": "espi-feed/Subscription", "customer": "cust-feed/RetailCustomer"}
_TITLES = {"usage": "Green Button Usage Feed", "customer": "Green Button Customer Feed"}
_FORMAT = 1
"""To be raised when the same content is written in other bytes."""


@dataclass(frozen=True, slots=True)
class _Reader:
    """Everything that the parts of one feed share."""

    database: Database
    vault: Vault
    party: ThirdParty
    selection: Selection
    window: Window
    base: str
    href: str
    now: datetime

    @property
    def clock(self) -> datetime:
        return tenant_now(self.party.tenant, self.now)

    def items(self) -> Iterator[Item]:
        for part in self.selection.parts:
            context, consent = self.database.read(_open, self, part)
            if context is None or consent is None:
                continue
            if part.is_new and self.selection.kind == "usage":
                yield authorization(consent, self.base, self.clock)
            yield from self.feed(context, part).entries()

    def feed(self, context: Context, part: Part) -> Feed:
        """One consent's."""
        if self.selection.kind == "customer":
            return feed_of("", self.href, "", self.database.read(views.resources, context))
        window = _within(part, self.window, standing=self.selection.standing)
        if window is None:
            return feed_of("", self.href, "", [])
        return subscription_feed(self.database, context, window, href=self.href)


def feed(
    database: Database,
    vault: Vault,
    party: ThirdParty,
    selection: Selection,
    window: Window = EVERYTHING,
    *,
    base: str,
    href: str,
    now: datetime,
) -> Feed:
    """What a third party reads under a bulk address; a consent that has ended by the time its turn comes is left out.

    base, href  address of every resource, and the one that was asked for
    The version is another whenever the content is; no part of the feed is built to find it.
    """
    reader = _Reader(database, vault, party, selection, window, base, href, now)
    found = database.read(state, party.tenant.id, selection, window.published_min, window.published_max)
    # Agreements begin and end with days, daylight saving rules are those of the year.
    clock = reader.clock.date() if selection.kind == "customer" else reader.clock.year
    facts = (_FORMAT, base, href, selection, window, clock, sorted(party.tenant.settings.items()), found.digest)
    return Feed(
        title=_TITLES[selection.kind],
        href=href,
        kind=_KINDS[selection.kind],
        updated=found.changed_at or party.created_at,
        version=hashlib.sha256(repr(facts).encode()).hexdigest(),
        entries=reader.items,
        readings=found.readings,
    )


def _open(db: Connection, reader: _Reader, part: Part) -> tuple[Context, Consent] | tuple[None, None]:
    """The consent's data, if it still holds."""
    try:
        consent = consents.find(db, reader.party.tenant.id, part.consent_id)
    except NotFound:
        return None, None
    if consent.client_id != reader.party.client_id or not consent.holds(reader.clock):
        return None, None
    entitlement = entitlement_of(db, reader.vault, reader.party.tenant, consent)
    return Context(reader.vault, reader.base, entitlement, reader.clock), consent


def _within(part: Part, asked: Window, *, standing: bool) -> Window | None:
    """The part's data times within those that were asked for; None where nothing of its data is listed."""
    if standing:
        return asked
    if part.first is None or part.last is None:
        return None
    low, high = int(part.first.timestamp()), -int(-part.last.timestamp() // 1)
    low = low if asked.published_min is None else max(low, asked.published_min)
    high = high if asked.published_max is None else min(high, asked.published_max)
    return Window(low, high, asked.updated_min, asked.updated_max) if low < high else None
