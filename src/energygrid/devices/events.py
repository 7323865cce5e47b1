"""What the gateway reports."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.access.tenants import tenant_now
from energygrid.database.engine import Database
from energygrid.devices import queries
from energygrid.devices.gateways.gateway import Gateway, GatewayEvent
from energygrid.devices.lifecycle import Source, Word, apply, note
from energygrid.devices.queries import Bind
from energygrid.devices.timers import catch_up, current_tenant
from energygrid.errors import NotFound


def apply_gateway_event(db: Connection, tenant: Tenant, event: GatewayEvent, now: datetime) -> Bind:
    """The bind after one event of its gateway; raises NotFound UNKNOWN_BIND.

    An event seen before changes nothing. One that was overtaken by a later event, or is not legal in the bind's state,
    is recorded and changes nothing.
    """
    bind = queries.lock_bind(db, tenant.id, event.bind_id)
    if bind is None:
        raise NotFound("UNKNOWN_BIND", "there is no such bind request", bindRequestId=event.bind_id)
    if queries.has_sequence(db, tenant.id, bind.bind_id, event.sequence):
        return bind
    bind = catch_up(db, tenant, bind, now)
    word = Word(event.signal, tenant_now(tenant, now), Source.GATEWAY, event.reason, event.sequence)
    if event.sequence < queries.last_sequence(db, tenant.id, bind.bind_id):
        note(db, bind, word)
        return bind
    return apply(db, tenant, bind, word, now)


def report(database: Database, tenant: Tenant, events: Iterable[GatewayEvent], now: datetime) -> list[str]:
    """Apply events in the order of their numbers, each in a transaction of its own.

    Returns the ids of binds that are not known here.
    """
    tenant = database.read(current_tenant, tenant)
    unknown: dict[str, None] = {}
    for event in sorted(events, key=lambda event: (event.bind_id, event.sequence)):
        try:
            database.write(apply_gateway_event, tenant, event, now)
        except NotFound:
            unknown[event.bind_id] = None
    return list(unknown)


def poll(database: Database, gateway: Gateway, tenant: Tenant, now: datetime) -> None:
    """Fetch and apply what a gateway has to say of each bind on its way; raises Unavailable.

    What was heard before the gateway fell silent is kept.
    """
    for bind_id in database.read(queries.on_the_way, tenant.id):
        after = database.read(queries.last_sequence, tenant.id, bind_id)
        report(database, tenant, gateway.events(bind_id, after), now)
