"""From a recipe to bytes: the same feed that the address would answer at once."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection

from energygrid.access.consents import consents
from energygrid.access.tenants import tenant_now
from energygrid.access.third_parties import third_parties
from energygrid.access.vault import Vault
from energygrid.database.engine import Database
from energygrid.errors import NotFound
from energygrid.greenbutton import bulk
from energygrid.greenbutton.ahead.recipes import Recipe
from energygrid.greenbutton.bulk import Selection, queries
from energygrid.greenbutton.entitlement import entitlement_of
from energygrid.greenbutton.feed import Feed, subscription_feed
from energygrid.greenbutton.twins import WRITERS
from energygrid.greenbutton.usage.context import Context


def render(
    database: Database, vault: Vault, base: str, recipe: Recipe, now: datetime
) -> tuple[Iterator[bytes], datetime | None]:
    """The bytes, and when the first of the consents they stand under ends by itself (None: none does).

    base  address of every resource
    Raises NotFound("FEED_GONE") when third party, consent or bulk feed are not there any more.
    """
    try:
        feed, ends = (_subscription if recipe.kind == "subscription" else _bulk)(database, vault, base, recipe, now)
    except NotFound as error:
        raise NotFound("FEED_GONE", error.message) from error
    return WRITERS[recipe.representation](feed), ends


def _subscription(
    database: Database, vault: Vault, base: str, recipe: Recipe, now: datetime
) -> tuple[Feed, datetime | None]:
    context, ends = database.read(_context, vault, base, recipe, now)
    feed = subscription_feed(database, context, recipe.window, usage_point=recipe.usage_point, href=recipe.href)
    return feed, ends


def _context(db: Connection, vault: Vault, base: str, recipe: Recipe, now: datetime) -> tuple[Context, datetime | None]:
    party = third_parties.find(db, recipe.client_id)
    clock = tenant_now(party.tenant, now)
    consent = consents.find(db, party.tenant.id, recipe.name)
    if consent.client_id != party.client_id or not consent.holds(clock):
        raise NotFound("FEED_GONE", f"authorization {recipe.name} has ended")
    return Context(vault, base, entitlement_of(db, vault, party.tenant, consent), clock), consent.expires_at


def _bulk(database: Database, vault: Vault, base: str, recipe: Recipe, now: datetime) -> tuple[Feed, datetime | None]:
    party = database.read(third_parties.find, recipe.client_id)
    kind: bulk.Kind = "customer" if recipe.kind == "bulk_customer" else "usage"
    selection = database.read(bulk.find, party, recipe.name, now, kind)
    feed = bulk.feed(database, vault, party, selection, recipe.window, base=base, href=recipe.href, now=now)
    return feed, database.read(_first_end, party.tenant.id, selection)


def _first_end(db: Connection, tenant_id: int, selection: Selection) -> datetime | None:
    return queries.first_expiry(db, tenant_id, [each.consent_id for each in selection.parts])
