"""The resources of the customer side under one entitlement. All of them are few, so a list is a list."""

from collections.abc import Callable

from sqlalchemy import Connection

from energygrid.billing.records.known import statement_file as stored_file
from energygrid.errors import NotFound
from energygrid.greenbutton.atom import Entry
from energygrid.greenbutton.customer.entries import STATEMENT_BLOCKS, Tree
from energygrid.greenbutton.customer.picture import entitled_to_statement, is_narrowed, picture_of
from energygrid.greenbutton.feed import Feed, feed_of
from energygrid.greenbutton.usage.context import Context

TITLE = "Green Button Customer Feed"

View = Callable[[Connection, Context], list[Entry]]


def resources(db: Connection, ctx: Context) -> list[Entry]:
    """Every entry, parents before children; nothing when the consent is not for the customer side."""
    if not ctx.entitlement.scope.customer:
        return []
    picture = picture_of(db, ctx)
    return [] if picture is None else list(Tree(picture).entries())


def customer_feed(db: Connection, ctx: Context, href: str) -> Feed:
    """Everything in the customer namespace. `href` is the URL that was asked for, with its query."""
    return feed_of(TITLE, href, "cust-feed/RetailCustomer", resources(db, ctx))


def _of(resource: str) -> View:
    def view(db: Connection, ctx: Context) -> list[Entry]:
        return [each for each in resources(db, ctx) if each.resource == resource]

    return view


customers = _of("Customer")
accounts = _of("CustomerAccount")
agreements = _of("CustomerAgreement")
suppliers = _of("ServiceSupplier")
program_date_id_mappings = _of("ProgramDateIdMappings")
service_locations = _of("ServiceLocation")
meters = _of("Meter")
end_devices = _of("EndDevice")
statements = _of("Statement")
local_time_parameters = _of("LocalTimeParameters")


def one(db: Connection, ctx: Context, href: str) -> Entry:
    """The entry at a URL; raises NotFound UNKNOWN_RESOURCE, whether it never was or is somebody else's."""
    for each in resources(db, ctx):
        if each.href == href:
            return each
    raise NotFound("UNKNOWN_RESOURCE", "there is no such resource")


def listed(db: Connection, ctx: Context, up: str) -> list[Entry]:
    """The entries of the list at a URL: empty where its parent has none, NotFound UNKNOWN_RESOURCE without a parent."""
    found = resources(db, ctx)
    entries = [each for each in found if each.up == up]
    parent = up.rpartition("/")[0]
    root = f"{ctx.base}/RetailCustomer/{ctx.entitlement.id}"
    if not entries and parent != root and all(each.href != parent for each in found):
        raise NotFound("UNKNOWN_RESOURCE", "there is no such resource")
    return entries


def statement_file(db: Connection, ctx: Context, statement_id: str) -> tuple[str, str | None, bytes]:
    """Media type, file name and bytes of a statement by its id under this entitlement.

    Raises NotFound UNKNOWN_STATEMENT, also when the consent does not open it.
    """
    scope = ctx.entitlement.scope
    if scope.customer and (not is_narrowed(ctx.entitlement) or scope.blocks & STATEMENT_BLOCKS):
        known = entitled_to_statement(db, ctx, statement_id)
        if known is not None:
            return stored_file(db, ctx.vault, ctx.entitlement.tenant, known.id)
    raise NotFound("UNKNOWN_STATEMENT", "there is no such statement")
